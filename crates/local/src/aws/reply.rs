//! Answers of AWS services.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;

/// An answer, before it is counted.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Items that the call names or returns.
    pub(crate) items: Option<usize>,
    /// The `x-amzn-errortype` header, by which the REST protocol names an error.
    pub(crate) error: Option<&'static str>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, body: body.into(), items: None, error: None }
    }

    /// An error of the AWS JSON protocols.
    pub(crate) fn failure(status: StatusCode, kind: &'static str, message: &str) -> Self {
        let body = json!({ "__type": kind, "message": message }).to_string();
        Self { status, body: body.into(), items: None, error: Some(kind) }
    }

    /// An error of the REST protocol.
    pub(crate) fn rest_failure(status: StatusCode, kind: &'static str, message: &str) -> Self {
        let body = json!({ "message": message }).to_string();
        Self { status, body: body.into(), items: None, error: Some(kind) }
    }

    /// There is no such connection.
    pub(crate) fn gone() -> Self {
        Self::rest_failure(StatusCode::GONE, "GoneException", "Gone")
    }

    pub(crate) fn limit_exceeded(message: &str) -> Self {
        Self::rest_failure(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
    }

    /// `RunTask` has started nothing.
    pub(crate) fn task_failures(reason: &str) -> Self {
        Self::ok(json!({ "tasks": [], "failures": [{ "reason": reason }] }).to_string())
    }
}
