//! The port of the HTTP API: its routes, and the gateway's own page under `/_local`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};

use super::reply::{Answer, message};
use super::{cors, event, response, routes};
use crate::admin;
use crate::events::{Event, Kind, elapsed_ms};
use crate::gateway::Gateway;
use crate::lambda::{Failure, Invocation};
use crate::template::stack::HttpApi;

/// The largest body that an HTTP API takes.
const BODY: usize = 10 * 1024 * 1024;

/// Answers every request to the first port.
pub(crate) async fn answer(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    let path = request.uri().path();
    if path == "/_local" || path.starts_with("/_local/") {
        return admin::answer(&gateway, request).await;
    }
    let Some(api) = &gateway.http else {
        return message(
            StatusCode::NOT_FOUND,
            "the template has no HTTP API; the gateway's page is at /_local",
        );
    };
    let (parts, body) = request.into_parts();
    if let Some(answer) = cors::preflight(api.cors.as_ref(), &parts.method, &parts.headers) {
        return answer;
    }
    let mut answer = match axum::body::to_bytes(body, BODY).await {
        Ok(body) => routed(&gateway, api, &parts, &body, peer).await,
        Err(_) => message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
    };
    cors::apply(api.cors.as_ref(), &parts.headers, answer.headers_mut());
    answer
}

async fn routed(
    gateway: &Arc<Gateway>,
    api: &HttpApi,
    parts: &Parts,
    body: &[u8],
    peer: SocketAddr,
) -> Answer {
    let start = Instant::now();
    let found = routes::find(api, parts.method.as_str(), parts.uri.path());
    let (mut answer, function, request_id) = match found {
        None => (message(StatusCode::NOT_FOUND, "Not Found"), None, None),
        Some(taken) => {
            let key = taken.key();
            if gateway.http_throttle.admits(&key) {
                let (event, request_id) = event::payload(api, &taken, parts, body, peer.ip());
                let invocation = Invocation { event, route: key, connection: None, size: body.len() };
                let function = &taken.route.function;
                let answer = invoked(gateway, function, invocation).await;
                (answer, Some(gateway.lambda.name(function)), Some(request_id))
            } else {
                (message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"), None, None)
            }
        }
    };
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        answer.headers_mut().insert("apigw-requestid", id);
    }
    // The path only: a query may hold what is nobody's business.
    let event = Event::new(Kind::Http).route(format!("{} {}", parts.method, parts.uri.path()));
    let event = event.took(elapsed_ms(start)).bytes_in(body.len()).status(answer.status().as_u16());
    let size = answer.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let event = event.bytes_out(size.unwrap_or_default()).failed(answer.status().is_server_error());
    gateway.events.emit(match function {
        Some(function) => event.function(function),
        None => event,
    });
    answer
}

async fn invoked(gateway: &Arc<Gateway>, function: &str, invocation: Invocation) -> Answer {
    let failed = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    match gateway.lambda.invoke(function, invocation).await {
        Ok(payload) => response::answer(&payload).unwrap_or_else(failed),
        Err(Failure::Throttled) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => failed(),
    }
}
