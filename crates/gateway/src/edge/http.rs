//! The HTTP API's routes, payload format 2.0.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use lambda_runtime::{LambdaEvent, service_fn};
use model::http::{Answer, HttpError, connection_of_query, path_of_body, path_of_query};
use model::id::ConnectionId;
use model::path::UrlPath;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Error;

/// An HTTP request.
pub struct HttpCall {
    query: String,
    body: Option<String>,
    bearer: Option<String>,
}

impl std::fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpCall(…)")
    }
}

impl HttpCall {
    fn read(event: ApiGatewayV2httpRequest) -> Self {
        let authorization = event.headers.get("authorization").and_then(|value| value.to_str().ok());
        Self {
            bearer: authorization.and_then(bearer).map(str::to_owned),
            query: event.raw_query_string.unwrap_or_default(),
            body: body_text(event.body, event.is_base64_encoded),
        }
    }

    /// The `urlPath` of the query string. The raw string is read: API Gateway joins repeated parameters by commas,
    /// which a path may hold too.
    ///
    /// # Errors
    /// A 400 that says what is wrong with it.
    pub fn path_of_query(&self) -> Result<UrlPath, HttpError> {
        path_of_query(form_urlencoded::parse(self.query.as_bytes()))
    }

    /// The `connectionId` of the query string, if it names one.
    #[must_use]
    pub fn connection_of_query(&self) -> Option<ConnectionId> {
        connection_of_query(form_urlencoded::parse(self.query.as_bytes()))
    }

    /// The `urlPath` of the JSON body.
    ///
    /// # Errors
    /// A 400 that says what is wrong with it.
    pub fn path_of_body(&self) -> Result<UrlPath, HttpError> {
        path_of_body(self.body.as_deref().ok_or(HttpError::BodyNotJson)?)
    }

    /// The token of the `Authorization` header (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.bearer.as_deref()
    }
}

/// The body of an event as text; empty if there is none, `None` if it is not UTF-8.
pub(super) fn body_text(body: Option<String>, is_base64_encoded: bool) -> Option<String> {
    let body = body.unwrap_or_default();
    if !is_base64_encoded {
        return Some(body);
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    String::from_utf8(bytes).ok()
}

/// The token behind `Bearer` (RFC 6750 §2.1).
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Runs the Lambda runtime for a route of the HTTP API.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_http(handler: impl AsyncFn(HttpCall) -> Result<Answer, HttpError>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        // Boxed: the SDK's futures nest deeper than the compiler follows.
        Ok::<Value, Error>(Box::pin(answer(&handler, event.payload)).await)
    }))
    .await
}

/// Handles one request.
pub(super) async fn answer(
    handler: &impl AsyncFn(HttpCall) -> Result<Answer, HttpError>,
    event: ApiGatewayV2httpRequest,
) -> Value {
    let started = Instant::now();
    let route = event.route_key.clone().unwrap_or_default();
    let (status, body) = match handler(HttpCall::read(event)).await {
        Ok(answer) => (200, answer.body()),
        Err(refusal) => {
            if let Some(cause) = std::error::Error::source(&refusal) {
                tracing::error!(route, cause, "Request failed");
            }
            (refusal.status(), json!({ "message": refusal.to_string() }).to_string())
        }
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(route, status, duration_ms, "Request answered");
    response(status, &body)
}

fn response(status: u16, body: &str) -> Value {
    json!({
        "statusCode": status,
        "headers": { "content-type": "application/json" },
        "body": body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::event;

    #[test]
    fn the_query_is_read_as_it_was_sent() {
        assert!(HttpCall::read(event("get-room-id")).path_of_query().is_ok());
        let twice = HttpCall::read(event("get-room-id-url-path-twice")).path_of_query().unwrap_err();
        assert_eq!(twice.to_string(), "urlPath is given twice");
    }

    #[test]
    fn a_body_is_read_whatever_its_encoding() {
        assert!(HttpCall::read(event("claim-room")).path_of_body().is_ok());
        assert!(HttpCall::read(event("claim-room-base64")).path_of_body().is_ok());
        let none = HttpCall::read(event("claim-room-no-body")).path_of_body().unwrap_err();
        assert_eq!(none.to_string(), "missing urlPath");
        let mut broken: ApiGatewayV2httpRequest = event("claim-room-base64");
        broken.body = Some("_w==".into());
        assert_eq!(HttpCall::read(broken).path_of_body().unwrap_err().to_string(), "body is not JSON");
    }

    #[test]
    fn a_bearer_token_is_found_behind_its_scheme() {
        assert_eq!(bearer("Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(bearer("bearer  a.b.c "), Some("a.b.c"));
        assert_eq!(bearer("Basic a.b.c"), None);
        assert_eq!(bearer("a.b.c"), None);
    }
}
