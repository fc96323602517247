//! The port of the HTTP API: its routes, and the gateway's own page under `/_local`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};

use super::reply::{Answer, message};
use super::{cors, event, response};
use crate::admin;
use crate::events::{Event, Kind, elapsed_ms};
use crate::gateway::Gateway;
use crate::lambda::{Failure, Invocation};
use crate::template::stack::{HttpApi, HttpRoute};

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
    let found = find(api, parts.method.as_str(), parts.uri.path());
    let (mut answer, function, request_id) = match found {
        None => (message(StatusCode::NOT_FOUND, "Not Found"), None, None),
        Some((route, parameters)) => {
            let key = route_key(route);
            if gateway.http_throttle.admits(&key) {
                let (event, request_id) = event::payload(api, &key, &parameters, parts, body, peer.ip());
                let invocation = Invocation { event, route: key, connection: None, size: body.len() };
                let answer = invoked(gateway, &route.function, invocation).await;
                (answer, Some(gateway.lambda.name(&route.function)), Some(request_id))
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

fn route_key(route: &HttpRoute) -> String {
    if route.path == "$default" { route.path.clone() } else { format!("{} {}", route.method, route.path) }
}

/// The route for a request: an exact path before one with variables, a method before `ANY`, `$default`
/// last.
fn find<'a>(api: &'a HttpApi, method: &str, path: &str) -> Option<(&'a HttpRoute, BTreeMap<String, String>)> {
    let path = match api.stage.as_str() {
        "$default" => path,
        stage => path.strip_prefix('/')?.strip_prefix(stage)?,
    };
    let path = if path.is_empty() { "/" } else { path };
    let taken = |route: &&HttpRoute| route.method == method || route.method == "ANY";
    let matching =
        api.routes.iter().filter(taken).filter_map(|route| Some((route, variables(&route.path, path)?)));
    let best = matching.min_by_key(|(route, variables)| (variables.len(), route.method == "ANY"));
    best.or_else(|| {
        api.routes.iter().find(|route| route.path == "$default").map(|route| (route, BTreeMap::new()))
    })
}

/// The variables of `pattern` in `path`; `None` when they do not match.
fn variables(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut found = BTreeMap::new();
    for (expected, given) in pattern.into_iter().zip(path) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !given.is_empty() => {
                found.insert(name.to_owned(), crate::aws::management::percent_decoded(given));
            }
            Some(_) => return None,
            None if expected != given => return None,
            None => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::stack::Throttling;

    #[test]
    fn the_most_specific_route_takes_a_request() {
        let route = |method: &str, path: &str| HttpRoute {
            method: method.into(),
            path: path.into(),
            function: format!("{method} {path}"),
        };
        let mut api = HttpApi {
            logical: "Api".into(),
            api_id: "a".into(),
            stage: "$default".into(),
            routes: vec![
                route("ANY", "/a"),
                route("GET", "/{x}"),
                route("GET", "/a"),
                route("GET", "/a/{id}"),
            ],
            cors: None,
            throttling: Throttling::default(),
        };
        let taken =
            |api: &HttpApi, method, path| find(api, method, path).map(|(route, _)| route.function.clone());
        assert_eq!(taken(&api, "GET", "/a").as_deref(), Some("GET /a"));
        assert_eq!(taken(&api, "PUT", "/a").as_deref(), Some("ANY /a"));
        assert_eq!(taken(&api, "GET", "/b").as_deref(), Some("GET /{x}"));
        assert_eq!(find(&api, "GET", "/a/x%20y").unwrap().1["id"], "x y");
        assert_eq!(taken(&api, "PUT", "/b"), None);
        assert_eq!(taken(&api, "GET", "/a/"), None);
        api.stage = "prod".into();
        assert_eq!(taken(&api, "GET", "/prod/a").as_deref(), Some("GET /a"));
        assert_eq!(taken(&api, "GET", "/a"), None);
        api.routes.push(route("ANY", "$default"));
        assert_eq!(taken(&api, "PUT", "/prod/b").as_deref(), Some("ANY $default"));
    }
}
