//! The WebSocket API.

pub(crate) mod api;
mod event;
pub(crate) mod journal;
mod route;
pub(crate) mod socket;
pub(crate) mod upgrade;
