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
use crate::admin::{self, Admin};
use crate::clock::elapsed_ms;
use crate::events::{Event, Events, Kind};
use crate::lambda::{Failure, Invocation, Lambda};
use crate::template::stack::HttpApi;
use crate::throttle::Throttle;

/// The largest body that an HTTP API takes.
const BODY: usize = 10 * 1024 * 1024;

/// The server of the first port.
pub(crate) struct Server {
    pub(crate) admin: Admin,
    pub(crate) api: Option<Api>,
}

pub(crate) struct Api {
    pub(crate) definition: HttpApi,
    pub(crate) throttle: Throttle,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) events: Arc<Events>,
}

/// Answers every request to the first port.
pub(crate) async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Answer {
    let path = request.uri().path();
    if path == "/_local" || path.starts_with("/_local/") {
        return admin::answer(&server.admin, request).await;
    }
    let Some(api) = &server.api else {
        return message(
            StatusCode::NOT_FOUND,
            "the template has no HTTP API; the gateway's page is at /_local",
        );
    };
    let cors = api.definition.cors.as_ref();
    let (parts, body) = request.into_parts();
    if let Some(answer) = cors::preflight(cors, &parts.method, &parts.headers) {
        return answer;
    }
    let mut answer = match axum::body::to_bytes(body, BODY).await {
        Ok(body) => routed(api, &parts, &body, peer).await,
        Err(_) => message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
    };
    cors::apply(cors, &parts.headers, answer.headers_mut());
    answer
}

async fn routed(api: &Api, parts: &Parts, body: &[u8], peer: SocketAddr) -> Answer {
    let start = Instant::now();
    let found = routes::find(&api.definition, parts.method.as_str(), parts.uri.path());
    let (mut answer, function, request_id) = match found {
        None => (message(StatusCode::NOT_FOUND, "Not Found"), None, None),
        Some(taken) => {
            let key = taken.key();
            if api.throttle.admits(&key) {
                let (event, request_id) = event::payload(&api.definition, &taken, parts, body, peer.ip());
                let invocation = Invocation { event, route: key, connection: None, size: body.len() };
                let function = &taken.route.function;
                let answer = invoked(&api.lambda, function, invocation).await;
                (answer, Some(api.lambda.name(function)), Some(request_id))
            } else {
                (message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"), None, None)
            }
        }
    };
    if let Some(id) = request_id.and_then(|id| HeaderValue::try_from(id).ok()) {
        answer.headers_mut().insert("apigw-requestid", id);
    }
    // Without the query, which may hold a token.
    let event = Event::new(Kind::Http).route(format!("{} {}", parts.method, parts.uri.path()));
    let event = event.took(elapsed_ms(start)).bytes_in(body.len()).status(answer.status().as_u16());
    let size = answer.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let event = event.bytes_out(size.unwrap_or_default()).failed(answer.status().is_server_error());
    api.events.emit(match function {
        Some(function) => event.function(function),
        None => event,
    });
    answer
}

async fn invoked(lambda: &Lambda, function: &str, invocation: Invocation) -> Answer {
    let failed = || message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    match lambda.invoke(function, invocation).await {
        Ok(payload) => response::answer(&payload).unwrap_or_else(failed),
        Err(Failure::Throttled) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Err(_) => failed(),
    }
}
