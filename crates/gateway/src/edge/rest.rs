//! The routes of the REST API, payload format 2.0: any method, path, status and body.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use model::session::rest::{Answer, CREATE, Format, Response, RestError};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Error;
use super::http::{bearer, body_text};

/// A request to the REST API.
pub struct RestCall {
    method: String,
    path: String,
    body: Option<String>,
    opentok_auth: Option<String>,
    authorization: Option<String>,
    accept: Option<String>,
}

impl std::fmt::Debug for RestCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RestCall(…)")
    }
}

impl RestCall {
    fn read(event: ApiGatewayV2httpRequest) -> Self {
        let header = |name| event.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            method: event.request_context.http.method.to_string(),
            opentok_auth: header("x-opentok-auth"),
            authorization: header("authorization"),
            accept: header("accept"),
            path: event.raw_path.unwrap_or_default(),
            body: body_text(event.body, event.is_base64_encoded),
        }
    }

    /// The method, in capitals.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path's segments. API Gateway has decoded the path already.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split('/').map(str::to_owned).collect()
    }

    /// The token that says who asks: of `X-OPENTOK-AUTH`, else behind `Authorization: Bearer`.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn credential(&self) -> Result<&str, RestError> {
        let token = self.opentok_auth.as_deref().map(str::trim);
        token.or_else(|| self.authorization.as_deref().and_then(bearer)).ok_or(RestError::Unauthorized)
    }

    /// The body as text.
    ///
    /// # Errors
    /// 400 when it is not UTF-8.
    pub fn text(&self) -> Result<&str, RestError> {
        self.body.as_deref().ok_or(RestError::Invalid { field: "body", allowed: "must be UTF-8" })
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
        if self.path == CREATE { Format::of_accept(self.accept.as_deref()) } else { Format::Json }
    }
}

/// Runs the Lambda runtime for the REST API.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_rest(handler: impl AsyncFn(RestCall) -> Result<Answer, RestError>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        // Boxed: the SDK's futures nest deeper than the compiler follows.
        Ok::<Value, Error>(Box::pin(answer(&handler, event.payload)).await)
    }))
    .await
}

/// Handles one request. Its path is not logged: somebody may have put a token there.
async fn answer(
    handler: &impl AsyncFn(RestCall) -> Result<Answer, RestError>,
    event: ApiGatewayV2httpRequest,
) -> Value {
    let started = Instant::now();
    let route = event.route_key.clone().unwrap_or_default();
    let call = RestCall::read(event);
    let (method, format) = (call.method.clone(), call.format());
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
    event_of(response)
}

/// The response as API Gateway takes it. What is not there is left out: API Gateway makes up for a key that is null.
fn event_of(response: Response) -> Value {
    let mut event = Map::from_iter([("statusCode".to_owned(), response.status.into())]);
    let mut headers = Map::new();
    if let Some(allow) = response.allow {
        headers.insert("allow".into(), allow.into());
    }
    if let Some((content_type, body)) = response.content {
        headers.insert("content-type".into(), content_type.into());
        event.insert("body".into(), body.into());
    }
    if !headers.is_empty() {
        event.insert("headers".into(), headers.into());
    }
    Value::Object(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(change: impl FnOnce(&mut Value)) -> ApiGatewayV2httpRequest {
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
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_request_is_read_whole() {
        let call = RestCall::read(event(|_| {}));
        assert_eq!(call.method(), "DELETE");
        assert_eq!(call.segments(), ["v2", "project", "47000001", "session", "1_a", "connection", "A="]);
        assert_eq!(call.text().unwrap(), "");
    }

    #[test]
    fn either_header_says_who_asks() {
        assert_eq!(RestCall::read(event(|_| {})).credential().unwrap(), "a.a.a");
        let headers = |headers: Value| RestCall::read(event(|event| event["headers"] = headers));
        assert_eq!(headers(json!({ "authorization": "bearer b.b.b" })).credential().unwrap(), "b.b.b");
        for none in [json!({}), json!({ "authorization": "b.b.b" }), json!({ "authorization": "Basic b" })] {
            assert_eq!(headers(none).credential().unwrap_err().status(), 403);
        }
    }

    #[test]
    fn a_form_is_decoded_also_from_base64() {
        let form = |body: &str, encoded: bool| {
            let call = RestCall::read(event(|event| {
                event["body"] = body.into();
                event["isBase64Encoded"] = encoded.into();
            }));
            call.form()
        };
        let expected = vec![("p2p.preference".to_owned(), "a b=".to_owned())];
        assert_eq!(form("p2p.preference=a+b%3D", false).unwrap(), expected);
        assert_eq!(form("cDJwLnByZWZlcmVuY2U9YStiJTNE", true).unwrap(), expected);
        assert_eq!(form("_w==", true).unwrap_err().to_string(), "body: must be UTF-8");
    }

    #[test]
    fn only_the_creation_of_sessions_knows_xml() {
        assert_eq!(RestCall::read(event(|_| {})).format(), Format::Json);
        let create = RestCall::read(event(|event| event["rawPath"] = CREATE.into()));
        assert_eq!(create.format(), Format::Xml);
    }

    #[tokio::test]
    async fn an_answer_has_what_it_needs_and_nothing_else() {
        let done = answer(&async |_| Ok(Answer::Done), event(|_| {})).await;
        assert_eq!(done, json!({ "statusCode": 204 }));
        let streams = answer(&async |_| Ok(Answer::NoStreams), event(|_| {})).await;
        let headers = json!({ "content-type": "application/json" });
        let expected = json!({ "statusCode": 200, "headers": headers, "body": r#"{"count":0,"items":[]}"# });
        assert_eq!(streams, expected);
        let wrong = async |_| Err(RestError::MethodNotAllowed { allow: vec!["GET"] });
        let refused = answer(&wrong, event(|_| {})).await;
        assert_eq!(refused["headers"], json!({ "allow": "GET", "content-type": "application/json" }));
    }
}
