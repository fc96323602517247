//! Small HTTP answers.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

/// An answer of any of the servers.
pub(crate) type Answer = Response<Body>;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Answer {
    with_type(status, "application/json", body)
}

/// An answer with this content type.
pub(crate) fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// `{"message": …}`, as API Gateway answers.
pub(crate) fn message(status: StatusCode, message: &str) -> Answer {
    json(status, serde_json::json!({ "message": message }).to_string())
}
