//! The HTTP API, and small things that all servers share.

pub(crate) mod api;
pub(crate) mod cors;
pub(crate) mod event;
pub(crate) mod query;
pub(crate) mod reply;
pub(crate) mod response;
pub(crate) mod routes;
