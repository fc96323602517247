//! The WebSocket API.

pub(crate) mod connection;
pub(crate) mod event;
pub(crate) mod journal;
pub(crate) mod route;
pub(crate) mod socket;
pub(crate) mod upgrade;
