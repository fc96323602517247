//! The server of the WebSocket API: upgrades, and `@connections` for unsigned requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{self, ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::api::Api;
use super::socket;
use crate::aws::{self, Endpoints};
use crate::clock::elapsed_ms;
use crate::connections::Connection;
use crate::events::{Event, Kind};
use crate::http::reply::{Answer, message};
use crate::http::response::ProxyResponse;
use crate::lambda::{Failure, Invocation};

/// What `$connect` comes to.
enum Verdict {
    /// Let in, with the subprotocol that the function chose.
    Admitted(Option<String>),
    Refused(StatusCode),
}

/// The server of the second port.
pub(crate) struct Server {
    pub(crate) api: Option<Arc<Api>>,
    pub(crate) endpoints: Arc<Endpoints>,
}

/// Answers every request to the second port.
pub(crate) async fn answer(
    extract::State(server): extract::State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Answer {
    let Some(api) = &server.api else {
        return message(StatusCode::NOT_FOUND, "the template has no WebSocket API");
    };
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let rest = path.strip_prefix(api.definition.stage.as_str());
    match rest {
        Some("" | "/") => {}
        Some(rest) if rest.starts_with("/@connections/") => {
            let rest = rest.trim_start_matches('/').to_owned();
            return aws::unsigned(&server.endpoints, &rest, request).await;
        }
        Some(_) | None => return message(StatusCode::FORBIDDEN, "Forbidden"),
    }
    let Some(key) = upgrade_key(request.headers()) else {
        return message(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket API: open it as ws://");
    };
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return message(StatusCode::BAD_REQUEST, "the connection cannot be upgraded");
    };
    let (verdict, decided) = oneshot::channel();
    let (parts, _) = request.into_parts();
    let task = open(Arc::clone(api), peer, parts.headers, parts.uri, verdict, upgrade);
    // `$connect` goes on when the client goes away, as at AWS.
    tokio::spawn(task);
    match decided.await {
        Ok(Verdict::Admitted(protocol)) => switch(&key, protocol.as_deref()),
        Ok(Verdict::Refused(status)) => message(status, status.canonical_reason().unwrap_or("refused")),
        Err(_) => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
    }
}

/// The client's key, if it asks for a WebSocket.
fn upgrade_key(headers: &HeaderMap) -> Option<String> {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let upgrade = value(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let version = value(header::SEC_WEBSOCKET_VERSION)? == "13";
    value(header::SEC_WEBSOCKET_KEY).filter(|_| upgrade && version).map(str::to_owned)
}

fn switch(key: &str, protocol: Option<&str>) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::from_str(protocol).ok()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// Runs `$connect`, then the socket to its end.
async fn open(
    api: Arc<Api>,
    peer: SocketAddr,
    headers: HeaderMap,
    uri: Uri,
    verdict: oneshot::Sender<Verdict>,
    upgrade: OnUpgrade,
) {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let (connection, outbox) = Connection::new(peer.ip().to_string(), agent.to_owned());
    let state = &api.state;
    state.connections.add(&connection);
    let start = Instant::now();
    let (decision, why) = decide(&api, &connection, &headers, &uri).await;
    let (status, admitted) = match &decision {
        Verdict::Admitted(_) => (101, true),
        Verdict::Refused(status) => (status.as_u16(), false),
    };
    let event = Event::new(Kind::Connect).connection(&connection.id).route("$connect");
    state.events.emit(event.took(elapsed_ms(start)).status(status).failed(!admitted).text(why));
    if !admitted {
        state.connections.remove(&connection.id);
        let _ = verdict.send(decision);
        return;
    }
    api.journal.opened(&connection.id, connection.connected_at);
    connection.open();
    // A client that has gone away while `$connect` ran: the upgrade below fails, and `$disconnect` follows.
    let _ = verdict.send(decision);
    let end = match upgrade.await {
        Ok(upgraded) => socket::run(&api, &connection, outbox, TokioIo::new(upgraded)).await,
        Err(_) => socket::End::abnormal(),
    };
    socket::disconnected(&api, &connection, end).await;
}

async fn decide(api: &Api, connection: &Connection, headers: &HeaderMap, uri: &Uri) -> (Verdict, String) {
    if !api.throttle.admits("$connect") {
        return (Verdict::Refused(StatusCode::TOO_MANY_REQUESTS), "throttled".into());
    }
    let Some(function) = api.definition.routes.get("$connect") else {
        return (Verdict::Admitted(None), String::new());
    };
    let invocation = Invocation {
        event: api.place().connect(connection, headers, uri),
        route: "$connect".into(),
        connection: Some(connection.id.clone()),
        size: 0,
    };
    match api.lambda.invoke(function, invocation).await {
        Ok(payload) => match ProxyResponse::read(&payload) {
            Some(response) if response.status.is_success() => {
                let protocol = response.header("sec-websocket-protocol").map(str::to_owned);
                (Verdict::Admitted(protocol), String::new())
            }
            Some(response) => (Verdict::Refused(response.status), "refused by its function".into()),
            None => (Verdict::Refused(StatusCode::BAD_GATEWAY), "its function gave no statusCode".into()),
        },
        Err(Failure::Throttled) => (Verdict::Refused(StatusCode::TOO_MANY_REQUESTS), "throttled".into()),
        Err(_) => (Verdict::Refused(StatusCode::BAD_GATEWAY), "its function failed".into()),
    }
}
