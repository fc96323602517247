//! What goes wrong on our side of the wire.

use model::error::Error;
use model::http::HttpError;
use model::session::rest::RestError;

/// A call of ours, or our configuration, failed. Its text is for the log: it names the operation and AWS's error
/// code, never an item, a payload or a header.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct Failure {
    operation: &'static str,
    reason: String,
}

impl Failure {
    /// A failure of `operation`, e.g. `dynamodb:Query`.
    pub fn new(operation: &'static str, reason: impl Into<String>) -> Self {
        Self { operation, reason: reason.into() }
    }

    /// A failure that an SDK reports. The SDK's own `Debug` text would hold whole responses, so only the error
    /// code, its message and the kind of failure are taken.
    pub fn of_sdk<E, R>(operation: &'static str, error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> Self
    where
        E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
    {
        use aws_sdk_dynamodb::error::SdkError;
        let kind = match error {
            SdkError::ConstructionFailure(_) => "the request could not be built",
            SdkError::TimeoutError(_) => "timed out",
            SdkError::DispatchFailure(_) => "could not be sent",
            SdkError::ResponseError(_) => "the response was not understood",
            SdkError::ServiceError(_) => "refused",
            _ => "failed",
        };
        let service = error.as_service_error().map(|error| {
            let meta = error.meta();
            format!(" ({}: {})", meta.code().unwrap_or("no code"), meta.message().unwrap_or("no message"))
        });
        Self::new(operation, format!("{kind}{}", service.unwrap_or_default()))
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
