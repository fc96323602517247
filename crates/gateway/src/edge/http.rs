//! The HTTP API's routes, payload format 2.0.

use std::time::Instant;

use lambda_http::http::header::CONTENT_TYPE;
use lambda_http::http::{self, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, Request, RequestExt as _, Response, service_fn};
use model::http::{Answer, HttpError, connection_of_query, path_of_body, path_of_query};
use model::id::ConnectionId;
use model::path::UrlPath;
use send_wrapper::SendWrapper;
use serde_json::json;

use super::Error;

/// An HTTP request.
pub struct HttpCall(Request);

impl std::fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpCall(…)")
    }
}

impl HttpCall {
    /// The query string as it was sent: API Gateway joins repeated parameters by commas, which a path may hold too.
    fn query(&self) -> &[u8] {
        self.0.uri().query().unwrap_or_default().as_bytes()
    }

    /// The `urlPath` of the query string.
    ///
    /// # Errors
    /// A 400 that says what is wrong with it.
    pub fn path_of_query(&self) -> Result<UrlPath, HttpError> {
        path_of_query(form_urlencoded::parse(self.query()))
    }

    /// The `connectionId` of the query string, if it names one.
    #[must_use]
    pub fn connection_of_query(&self) -> Option<ConnectionId> {
        connection_of_query(form_urlencoded::parse(self.query()))
    }

    /// The `urlPath` of the JSON body.
    ///
    /// # Errors
    /// A 400 that says what is wrong with it.
    pub fn path_of_body(&self) -> Result<UrlPath, HttpError> {
        path_of_body(text(self.0.body()).ok_or(HttpError::BodyNotJson)?)
    }

    /// The token of the `Authorization` header (RFC 6750 §2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        bearer(&self.0)
    }
}

/// A body as text; `None` if it is not UTF-8.
pub(super) fn text(body: &Body) -> Option<&str> {
    std::str::from_utf8(body).ok()
}

/// A header as text, unless it is absent or does not read.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The token behind `Bearer` (RFC 6750 §2.1).
pub(super) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The route that API Gateway has chosen.
pub(super) fn route(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone().unwrap_or_default(),
        Some(_) | None => String::new(),
    }
}

/// Runs the Lambda runtime for a route of the HTTP API.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_http(handler: impl AsyncFn(HttpCall) -> Result<Answer, HttpError>) -> Result<(), Error> {
    serve(async |request| on_http(&handler, request).await).await
}

/// Runs the Lambda runtime for requests of the HTTP API.
pub(super) async fn serve<B>(
    handler: impl AsyncFn(Request) -> Result<Response<B>, http::Error>,
) -> Result<(), Error>
where
    Response<B>: IntoResponse,
{
    let handler = &handler;
    // `lambda_http` wants futures that may move between threads. Each function has one thread.
    lambda_http::run(service_fn(|request: Request| {
        SendWrapper::new(async move {
            // Boxed: the SDK's futures nest deeper than the compiler follows.
            Box::pin(handler(request)).await.map_err(Error::from)
        })
    }))
    .await
}

/// Handles one request.
///
/// # Errors
/// When the answer cannot be written.
pub async fn on_http(
    handler: &impl AsyncFn(HttpCall) -> Result<Answer, HttpError>,
    request: Request,
) -> Result<Response<String>, http::Error> {
    let call = HttpCall(request);
    let started = Instant::now();
    let route = route(&call.0);
    let (status, body) = match handler(call).await {
        Ok(answer) => (StatusCode::OK.as_u16(), answer.body()),
        Err(refusal) => {
            if let Some(cause) = std::error::Error::source(&refusal) {
                tracing::error!(route, cause, "Request failed");
            }
            (refusal.status(), json!({ "message": refusal.to_string() }).to_string())
        }
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(route, status, duration_ms, "Request answered");
    Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::{changed, event, request};

    fn call(name: &str) -> HttpCall {
        HttpCall(request(&event(name)))
    }

    #[test]
    fn the_query_is_read_as_it_was_sent() {
        assert!(call("get-room-id").path_of_query().is_ok());
        let twice = call("get-room-id-url-path-twice").path_of_query().unwrap_err();
        assert_eq!(twice.to_string(), "urlPath is given twice");
    }

    #[test]
    fn a_body_is_read_whatever_its_encoding() {
        assert!(call("claim-room").path_of_body().is_ok());
        assert!(call("claim-room-base64").path_of_body().is_ok());
        let none = call("claim-room-no-body").path_of_body().unwrap_err();
        assert_eq!(none.to_string(), "missing urlPath");
        let broken = HttpCall(request(&changed("claim-room-base64", |event| event["body"] = "/w==".into())));
        assert_eq!(broken.path_of_body().unwrap_err().to_string(), "body is not JSON");
    }

    #[test]
    fn a_bearer_token_is_found_behind_its_scheme() {
        let bearer = |value: &str| {
            let event = changed("claim-room", |event| event["headers"]["authorization"] = value.into());
            HttpCall(request(&event)).bearer().map(str::to_owned)
        };
        assert_eq!(bearer("Bearer a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(bearer("bearer  a.b.c ").as_deref(), Some("a.b.c"));
        assert_eq!(bearer("Basic a.b.c"), None);
        assert_eq!(bearer("a.b.c"), None);
    }

    #[test]
    fn the_route_is_the_one_that_api_gateway_has_chosen() {
        assert_eq!(route(&call("claim-room").0), "PATCH /claimRoom");
    }
}
