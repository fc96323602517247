//! The routes of the REST API, payload format 2.0: any method, path, status and body.

use std::time::Instant;

use lambda_http::http::header::{ALLOW, CONTENT_TYPE};
use lambda_http::http::{self, StatusCode};
use lambda_http::{Body, Request, RequestExt as _, Response};
use model::session::rest::{self, Answer, CREATE, Format, RestError};

use super::Error;
use super::http::{bearer, header, route, serve, text};

/// A request to the REST API.
pub struct RestCall(Request);

impl std::fmt::Debug for RestCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RestCall(…)")
    }
}

impl RestCall {
    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        self.0.method().as_str()
    }

    /// The path's segments. API Gateway has decoded the path already.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        let path = self.0.raw_http_path();
        path.strip_prefix('/').unwrap_or(path).split('/').map(str::to_owned).collect()
    }

    /// The token that says who asks: of `X-OPENTOK-AUTH`, else behind `Authorization: Bearer`.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn credential(&self) -> Result<&str, RestError> {
        let token = header(&self.0, "x-opentok-auth").map(str::trim);
        token.or_else(|| bearer(&self.0)).ok_or(RestError::Unauthorized)
    }

    /// The body as text.
    ///
    /// # Errors
    /// 400 when it is not UTF-8.
    pub fn text(&self) -> Result<&str, RestError> {
        text(self.0.body()).ok_or(RestError::Invalid { field: "body", allowed: "must be UTF-8" })
    }

    /// The body as the decoded pairs of a form (`application/x-www-form-urlencoded`).
    ///
    /// # Errors
    /// 400 when it is not UTF-8.
    pub fn form(&self) -> Result<Vec<(String, String)>, RestError> {
        Ok(form_urlencoded::parse(self.text()?.as_bytes()).into_owned().collect())
    }

    /// How the answer is to be written.
    fn format(&self) -> Format {
        if self.0.raw_http_path() == CREATE {
            Format::of_accept(header(&self.0, "accept"))
        } else {
            Format::Json
        }
    }
}

/// Runs the Lambda runtime for the REST API.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_rest(handler: impl AsyncFn(RestCall) -> Result<Answer, RestError>) -> Result<(), Error> {
    serve(async |request| on_rest(&handler, request).await).await
}

/// Handles one request. Its path is not logged: somebody may have put a token there.
///
/// # Errors
/// When the answer cannot be written.
pub async fn on_rest(
    handler: &impl AsyncFn(RestCall) -> Result<Answer, RestError>,
    request: Request,
) -> Result<Response<Body>, http::Error> {
    let call = RestCall(request);
    let started = Instant::now();
    let (route, method, format) = (route(&call.0), call.method().to_owned(), call.format());
    let response = match handler(call).await {
        Ok(answer) => answer.response(format),
        Err(refusal) => {
            if let Some(cause) = std::error::Error::source(&refusal) {
                tracing::error!(route, cause, "Request failed");
            }
            refusal.response(format)
        }
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(route, method, status = response.status, duration_ms, "Request answered");
    written(response)
}

fn written(response: rest::Response) -> Result<Response<Body>, http::Error> {
    let mut builder = Response::builder().status(StatusCode::from_u16(response.status)?);
    if let Some(allow) = response.allow {
        builder = builder.header(ALLOW, allow);
    }
    match response.content {
        Some((content_type, body)) => builder.header(CONTENT_TYPE, content_type).body(body.into()),
        None => builder.body(Body::Empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::edge::golden::request;

    fn call(change: impl FnOnce(&mut Value)) -> RestCall {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "ANY /v2/project/{proxy+}",
            "rawPath": "/v2/project/47000001/session/1_a/connection/A=",
            "rawQueryString": "",
            "headers": { "accept": "text/xml", "authorization": "Bearer b.b.b", "x-opentok-auth": "a.a.a" },
            "requestContext": {
                "http": { "method": "DELETE", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "" },
                "stage": "$default", "timeEpoch": 0,
            },
            "isBase64Encoded": false,
        });
        change(&mut event);
        RestCall(request(&event))
    }

    #[test]
    fn a_request_is_read_whole() {
        let call = call(|_| {});
        assert_eq!(call.method(), "DELETE");
        assert_eq!(call.segments(), ["v2", "project", "47000001", "session", "1_a", "connection", "A="]);
        assert_eq!(call.text().unwrap(), "");
    }

    /// API Gateway has decoded it, so that it may hold what no URI can.
    #[test]
    fn a_path_is_taken_as_it_comes() {
        let call = call(|event| event["rawPath"] = "/v2/project/47000001/session/a b/é%".into());
        assert_eq!(call.segments(), ["v2", "project", "47000001", "session", "a b", "é%"]);
    }

    #[test]
    fn either_header_says_who_asks() {
        assert_eq!(call(|_| {}).credential().unwrap(), "a.a.a");
        let headers = |headers: Value| call(|event| event["headers"] = headers);
        assert_eq!(headers(json!({ "authorization": "bearer b.b.b" })).credential().unwrap(), "b.b.b");
        for none in [json!({}), json!({ "authorization": "b.b.b" }), json!({ "authorization": "Basic b" })] {
            assert_eq!(headers(none).credential().unwrap_err().status(), 403);
        }
    }

    #[test]
    fn a_form_is_decoded_also_from_base64() {
        let form = |body: &str, encoded: bool| {
            let call = call(|event| {
                event["body"] = body.into();
                event["isBase64Encoded"] = encoded.into();
            });
            call.form()
        };
        let expected = vec![("p2p.preference".to_owned(), "a b=".to_owned())];
        assert_eq!(form("p2p.preference=a+b%3D", false).unwrap(), expected);
        assert_eq!(form("cDJwLnByZWZlcmVuY2U9YStiJTNE", true).unwrap(), expected);
        assert_eq!(form("/w==", true).unwrap_err().to_string(), "body: must be UTF-8");
    }

    #[test]
    fn only_the_creation_of_sessions_knows_xml() {
        assert_eq!(call(|_| {}).format(), Format::Json);
        let create = call(|event| event["rawPath"] = CREATE.into());
        assert_eq!(create.format(), Format::Xml);
    }

    async fn answered(
        with: impl AsyncFn(RestCall) -> Result<Answer, RestError>,
    ) -> (u16, Vec<(String, String)>, Body) {
        let response = on_rest(&with, call(|_| {}).0).await.unwrap();
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (response.status().as_u16(), headers.collect(), response.body().clone())
    }

    #[tokio::test]
    async fn an_answer_has_what_it_needs_and_nothing_else() {
        assert_eq!(answered(async |_| Ok(Answer::Done)).await, (204, vec![], Body::Empty));
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let streams = answered(async |_| Ok(Answer::Streams(vec![]))).await;
        assert_eq!(streams, (200, vec![json.clone()], r#"{"count":0,"items":[]}"#.into()));
        let wrong = async |_| Err(RestError::MethodNotAllowed { allow: vec!["GET"] });
        let (status, headers, _) = answered(wrong).await;
        assert_eq!((status, headers), (405, vec![("allow".to_owned(), "GET".to_owned()), json]));
    }
}
