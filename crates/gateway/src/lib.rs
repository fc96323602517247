//! What the functions share.
//!
//! [`edge`] turns an event of API Gateway into a typed call and an outcome into its answer. [`store`] has one
//! method per access pattern and answers with outcomes of [`model::outcome`]. [`sockets`] posts to connections
//! and closes them. [`departure`] is what happens when a connection ends, whoever notices it. [`session`] is what happens
//! in a session. [`auth`] and [`projects`] check tokens. [`overtaking`] waits for an identify. [`refill`] asks for warm rooms. [`ice`] is what clients need to connect. The rest is plumbing: [`aws`], [`clock`], [`config`], [`failure`], [`logging`].
//!
//! `aws_sdk_dynamodb` is named only in `store`, the management API only in `sockets`, Secrets Manager only in
//! `secrets`, SQS only in `refill`, `lambda_runtime` only in `edge` and `logging`.

mod announce;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod config;
pub mod departure;
pub mod edge;
pub mod failure;
pub mod ice;
pub mod logging;
pub mod overtaking;
pub mod projects;
pub mod refill;
mod secrets;
pub mod session;
pub mod sockets;
pub mod store;
