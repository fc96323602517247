//! The HTTP API's routes, payload format 2.0.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use lambda_runtime::{LambdaEvent, service_fn};
use model::http::{Answer, HttpError, path_of_body, path_of_query};
use model::path::UrlPath;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Error;

/// An HTTP request.
#[derive(Debug)]
pub struct HttpCall {
    query: String,
    body: Option<String>,
    bearer: Option<String>,
}

impl HttpCall {
    fn read(event: ApiGatewayV2httpRequest) -> Self {
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            let bytes = base64::engine::general_purpose::STANDARD.decode(body).ok();
            bytes.and_then(|bytes| String::from_utf8(bytes).ok())
        } else {
            Some(body)
        };
        let authorization = event.headers.get("authorization").and_then(|value| value.to_str().ok());
        Self {
            query: event.raw_query_string.unwrap_or_default(),
            body,
            bearer: authorization.and_then(bearer).map(str::to_owned),
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

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Runs the Lambda runtime for a route of the HTTP API.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_http(handler: impl AsyncFn(HttpCall) -> Result<Answer, HttpError>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let started = Instant::now();
        let route = event.payload.route_key.clone().unwrap_or_default();
        // Boxed: the SDK's futures nest deeper than the compiler follows.
        let (status, body) = match Box::pin(handler(HttpCall::read(event.payload))).await {
            Ok(answer) => (200, answer.body()),
            Err(refusal) => {
                if let Some(cause) = std::error::Error::source(&refusal) {
                    tracing::error!(route, cause, "Request failed");
                }
                (refusal.status(), json!({ "message": refusal.to_string() }))
            }
        };
        let duration_ms = started.elapsed().as_secs_f64() * 1e3;
        tracing::info!(route, status, duration_ms, "Request answered");
        Ok::<Value, Error>(response(status, &body))
    }))
    .await
}

fn response(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": { "content-type": "application/json" },
        "body": body.to_string(),
    })
}
