//! What every AWS client of ours is built from, and the calls that are made without one.

mod call;
mod connections;
mod settings;
mod signature;

pub(crate) use call::{Call, CallError, Service};
pub(crate) use connections::{connector, http_client, no_retries, warm_up};
pub use settings::load;
