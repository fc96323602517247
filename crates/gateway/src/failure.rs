//! What goes wrong on our side of the wire.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use model::error::Error;
use model::http::HttpError;
use model::session::rest::RestError;

/// A call of ours, or our configuration, failed. Its text is for the log: it names the operation and AWS's error
/// code, never an item, a payload or a header.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct Failure {
    operation: &'static str,
    reason: String,
    contended: bool,
}

impl Failure {
    /// A failure of `operation`, e.g. `dynamodb:Query`.
    pub fn new(operation: &'static str, reason: impl Into<String>) -> Self {
        Self { operation, reason: reason.into(), contended: false }
    }

    /// The same, because others write the same all the time.
    pub(crate) fn contended(self) -> Self {
        Self { contended: true, ..self }
    }

    /// Whether others were always quicker.
    pub(crate) fn is_contended(&self) -> bool {
        self.contended
    }

    /// A failure that an SDK reports. The SDK's own `Debug` text would hold whole responses, so only the error
    /// code, its message and the kind of failure are taken.
    pub fn of_sdk<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let kind = match error {
            SdkError::ConstructionFailure(_) => "the request could not be built",
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "could not be sent",
            SdkError::ResponseError(_) => "the response was not understood",
            SdkError::ServiceError(_) => "refused",
            _ => "failed",
        };
        match error.as_service_error().map(ProvideErrorMetadata::meta) {
            Some(meta) => Self::refused(operation, meta.code(), meta.message()),
            None => Self::new(operation, kind),
        }
    }

    /// A failure that a service answers with.
    pub(crate) fn refused(operation: &'static str, code: Option<&str>, message: Option<&str>) -> Self {
        let (code, message) = (code.unwrap_or("no code"), message.unwrap_or("no message"));
        Self::new(operation, format!("refused ({code}: {message})"))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Internal(Box::new(failure))
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        Self::Internal(Box::new(failure))
    }
}

impl From<Failure> for RestError {
    fn from(failure: Failure) -> Self {
        Self::Internal(Box::new(failure))
    }
}
