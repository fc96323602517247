//! What a function is invoked for, and why that may come to nothing.

use std::time::Duration;

use bytes::Bytes;

#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) event: Bytes,
    /// The route key, for lines and records.
    pub(crate) route: String,
    pub(crate) connection: Option<String>,
    /// Bytes of what the client sent, for lines.
    pub(crate) size: usize,
}

/// The text is for the developer, never for a client.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("throttled: the function's reserved concurrency is used up")]
    Throttled,
    #[error("{0}")]
    Init(String),
    #[error("{0}")]
    Error(String),
    #[error("timed out after {0:?} and was killed")]
    Timeout(Duration),
    #[error("{0}")]
    Killed(String),
}
