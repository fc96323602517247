//! The Lambda Runtime API, one path a process: `/<word>/runtime/<process>/2018-06-01/runtime/…`.

use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use serde::Deserialize;

use super::process::Process;
use super::processes::Processes;
use crate::clock::now_ms;
use crate::events::{Event, Kind};
use crate::faults::Kill;
use crate::http::reply::{Answer, json};
use crate::state::State;
use crate::template::names;

/// What a function reports when it fails.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Report {
    error_type: String,
    error_message: String,
}

/// Answers a request to `/runtime/<process>/<rest>`.
pub(crate) async fn answer(
    state: &State,
    processes: &Processes,
    process: u64,
    rest: &str,
    body: Bytes,
) -> Answer {
    let Some(process) = processes.get(process) else {
        return json(StatusCode::GONE, r#"{"errorMessage":"this process has been ended"}"#);
    };
    match rest.strip_prefix("2018-06-01/runtime/").unwrap_or_default() {
        "invocation/next" => {
            let Some(work) = process.next().await else {
                return json(StatusCode::GONE, r#"{"errorMessage":"this process is being ended"}"#);
            };
            if is_killed(state, &process, 0) {
                return std::future::pending().await;
            }
            let timeout = u64::try_from(process.function.timeout.as_millis()).unwrap_or(u64::MAX);
            let deadline = now_ms().saturating_add(timeout);
            let mut response = Response::new(work.event.into());
            let mut set = |name: &'static str, value: &str| {
                if let Ok(value) = HeaderValue::from_str(value) {
                    response.headers_mut().insert(name, value);
                }
            };
            set("content-type", "application/json");
            set("lambda-runtime-aws-request-id", &work.request_id);
            set("lambda-runtime-deadline-ms", &deadline.to_string());
            set("lambda-runtime-invoked-function-arn", &names::function_arn(&process.function.name));
            response
        }
        "init/error" => {
            process.init_failed(described(&body));
            accepted()
        }
        path => {
            let end = path.strip_prefix("invocation/").and_then(|path| path.split_once('/'));
            let known = match end {
                Some((id, "response")) => process.answer(id, Ok(body)),
                Some((id, "error")) => process.answer(id, Err(described(&body))),
                _ => return json(StatusCode::NOT_FOUND, r#"{"errorMessage":"unknown path"}"#),
            };
            if known {
                accepted()
            } else {
                json(StatusCode::BAD_REQUEST, r#"{"errorType":"InvalidRequestID"}"#)
            }
        }
    }
}

fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

fn described(body: &[u8]) -> String {
    let report: Report = serde_json::from_slice(body).unwrap_or_default();
    format!("{}: {}", report.error_type, report.error_message)
}

/// Kills the process when a fault says so; it has made this many calls in its invocation.
pub(crate) fn is_killed(state: &State, process: &Process, calls: usize) -> bool {
    let function = &process.function.binary;
    let killed = state.faults.take::<Kill>(Some(function), &calls).is_some();
    if killed {
        let text = format!("killed after {calls} calls");
        state.events.emit(Event::new(Kind::Fault).route("kill").function(function).text(text));
        process.kill();
    }
    killed
}
