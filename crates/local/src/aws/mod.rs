//! The AWS services that functions call: `/aws/<process>/<service>`, so that a call is known to belong to
//! one invocation, and `/<service>` for everybody else.

pub(crate) mod dynamodb;
pub(crate) mod ecs;
pub(crate) mod management;
pub(crate) mod secrets;
pub(crate) mod sqs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;

use crate::events::{Event, Kind, elapsed_ms};
use crate::faults::Probe;
use crate::gateway::Gateway;
use crate::http::reply::{Answer, json};
use crate::lambda::process::Process;
use crate::lambda::records::Call;
use crate::lambda::runtime_api;

/// The most that AWS takes in one request: a DynamoDB batch.
const BODY: usize = 16 * 1024 * 1024;
/// How long a call without an answer is kept waiting.
pub(crate) const NO_ANSWER: Duration = Duration::from_mins(1);

/// What a service answers, before it is counted.
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
        let body = serde_json::json!({ "__type": kind, "message": message }).to_string();
        Self { status, body: body.into(), items: None, error: Some(kind) }
    }
}

/// A call as a service sees it.
pub(crate) struct Called<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    /// The calling function, when it is one.
    pub(crate) function: Option<&'a str>,
    pub(crate) operation: &'a str,
    pub(crate) body: &'a Bytes,
}

/// Answers every request to the port of the AWS endpoints.
pub(crate) async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY).await else {
        return json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"__type":"RequestEntityTooLargeException"}"#);
    };
    let path = parts.uri.path().trim_start_matches('/');
    if let Some((id, rest)) = path.strip_prefix("runtime/").and_then(numbered) {
        return runtime_api::answer(&gateway.lambda, id, rest, body).await;
    }
    let Some((id, rest)) = path.strip_prefix("aws/").and_then(numbered) else {
        return call(&gateway, None, path, &parts, body).await;
    };
    let Some(process) = gateway.lambda.process(id) else {
        return json(
            StatusCode::GONE,
            r#"{"__type":"ExpiredTokenException","message":"this process has been ended"}"#,
        );
    };
    call(&gateway, Some(&process), rest, &parts, body).await
}

/// Answers a request to `@connections` on the port of the WebSocket API, from outside.
pub(crate) async fn unsigned(gateway: &Arc<Gateway>, rest: &str, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY).await {
        Ok(body) => call(gateway, None, &format!("management/{rest}"), &parts, body).await,
        Err(_) => json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request too large"}"#),
    }
}

fn numbered(path: &str) -> Option<(u64, &str)> {
    let (id, rest) = path.split_once('/')?;
    Some((id.parse().ok()?, rest))
}

async fn call(
    gateway: &Arc<Gateway>,
    process: Option<&Arc<Process>>,
    path: &str,
    parts: &Parts,
    body: Bytes,
) -> Answer {
    if parts.headers.contains_key("origin") {
        // At AWS such a request is signed, which no web page can do.
        return json(StatusCode::FORBIDDEN, r#"{"message":"Forbidden: not for web pages"}"#);
    }
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let target = target.rsplit('.').next().unwrap_or_default();
    let start = Instant::now();
    let function = process.map(|process| process.function.binary.as_str());
    let called = |operation| Called { gateway, function, operation, body: &body };
    let (service, operation, reply) = match service {
        "dynamodb" => ("dynamodb", target, dynamodb::answer(&called(target)).await),
        "ecs" => ("ecs", target, ecs::answer(&called(target)).await),
        "secrets" => ("secrets", target, secrets::answer(&called(target))),
        "sqs" => ("sqs", target, sqs::answer(&called(target)).await),
        "management" => {
            let operation = management::operation(&parts.method);
            ("management", operation, management::answer(&called(operation), rest).await)
        }
        _ => {
            return json(
                StatusCode::NOT_FOUND,
                r#"{"__type":"UnknownOperationException","message":"here are dynamodb, ecs, secrets, sqs and management"}"#,
            );
        }
    };
    let call = Call {
        service,
        operation: operation.to_owned(),
        request_bytes: body.len(),
        response_bytes: reply.body.len(),
        status: reply.status.as_u16(),
        items: reply.items,
        duration_ms: elapsed_ms(start),
    };
    if let Some(process) = process {
        count(gateway, process, call).await;
    }
    respond(reply, service)
}

/// Counts a call, and kills its process when a fault says so: after the call, before its answer.
async fn count(gateway: &Arc<Gateway>, process: &Arc<Process>, call: Call) {
    let function = &process.function.binary;
    gateway.events.emit(
        Event::new(Kind::Call)
            .function(function)
            .route(format!("{} {}", call.service, call.operation))
            .took(call.duration_ms)
            .bytes_in(call.request_bytes)
            .bytes_out(call.response_bytes)
            .status(call.status),
    );
    let calls = process.count(call);
    if calls > 0 && gateway.faults.take(Probe::Kill { function, calls }).is_some() {
        runtime_api::struck(&gateway.lambda, function, calls);
        process.kill();
        std::future::pending::<()>().await;
    }
}

fn respond(reply: Reply, service: &str) -> Answer {
    let mut response = Answer::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    let content_type = match service {
        "dynamodb" | "sqs" => "application/x-amz-json-1.0",
        "management" => "application/json",
        _ => "application/x-amz-json-1.1",
    };
    headers.insert("content-type", HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&crate::ids::uuid()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(error) = reply.error {
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error));
    }
    response
}

/// Tells that a fault has struck a call.
pub(crate) fn struck(called: &Called<'_>, service: &str, what: &str) {
    let event = Event::new(Kind::Fault).route(service).text(format!("{}: {what}", called.operation));
    called.gateway.events.emit(match called.function {
        Some(function) => event.function(function),
        None => event,
    });
}
