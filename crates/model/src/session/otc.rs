//! The numbers and names that OpenTok's clients know errors by.

use serde::Serialize;
use serde::ser::SerializeStruct as _;

use super::signal::InvalidSignal;
use crate::error::Error;
use crate::request::Action;

/// An error of OpenTok that a server can meet. The names are those of its C header (`otc_session_error_code`) and of
/// its JavaScript and iOS clients where that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otc {
    /// The API key or the token is not valid.
    AuthorizationFailure,
    /// No such session.
    InvalidSession,
    /// What was asked for needs a connection to a session.
    NotConnected,
    /// A parameter is missing, or not what it must be.
    InvalidParameter,
    /// The connection is in a session already, or its place is somebody else's.
    IllegalState,
    /// As many connections as the session may have.
    ConnectionLimitExceeded,
    /// Media of a relayed session goes between two others.
    RelayedSessionFull,
    /// A signal's data is over its limit.
    SignalDataTooLong,
    /// A signal's type is over its limit.
    SignalTypeTooLong,
    /// A signal's type has a character that it may not have.
    InvalidSignalType,
    /// The role does not allow to publish, or the stream is somebody else's.
    UnableToPublish,
    /// The role does not allow to subscribe.
    UnableToSubscribe,
    /// The role does not allow to end somebody else's connection.
    UnableToForceDisconnect,
    /// The role does not allow to end somebody else's stream.
    UnableToForceUnpublish,
    /// The role does not allow to mute somebody else's streams.
    UnableToForceMute,
    /// There is no such stream.
    InvalidStream,
    /// As many streams as a connection may have.
    StreamLimitExceeded,
    /// Our side failed.
    InternalError,
    /// An issue could not be reported.
    ReportIssue,
    /// The session is encrypted end to end, and the client has no secret.
    EncryptionSecretMissing,
}

impl Otc {
    /// What an error is called that a session's client is told of, when it has asked for `action`; `None` for those
    /// that OpenTok has no number for, or gives to no server.
    #[must_use]
    pub fn of(error: &Error, action: Option<Action>) -> Option<Self> {
        Some(match error {
            Error::Unauthorized(_) => Self::AuthorizationFailure,
            Error::RoomNotFound => Self::InvalidSession,
            Error::ConnectionNotFound => Self::NotConnected,
            Error::BadMessage { .. } | Error::TooLarge { .. } => Self::InvalidParameter,
            Error::InvalidSignal(InvalidSignal::TypeTooLong) => Self::SignalTypeTooLong,
            Error::InvalidSignal(InvalidSignal::TypeAlphabet) => Self::InvalidSignalType,
            Error::InvalidSignal(InvalidSignal::DataTooLong) => Self::SignalDataTooLong,
            Error::AlreadyIdentified | Error::PeerInUse | Error::Superseded => Self::IllegalState,
            Error::ConnectionLimitExceeded(_) => Self::ConnectionLimitExceeded,
            Error::EncryptionSecretMissing => Self::EncryptionSecretMissing,
            Error::StreamNotFound => Self::InvalidStream,
            Error::RelayedSessionFull => Self::RelayedSessionFull,
            Error::StreamLimitExceeded => Self::StreamLimitExceeded,
            Error::Forbidden(_) => match action? {
                Action::ForceDisconnect => Self::UnableToForceDisconnect,
                Action::ForceUnpublish => Self::UnableToForceUnpublish,
                Action::ForceMuteStream | Action::ForceMuteAll | Action::DisableForceMute => {
                    Self::UnableToForceMute
                }
                Action::Publish | Action::Unpublish | Action::UpdateStream => Self::UnableToPublish,
                Action::Subscribe | Action::Unsubscribe => Self::UnableToSubscribe,
                Action::Identify
                | Action::Enter
                | Action::Handshake
                | Action::Leave
                | Action::Signal
                | Action::ReportIssue
                | Action::Roster
                | Action::Ping => return None,
            },
            Error::IssueNotStored(_) => Self::ReportIssue,
            Error::Internal(_) => Self::InternalError,
            Error::BadJson
            | Error::UnknownAction
            | Error::MissingType
            | Error::PeerNotFound
            | Error::RoomClosed
            | Error::RoomNeeded
            | Error::RoomClaimed
            | Error::TooManyRequests
            | Error::RateExceeded(_)
            | Error::SfuUnavailable => return None,
        })
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::AuthorizationFailure => 1004,
            Self::InvalidSession => 1005,
            Self::NotConnected => 1010,
            Self::InvalidParameter => 1011,
            Self::IllegalState => 1015,
            Self::ConnectionLimitExceeded => 1027,
            Self::RelayedSessionFull => 1403,
            Self::SignalDataTooLong => 1413,
            Self::SignalTypeTooLong => 1414,
            Self::InvalidSignalType => 1461,
            Self::UnableToPublish => 1500,
            Self::UnableToSubscribe => 1501,
            Self::UnableToForceDisconnect => 1520,
            Self::UnableToForceUnpublish => 1530,
            Self::InvalidStream => 1535,
            Self::UnableToForceMute => 1540,
            Self::StreamLimitExceeded => 1605,
            Self::InternalError => 2000,
            Self::ReportIssue => 2011,
            Self::EncryptionSecretMissing => 6000,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationFailure => "OTC_SESSION_AUTHORIZATION_FAILURE",
            Self::InvalidSession => "OTC_SESSION_INVALID_SESSION",
            Self::NotConnected => "OTC_SESSION_NOT_CONNECTED",
            Self::InvalidParameter => "OTC_SESSION_NULL_OR_INVALID_PARAMETER",
            Self::IllegalState => "OTC_SESSION_ILLEGAL_STATE",
            Self::ConnectionLimitExceeded => "OTC_SESSION_CONNECTION_LIMIT_EXCEEDED",
            Self::RelayedSessionFull => "OT_P2P_SESSION_MAX_PARTICIPANTS",
            Self::SignalDataTooLong => "OTC_SESSION_SIGNAL_DATA_TOO_LONG",
            Self::SignalTypeTooLong => "OTC_SESSION_SIGNAL_TYPE_TOO_LONG",
            Self::InvalidSignalType => "OTC_SESSION_INVALID_SIGNAL_TYPE",
            Self::UnableToPublish => "OT_UNABLE_TO_PUBLISH",
            Self::UnableToSubscribe => "OT_UNABLE_TO_SUBSCRIBE",
            Self::InvalidStream => "OTC_SESSION_FORCE_UNPUBLISH_OR_INVALID_STREAM",
            Self::StreamLimitExceeded => "OT_STREAM_LIMIT_EXCEEDED",
            Self::UnableToForceDisconnect => "OTC_SESSION_UNABLE_TO_FORCE_DISCONNECT",
            Self::UnableToForceUnpublish => "OTC_SESSION_UNABLE_TO_FORCE_UNPUBLISH",
            Self::UnableToForceMute => "OT_UNABLE_TO_FORCE_MUTE",
            Self::InternalError => "OTC_SESSION_INTERNAL_ERROR",
            Self::ReportIssue => "OT_REPORT_ISSUE_ERROR",
            Self::EncryptionSecretMissing => "OTC_SESSION_ENCRYPTION_SECRET_MISSING",
        }
    }
}

impl Serialize for Otc {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Otc", 2)?;
        object.serialize_field("number", &self.number())?;
        object.serialize_field("name", self.name())?;
        object.end()
    }
}
