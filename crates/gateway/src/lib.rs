//! What the functions share.
//!
//! | | |
//! |---|---|
//! | [`edge`] | an event of API Gateway or a queue becomes a typed request, an outcome its answer |
//! | [`rooms`] | what happens in rooms: who sends, who comes, who goes, and who is told |
//! | [`store`] | the tables: one method per access pattern, which answers with outcomes of [`model::outcome`] |
//! | [`sockets`] | posts to connections, probes and closes them |
//! | [`app`] | the last two, and what the rooms' rules depend on |
//! | [`auth`], [`projects`] | who may enter |
//! | [`ice`], [`refill`], [`timers`] | what clients need to connect; warm rooms; what is due later |
//!
//! The rest is plumbing: [`aws`], [`clock`], [`config`], [`failure`], [`logging`], [`machine`].
//!
//! `aws_sdk_dynamodb` is named only in `store`, the management API only in `sockets`, Secrets Manager only in
//! `secrets`, SQS only in `queue`, `lambda_runtime` only in `edge` and `logging`.

pub mod app;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod config;
pub mod edge;
pub mod failure;
pub mod ice;
pub mod logging;
pub mod machine;
pub mod projects;
mod queue;
pub mod refill;
pub mod rooms;
mod secrets;
pub mod sockets;
pub mod store;
pub mod tickets;
pub mod timers;
