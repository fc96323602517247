//! The AWS services that functions call: `/<word>/aws/<process>/<service>`, so that a call is known to belong to
//! one invocation, and `/<word>/<service>` for all other callers.

mod call;
pub(crate) mod dynamodb;
pub(crate) mod ecs;
mod management;
pub(crate) mod reply;
mod secrets;
pub(crate) mod sqs;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{self, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use dynoxide::Database;

use crate::clock::elapsed_ms;
use crate::events::{Event, Kind};
use crate::http::reply::{Answer, json};
use crate::lambda::process::Process;
use crate::lambda::processes::Processes;
use crate::lambda::records::Call;
use crate::lambda::runtime_api;
use crate::queues::Queues;
use crate::secrets::Secrets;
use crate::state::State;
use crate::streams::Streams;
use call::Called;
use ecs::Tasks;
use reply::Reply;

/// The most that AWS takes in one request: a DynamoDB batch.
const BODY: usize = 16 * 1024 * 1024;
/// The server of the AWS endpoints and the Runtime API.
pub(crate) struct Endpoints {
    /// What all paths begin with. Only functions, and whoever reads `urls.json`, know it.
    pub(crate) word: String,
    pub(crate) state: Arc<State>,
    pub(crate) processes: Arc<Processes>,
    pub(crate) database: Database,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) streams: Arc<Streams>,
}

/// Answers every request to the port of the AWS endpoints.
pub(crate) async fn answer(
    extract::State(endpoints): extract::State<Arc<Endpoints>>,
    request: Request,
) -> Answer {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY).await else {
        return json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"__type":"RequestEntityTooLargeException"}"#);
    };
    let path = parts.uri.path().trim_start_matches('/').strip_prefix(endpoints.word.as_str());
    let Some(path) = path.and_then(|rest| rest.strip_prefix('/')) else {
        return json(StatusCode::FORBIDDEN, r#"{"message":"Forbidden: the paths are those of urls.json"}"#);
    };
    if let Some((id, rest)) = path.strip_prefix("runtime/").and_then(numbered) {
        return runtime_api::answer(&endpoints.state, &endpoints.processes, id, rest, body).await;
    }
    let Some((id, rest)) = path.strip_prefix("aws/").and_then(numbered) else {
        return call(&endpoints, None, path, &parts, body).await;
    };
    let Some(process) = endpoints.processes.get(id) else {
        return json(
            StatusCode::GONE,
            r#"{"__type":"ExpiredTokenException","message":"this process has been ended"}"#,
        );
    };
    call(&endpoints, Some(&process), rest, &parts, body).await
}

/// Answers a request to `@connections` on the port of the WebSocket API, from outside.
pub(crate) async fn unsigned(endpoints: &Endpoints, rest: &str, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key("origin") {
        // At AWS such a request is signed, which no web page can do.
        return json(StatusCode::FORBIDDEN, r#"{"message":"Forbidden: not for web pages"}"#);
    }
    match axum::body::to_bytes(body, BODY).await {
        Ok(body) => call(endpoints, None, &format!("management/{rest}"), &parts, body).await,
        Err(_) => json(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request too large"}"#),
    }
}

fn numbered(path: &str) -> Option<(u64, &str)> {
    let (id, rest) = path.split_once('/')?;
    Some((id.parse().ok()?, rest))
}

async fn call(
    endpoints: &Endpoints,
    process: Option<&Arc<Process>>,
    path: &str,
    parts: &Parts,
    body: Bytes,
) -> Answer {
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let target = target.rsplit('.').next().unwrap_or_default();
    let start = Instant::now();
    let function = process.map(|process| process.function.binary.as_str());
    let Endpoints { state, database, secrets, tasks, queues, streams, .. } = endpoints;
    let (events, faults) = (&*state.events, &state.faults);
    let called = |operation| Called { events, faults, function, operation, body: &body };
    let (service, operation, reply) = match service {
        "dynamodb" => ("dynamodb", target, dynamodb::answer(database, streams, &called(target)).await),
        "ecs" => ("ecs", target, ecs::answer(tasks, &called(target)).await),
        "secrets" => ("secrets", target, secrets::answer(secrets, &called(target))),
        "sqs" => ("sqs", target, sqs::answer(queues, &called(target)).await),
        "management" => {
            let operation = management::operation(&parts.method);
            ("management", operation, management::answer(&state.connections, &called(operation), rest).await)
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
        count(state, process, call).await;
    }
    respond(reply, service)
}

/// Counts a call, and kills its process when a fault says so: after the call, before its answer.
async fn count(state: &State, process: &Process, call: Call) {
    state.events.emit(
        Event::new(Kind::Call)
            .function(&process.function.binary)
            .route(format!("{} {}", call.service, call.operation))
            .took(call.duration_ms)
            .bytes_in(call.request_bytes)
            .bytes_out(call.response_bytes)
            .status(call.status),
    );
    let calls = process.count(call);
    if calls > 0 && runtime_api::is_killed(state, process, calls) {
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
