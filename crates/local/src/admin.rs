//! `/_local`: the page, and the admin API behind it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use dynoxide::Database;
use serde_json::{Value as Json, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::aws::dynamodb;
use crate::aws::ecs::Tasks;
use crate::events::Event;
use crate::http::query;
use crate::http::reply::{self, Answer, message, with_type};
use crate::lambda::Lambda;
use crate::queues::Queues;
use crate::state::State;
use crate::streams::Streams;
use crate::template::stack::Table;

const PAGE: &str = include_str!("page.html");
/// The page is one file, and connects to this server alone.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; frame-ancestors 'none'";
/// A request body here is one small JSON object.
const BODY: usize = 64 * 1024;
/// The interval at which a comment keeps a quiet stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What the page shows.
pub(crate) struct Admin {
    pub(crate) state: Arc<State>,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) database: Database,
    pub(crate) tables: Vec<Table>,
    /// The keys of the WebSocket API's routes.
    pub(crate) routes: Option<Vec<String>>,
    /// `host:port` of the server that it is part of.
    pub(crate) host: String,
}

/// Answers a request to `/_local…`.
pub(crate) async fn answer(admin: &Admin, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = foreign(&admin.host, &parts) {
        return refusal;
    }
    let Ok(body) = axum::body::to_bytes(body, BODY).await else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let path = parts.uri.path().trim_start_matches("/_local").trim_matches('/').to_owned();
    let query = |name: &str| {
        let parameters = query::parameters(parts.uri.query().unwrap_or_default());
        parameters.into_iter().find_map(|(known, mut values)| if known == name { values.pop() } else { None })
    };
    let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
    match (&parts.method, first, rest) {
        (&Method::GET, "", "") => page(),
        (&Method::GET, "state", "") => json_answer(&state(admin)),
        (&Method::GET, "tables", name) => table(admin, name, query("limit")).await,
        (&Method::GET, "events", "") => {
            let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            let since = last.or_else(|| query("since")).and_then(|since| since.parse().ok());
            stream(&admin.state, since)
        }
        (&Method::GET, "invocations", "") => json_answer(&admin.lambda.records(query("function").as_deref())),
        (&Method::DELETE, "invocations", "") => {
            admin.lambda.clear_records();
            json_answer(&json!({}))
        }
        (&Method::GET, "faults", "") => json_answer(&admin.state.faults.list()),
        (&Method::POST, "faults", "") => {
            let fault: Json = serde_json::from_slice(&body).unwrap_or_default();
            match admin.state.add_fault(&fault) {
                Ok(id) => json_answer(&json!({ "id": id })),
                Err(why) => message(StatusCode::BAD_REQUEST, &why),
            }
        }
        (&Method::DELETE, "faults", id) => match (id, id.parse()) {
            ("", _) => json_answer(&json!({ "deleted": admin.state.faults.delete(None) })),
            (_, Ok(id)) if admin.state.faults.delete(Some(id)) > 0 => json_answer(&json!({ "deleted": 1 })),
            _ => message(StatusCode::NOT_FOUND, "there is no such fault"),
        },
        (&Method::POST, "cut", "") => {
            let request: Json = serde_json::from_slice(&body).unwrap_or_default();
            json_answer(
                &json!({ "cut": admin.state.cut(request.get("connectionId").and_then(Json::as_str)) }),
            )
        }
        _ => message(
            StatusCode::NOT_FOUND,
            "here are GET state, tables/<name>, events, invocations and faults; POST faults and cut; DELETE faults \
             and invocations",
        ),
    }
}

fn page() -> Answer {
    let mut answer = with_type(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    answer
}

/// Refuses what another web page may have sent: an origin that is not our own, or a host that only a
/// manipulated DNS answer leads here.
fn foreign(own: &str, parts: &Parts) -> Option<Answer> {
    let port = own.rsplit(':').next().unwrap_or_default();
    let ours = |host: &str| host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}");
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).is_some_and(ours);
    let origin = parts.headers.get(header::ORIGIN).is_none_or(|origin| {
        origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")).is_some_and(ours)
    });
    (!host || !origin).then(|| message(StatusCode::FORBIDDEN, "Forbidden: not from this gateway's own page"))
}

fn json_answer(value: &Json) -> Answer {
    let mut answer = reply::json(StatusCode::OK, value.to_string());
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn state(admin: &Admin) -> Json {
    let Admin { state, lambda, .. } = admin;
    let functions: Vec<_> = lambda
        .pools()
        .map(|pool| {
            let (processes, invocations, errors) = pool.counts();
            json!({
                "name": pool.function().binary,
                "logicalId": pool.function().logical,
                "processes": processes,
                "invocations": invocations,
                "errors": errors,
            })
        })
        .collect();
    let tables: Vec<_> = admin.tables.iter().map(|table| table.logical.as_str()).collect();
    json!({
        "startedAt": state.started_at,
        "connections": state.connections.list(),
        "underWay": state.under_way.count() + state.connections.passing(),
        "tasks": admin.tasks.list(),
        "queues": admin.queues.list(),
        "streams": admin.streams.list(),
        "functions": functions,
        "faults": state.faults.list(),
        "tables": tables,
        "routes": admin.routes,
    })
}

async fn table(admin: &Admin, name: &str, limit: Option<String>) -> Answer {
    let Some(table) = admin.tables.iter().find(|table| table.logical == name || table.name == name) else {
        let names: Vec<_> = admin.tables.iter().map(|table| table.logical.as_str()).collect();
        return message(
            StatusCode::NOT_FOUND,
            &format!("there is no such table; there are {}", names.join(", ")),
        );
    };
    let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let items = dynamodb::items(&admin.database, &table.name, limit).await;
    json_answer(&json!({ "name": table.name, "items": items }))
}

/// Server-sent events: the past after `since` when that is given, then what happens.
fn stream(state: &State, since: Option<u64>) -> Answer {
    let (past, live) = state.events.subscribe(since.unwrap_or(u64::MAX));
    let stream = futures::stream::unfold((VecDeque::from(past), live), |(mut past, mut live)| async move {
        let chunk = next_chunk(&mut past, &mut live).await?;
        Some((Ok::<_, Infallible>(chunk), (past, live)))
    });
    let mut answer = with_type(StatusCode::OK, "text/event-stream", Body::from_stream(stream));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Everything that is there, in one piece; waits for the first.
async fn next_chunk(
    past: &mut VecDeque<Arc<Event>>,
    live: &mut broadcast::Receiver<Arc<Event>>,
) -> Option<Bytes> {
    let mut chunk = String::new();
    let mut add = |event: Arc<Event>| {
        let json = serde_json::to_string(&*event).unwrap_or_default();
        // A String takes every write.
        let _ = write!(chunk, "id: {}\ndata: {json}\n\n", event.seq);
    };
    if past.is_empty() {
        match tokio::time::timeout(KEEP_ALIVE, live.recv()).await {
            Ok(Ok(event)) => add(event),
            Ok(Err(RecvError::Lagged(_))) => {}
            Ok(Err(RecvError::Closed)) => return None,
            Err(_) => return Some(Bytes::from_static(b": still here\n\n")),
        }
        while let Ok(event) = live.try_recv() {
            add(event);
        }
    } else {
        past.drain(..).for_each(add);
    }
    Some(chunk.into())
}
