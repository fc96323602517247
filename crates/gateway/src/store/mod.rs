//! The two DynamoDB tables, one method per access pattern (ARCHITECTURE, "Data").
//!
//! Every write that can race carries a condition, and answers with an outcome of [`model::outcome`]. No Scan and
//! no index: what is read decides nothing unless the write that follows is conditioned on it.

mod admission;
mod claims;
mod connections;
mod departures;
mod mailbox;
mod outbox;
mod persons;
mod pool;
mod rate_limit;
mod read;
mod reader;
mod retry;
mod sessions;
mod sfus;
mod slots;
mod streams;
mod tables;
mod transaction;
mod write;

pub use admission::{Join, Policy};
pub use claims::Claimant;
pub use rate_limit::{Limited, Sequence};
pub use read::{Members, Receiver, Roster, Route};
pub(crate) use retry::Pauses;
pub use sfus::Serve;
pub use slots::Limits;
pub use tables::Store;
