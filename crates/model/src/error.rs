//! Every way in which a WebSocket request can fail, and what its sender is told (PROTOCOL, "Errors").

use std::error::Error as StdError;

use crate::session::signal::InvalidSignal;

/// Why a request failed. What [`Error::message`] answers may be shown to anybody: it names fields and limits,
/// never a value, a cause or somebody else's id.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON.
    #[error("message is not JSON")]
    BadJson,
    /// No route is named so.
    #[error("unknown action")]
    UnknownAction,
    /// `identify` without a `type`, or with one that does not exist.
    #[error("missing or unknown type")]
    MissingType,
    /// A field is not what it must be.
    #[error("bad message: {field}: {allowed}")]
    BadMessage {
        /// The field, as a path from the message's root or from its `data`.
        field: &'static str,
        /// What the field may be.
        allowed: &'static str,
    },
    /// The connection is gone, or has not said who it is.
    #[error("connection not found, or not identified")]
    ConnectionNotFound,
    /// Whoever this is has not proved it. The socket is closed after the answer.
    #[error("unauthorized: {0}")]
    Unauthorized(&'static str),
    /// The proof holds, but not for this.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// No such room, or none that clients may enter yet.
    #[error("room not found")]
    RoomNotFound,
    /// The receiver of an SFU's message is no member of the room.
    #[error("peer not found")]
    PeerNotFound,
    /// The room's SFU has left for good.
    #[error("room closed")]
    RoomClosed,
    /// The connection is another peer, or in another room.
    #[error("already identified as somebody else")]
    AlreadyIdentified,
    /// Somebody else is this peer.
    #[error("peer in use")]
    PeerInUse,
    /// A newer connection of the same peer is there.
    #[error("superseded by a newer connection")]
    Superseded,
    /// A spare SFU wants to leave, and the pool needs its room.
    #[error("room needed")]
    RoomNeeded,
    /// A spare SFU wants to leave, and somebody has claimed its room.
    #[error("room claimed")]
    RoomClaimed,
    /// A field is over one of our limits.
    #[error("too large: {field}: {allowed}")]
    TooLarge {
        /// The field, as in [`Error::BadMessage`].
        field: &'static str,
        /// Its limit, with the unit.
        allowed: &'static str,
    },
    /// The receiver's socket takes no more for now, or others are always quicker.
    #[error("too many requests")]
    TooManyRequests,
    /// The person has done this too often, or has too much of it.
    #[error("rate exceeded: {0}")]
    RateExceeded(&'static str),
    /// The room's SFU has lost its socket; it may come back.
    #[error("sfu unavailable")]
    SfuUnavailable,
    /// The session, or the token, has as many connections as it may have.
    #[error("connection limit exceeded: {0}")]
    ConnectionLimitExceeded(&'static str),
    /// A member has as many streams as it may have.
    #[error("stream limit exceeded")]
    StreamLimitExceeded,
    /// Media of a relayed session goes between two others.
    #[error("relayed session full")]
    RelayedSessionFull,
    /// There is no such stream, or no more.
    #[error("stream not found")]
    StreamNotFound,
    /// The session is encrypted end to end, and the client did not say that it is ready for that.
    #[error("encryption secret missing")]
    EncryptionSecretMissing,
    /// What is to be signaled cannot be a signal.
    #[error("invalid signal: {0:?}")]
    InvalidSignal(InvalidSignal),
    /// Our side failed to store an issue. The cause is for the log only.
    #[error("issue not stored: {0}")]
    IssueNotStored(#[source] Box<dyn StdError + Send + Sync>),
    /// Our side failed otherwise. The cause is for the log only.
    #[error("internal error: {0}")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// The status, with HTTP's meaning.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadJson
            | Self::UnknownAction
            | Self::MissingType
            | Self::BadMessage { .. }
            | Self::InvalidSignal(InvalidSignal::TypeAlphabet)
            | Self::ConnectionNotFound
            | Self::EncryptionSecretMissing => 400,
            Self::Unauthorized(_) => 401,
            Self::Forbidden(_) => 403,
            Self::RoomNotFound | Self::PeerNotFound | Self::StreamNotFound => 404,
            Self::AlreadyIdentified
            | Self::PeerInUse
            | Self::Superseded
            | Self::RelayedSessionFull
            | Self::RoomNeeded
            | Self::RoomClaimed => 409,
            Self::RoomClosed => 410,
            Self::TooLarge { .. }
            | Self::InvalidSignal(InvalidSignal::TypeTooLong | InvalidSignal::DataTooLong) => 413,
            Self::TooManyRequests
            | Self::RateExceeded(_)
            | Self::ConnectionLimitExceeded(_)
            | Self::StreamLimitExceeded => 429,
            Self::IssueNotStored(_) | Self::Internal(_) => 500,
            Self::SfuUnavailable => 503,
        }
    }

    /// The code that programs match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::UnknownAction => "unknown_action",
            Self::MissingType => "missing_type",
            Self::BadMessage { .. } | Self::InvalidSignal(InvalidSignal::TypeAlphabet) => "bad_message",
            Self::ConnectionNotFound => "connection_not_found",
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::RoomNotFound => "room_not_found",
            Self::PeerNotFound => "peer_not_found",
            Self::RoomClosed => "room_closed",
            Self::AlreadyIdentified => "already_identified",
            Self::PeerInUse => "peer_in_use",
            Self::Superseded => "superseded",
            Self::RoomNeeded => "room_needed",
            Self::RoomClaimed => "room_claimed",
            Self::TooLarge { .. }
            | Self::InvalidSignal(InvalidSignal::TypeTooLong | InvalidSignal::DataTooLong) => "too_large",
            Self::TooManyRequests | Self::RateExceeded(_) => "too_many_requests",
            Self::IssueNotStored(_) | Self::Internal(_) => "internal_error",
            Self::SfuUnavailable => "sfu_unavailable",
            Self::ConnectionLimitExceeded(_) => "connection_limit_exceeded",
            Self::StreamLimitExceeded => "stream_limit_exceeded",
            Self::StreamNotFound => "stream_not_found",
            Self::RelayedSessionFull => "relayed_session_full",
            Self::EncryptionSecretMissing => "encryption_secret_missing",
        }
    }

    /// The sentence that the client is shown.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::BadJson => "Message is not JSON".into(),
            Self::UnknownAction => "Unknown action".into(),
            Self::MissingType => "Missing valid type property".into(),
            Self::BadMessage { field, allowed } | Self::TooLarge { field, allowed } => {
                format!("{field}: {allowed}")
            }
            Self::InvalidSignal(InvalidSignal::TypeTooLong) => "type: at most 128 bytes".into(),
            Self::InvalidSignal(InvalidSignal::TypeAlphabet) => {
                "type: must be characters of A-Z a-z 0-9 - _ ~".into()
            }
            Self::InvalidSignal(InvalidSignal::DataTooLong) => "data: at most 8192 bytes of UTF-8".into(),
            Self::ConnectionNotFound => "WebSocket Connection Not Found".into(),
            Self::Unauthorized(sentence)
            | Self::Forbidden(sentence)
            | Self::RateExceeded(sentence)
            | Self::ConnectionLimitExceeded(sentence) => (*sentence).into(),
            Self::RoomNotFound => "Room not found".into(),
            Self::PeerNotFound => "Peer not found".into(),
            Self::StreamNotFound => "Stream not found".into(),
            Self::StreamLimitExceeded => "A connection may have at most 8 streams".into(),
            Self::RelayedSessionFull => "The media of a relayed session goes between two others".into(),
            Self::RoomClosed => "Room is closed".into(),
            Self::AlreadyIdentified => "Connection is already identified as another peer or room".into(),
            Self::PeerInUse => "Peer is in use by another connection".into(),
            Self::Superseded => "A newer connection of this peer is in the room".into(),
            Self::RoomNeeded => "The room is kept for the next claim".into(),
            Self::RoomClaimed => "The room has been claimed".into(),
            Self::TooManyRequests => "Too many requests".into(),
            Self::IssueNotStored(_) | Self::Internal(_) => "Internal Server Error".into(),
            Self::SfuUnavailable => "SFU is not connected".into(),
            Self::EncryptionSecretMissing => {
                "The session is encrypted end to end: a secret, and e2eeReady, are needed".into()
            }
        }
    }

    /// Whether the very same request can succeed a little later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::TooManyRequests
            | Self::RateExceeded(_)
            | Self::SfuUnavailable
            | Self::ConnectionLimitExceeded(_)
            | Self::StreamLimitExceeded
            | Self::IssueNotStored(_)
            | Self::Internal(_) => true,
            Self::BadJson
            | Self::UnknownAction
            | Self::MissingType
            | Self::BadMessage { .. }
            | Self::InvalidSignal(_)
            | Self::ConnectionNotFound
            | Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::RoomNotFound
            | Self::PeerNotFound
            | Self::StreamNotFound
            | Self::RelayedSessionFull
            | Self::RoomClosed
            | Self::AlreadyIdentified
            | Self::PeerInUse
            | Self::Superseded
            | Self::RoomNeeded
            | Self::RoomClaimed
            | Self::EncryptionSecretMissing
            | Self::TooLarge { .. } => false,
        }
    }

    /// What failed on our side: for the log only.
    #[must_use]
    pub fn failure(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        if let Self::IssueNotStored(cause) | Self::Internal(cause) = self {
            Some(cause.as_ref())
        } else {
            None
        }
    }
}
