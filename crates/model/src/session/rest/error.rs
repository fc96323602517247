//! Why a REST request failed.

use std::error::Error as StdError;

/// Why a REST request failed. The `Display` text is the body's `message`; it never holds a cause, or what was sent.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// No credential, or one that is not (or no longer) valid.
    #[error("Invalid credentials")]
    Unauthorized,
    /// The credential is another project's.
    #[error("The credentials are not of the project in the path")]
    OtherProject,
    /// A part of the request is not what it may be.
    #[error("{field}: {allowed}")]
    Invalid {
        /// Which part.
        field: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A part of the request is too long.
    #[error("{field}: {allowed}")]
    TooLong {
        /// Which part.
        field: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// There is no such path.
    #[error("There is no such endpoint")]
    NoEndpoint,
    /// The path is there, the method is not.
    #[error("The method is not allowed here")]
    MethodNotAllowed {
        /// The methods that are, for the `Allow` header (RFC 9110 §15.5.6).
        allow: Vec<&'static str>,
    },
    /// The session is unknown, or another project's.
    #[error("Session not found")]
    SessionNotFound,
    /// The connection is not in the session.
    #[error("Connection not found")]
    ConnectionNotFound,
    /// The session has no such stream.
    #[error("Stream not found")]
    StreamNotFound,
    /// The connection's socket takes no more for now, or its streams change all the time.
    #[error("Too many requests for this connection")]
    Busy,
    /// What the vendor has and we do not.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
    /// Our side failed; the cause is for the log only.
    #[error("Internal Server Error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl RestError {
    /// The HTTP status, and the `code` of the body.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid { .. } => 400,
            Self::Unauthorized | Self::OtherProject => 403,
            Self::NoEndpoint | Self::SessionNotFound | Self::ConnectionNotFound | Self::StreamNotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::TooLong { .. } => 413,
            Self::Busy => 429,
            Self::Internal(_) => 500,
            Self::NotImplemented(_) => 501,
        }
    }
}
