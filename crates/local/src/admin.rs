//! `/_local`: the page, and the admin API behind it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use serde_json::{Value as Json, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::aws::dynamodb;
use crate::events::Numbered;
use crate::gateway::Gateway;
use crate::http::query;
use crate::http::reply::{self, Answer, message, with_type};

const PAGE: &str = include_str!("page.html");
/// The page is one file and talks to nobody else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; frame-ancestors 'none'";
/// A request body here is one small JSON object.
const BODY: usize = 64 * 1024;
/// A comment so often keeps a quiet stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Answers a request to `/_local…`.
pub(crate) async fn answer(gateway: &Arc<Gateway>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = foreign(gateway, &parts) {
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
        (&Method::GET, "state", "") => json_answer(&state(gateway)),
        (&Method::GET, "tables", name) => table(gateway, name, query("limit")),
        (&Method::GET, "events", "") => {
            let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            let since = last.or_else(|| query("since")).and_then(|since| since.parse().ok());
            stream(gateway, since)
        }
        (&Method::GET, "invocations", "") => {
            json_answer(&gateway.lambda.records.list(query("function").as_deref()))
        }
        (&Method::DELETE, "invocations", "") => {
            gateway.lambda.records.clear();
            json_answer(&json!({}))
        }
        (&Method::GET, "faults", "") => json_answer(&gateway.faults.list()),
        (&Method::POST, "faults", "") => {
            let fault: Json = serde_json::from_slice(&body).unwrap_or_default();
            match gateway.add_fault(&fault) {
                Ok(id) => json_answer(&json!({ "id": id })),
                Err(why) => message(StatusCode::BAD_REQUEST, &why),
            }
        }
        (&Method::DELETE, "faults", id) => match (id, id.parse()) {
            ("", _) => json_answer(&json!({ "deleted": gateway.faults.delete(None) })),
            (_, Ok(id)) if gateway.faults.delete(Some(id)) > 0 => json_answer(&json!({ "deleted": 1 })),
            _ => message(StatusCode::NOT_FOUND, "there is no such fault"),
        },
        (&Method::POST, "cut", "") => {
            let request: Json = serde_json::from_slice(&body).unwrap_or_default();
            json_answer(&json!({ "cut": gateway.cut(request.get("connectionId").and_then(Json::as_str)) }))
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
fn foreign(gateway: &Gateway, parts: &Parts) -> Option<Answer> {
    let port = gateway.urls.http_host.rsplit(':').next().unwrap_or_default();
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

fn state(gateway: &Gateway) -> Json {
    let functions: Vec<_> = gateway
        .lambda
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
    let tables: Vec<_> = gateway.tables.iter().map(|table| table.logical.as_str()).collect();
    json!({
        "startedAt": gateway.started_at,
        "connections": gateway.connections.list(),
        "underWay": gateway.under_way.count() + gateway.connections.passing(),
        "tasks": gateway.tasks.list(),
        "queues": gateway.queues.list(),
        "functions": functions,
        "faults": gateway.faults.list(),
        "tables": tables,
        "routes": gateway.websocket.as_ref().map(|api| api.routes.keys().collect::<Vec<_>>()),
    })
}

fn table(gateway: &Gateway, name: &str, limit: Option<String>) -> Answer {
    let Some(table) = gateway.tables.iter().find(|table| table.logical == name || table.name == name) else {
        let names: Vec<_> = gateway.tables.iter().map(|table| table.logical.as_str()).collect();
        return message(
            StatusCode::NOT_FOUND,
            &format!("there is no such table; there are {}", names.join(", ")),
        );
    };
    let limit = limit.and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    json_answer(
        &json!({ "name": table.name, "items": dynamodb::items(&gateway.database, &table.name, limit) }),
    )
}

/// Server-sent events: the past after `since` when that is given, then what happens.
fn stream(gateway: &Gateway, since: Option<u64>) -> Answer {
    let (past, live) = gateway.events.subscribe(since.unwrap_or(u64::MAX));
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
    past: &mut VecDeque<Numbered>,
    live: &mut broadcast::Receiver<Numbered>,
) -> Option<Bytes> {
    let mut chunk = BytesMut::new();
    let mut add = |(seq, event): Numbered| {
        chunk.extend_from_slice(format!("id: {seq}\ndata: ").as_bytes());
        chunk.extend_from_slice(&event);
        chunk.extend_from_slice(b"\n\n");
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
    Some(chunk.freeze())
}
