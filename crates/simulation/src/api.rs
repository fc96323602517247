//! API Gateway: sockets with their events, the management API, and HTTP.

use std::sync::Arc;

use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::call::Answer;
use crate::invocation::Function;
use crate::lambda::invoke;
use crate::sockets::{Socket, ToClient};
use crate::world::World;

/// How late API Gateway may notice that a socket is broken, or tell of it, in milliseconds.
const LATE: u64 = 20_000;

fn event(world: &World, id: &str, route: &str, kind: &str) -> Value {
    json!({
        "requestContext": {
            "routeKey": route, "eventType": kind, "connectionId": id, "stage": "prod", "apiId": "simulated",
            "connectedAt": world.api.connected_at(id), "requestTimeEpoch": world.now(), "requestId": "r",
            "domainName": "signal.test", "identity": { "sourceIp": "192.0.2.7" },
        },
        "isBase64Encoded": false,
    })
}

/// Opens a socket; `None`: the upgrade was refused.
pub(crate) async fn connect(
    world: &Arc<World>,
    token: Option<&str>,
) -> Option<(String, mpsc::UnboundedReceiver<ToClient>)> {
    world.travel().await;
    let id = world.draw(|fate| format!("{:011x}=", fate.random_range(0..1_u64 << 44)));
    let full = world.strikes(world.faults.full);
    let full = if full { world.draw(|fate| fate.random_range(1_000..9_000)) } else { 0 };
    let now = world.now();
    let socket = Socket { connected_at: now, open: false, full_until: now + full, client: None };
    world.api.sockets.lock().unwrap().insert(id.clone(), socket);
    let mut event = event(world, &id, "$connect", "CONNECT");
    event["headers"] = json!({ "Host": "signal.test" });
    if let Some(token) = token {
        event["queryStringParameters"] = json!({ "token": token });
        event["multiValueQueryStringParameters"] = json!({ "token": [token] });
    }
    let answer = invoke(world, Function::Connect, event).await;
    if answer.is_none_or(|answer| answer["statusCode"] != 200) {
        return None;
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    if let Some(socket) = world.api.sockets.lock().unwrap().get_mut(&id) {
        (socket.open, socket.client) = (true, Some(sender));
    }
    Some((id, receiver))
}

/// A client sends a message: its function is called beside those of other messages.
pub(crate) fn send(world: &Arc<World>, id: &str, text: String) {
    let (world, id) = (Arc::clone(world), id.to_owned());
    spawn_local(async move {
        world.travel().await;
        if world.strikes(world.faults.reorder) {
            world.wait(0, world.faults.slow).await;
        }
        // What is on its way when a socket closes is handled all the same.
        if world.strikes(world.faults.too_many) {
            world.api.deliver(&id, frame(&id, "Too Many Requests"));
            return;
        }
        let request: Value = serde_json::from_str(&text).unwrap();
        let route = request["action"].as_str().unwrap().to_owned();
        let function = match route.as_str() {
            "identify" => Function::Identify,
            "handshake" => Function::Handshake,
            "leave" => Function::Leave,
            "signal" => Function::Signal,
            "publish" | "unpublish" | "updateStream" => Function::Publish,
            "forceDisconnect" | "forceMuteStream" | "forceMuteAll" | "disableForceMute"
            | "forceUnpublish" => Function::Moderate,
            "roster" => Function::Roster,
            _ => Function::Default,
        };
        let mut event = event(&world, &id, &route, "MESSAGE");
        event["body"] = text.into();
        if invoke(&world, function, event).await.is_none() {
            world.api.deliver(&id, frame(&id, "Internal server error"));
        }
    });
}

/// What API Gateway itself says.
fn frame(id: &str, message: &str) -> String {
    json!({ "message": message, "connectionId": id, "requestId": "r" }).to_string()
}

/// A client's network is gone: that is noticed some time later.
pub(crate) fn cut(world: &Arc<World>, id: &str) {
    ends(world, id, None, true);
}

/// A client closes its socket, with 1000.
pub(crate) fn close(world: &Arc<World>, id: &str) {
    ends(world, id, Some(1000), false);
}

/// API Gateway ends a socket by itself: its time is over.
pub(crate) fn expire(world: &Arc<World>, id: &str) {
    gone(world, id, Some(1001));
}

fn ends(world: &Arc<World>, id: &str, code: Option<u16>, late: bool) {
    if let Some(socket) = world.api.sockets.lock().unwrap().get_mut(id) {
        socket.client = None;
    }
    let (world, id) = (Arc::clone(world), id.to_owned());
    spawn_local(async move {
        world.travel().await;
        if late {
            world.wait(0, if world.draw(|fate| fate.random_bool(0.5)) { 100 } else { LATE }).await;
        }
        gone(&world, &id, code);
    });
}

/// A socket is gone, and `$disconnect` tells of it: as a best effort.
fn gone(world: &Arc<World>, id: &str, code: Option<u16>) {
    {
        let mut sockets = world.api.sockets.lock().unwrap();
        let Some(socket) = sockets.get_mut(id).filter(|socket| socket.open) else { return };
        socket.open = false;
        if let Some(client) = socket.client.take() {
            let _ = client.send(ToClient::Closed);
        }
    }
    world.note(|| format!("socket {id} is gone"));
    world.noticed.lock().unwrap().insert(id.to_owned(), world.moments.now());
    if world.strikes(world.faults.drop_disconnect) {
        return;
    }
    let mut event = event(world, id, "$disconnect", "DISCONNECT");
    event["requestContext"]["disconnectStatusCode"] = code.unwrap_or(1006).into();
    for _ in 0..=usize::from(world.strikes(world.faults.repeat_disconnect)) {
        let (world, event) = (Arc::clone(world), event.clone());
        spawn_local(async move {
            world.travel().await;
            if world.strikes(world.faults.delay_disconnect) {
                world.wait(0, LATE).await;
            }
            invoke(&world, Function::Disconnect, event).await;
        });
    }
}

/// The management API.
pub(crate) fn management(world: &Arc<World>, method: &str, path: &str, body: &[u8]) -> Answer {
    let id = path.rsplit('/').next().unwrap_or_default().replace("%3D", "=");
    if !world.api.is_open(&id) {
        return Answer::failed(410, "GoneException");
    }
    let full = method == "POST" && world.now() < world.api.sockets.lock().unwrap()[&id].full_until;
    if full || world.strikes(world.faults.busy) {
        return Answer::failed(429, "LimitExceededException");
    }
    match method {
        "POST" => world.api.deliver(&id, String::from_utf8(body.to_owned()).unwrap()),
        "DELETE" => gone(world, &id, Some(1000)),
        _ => {}
    }
    Answer { status: 200, body: vec![] }
}

/// A request of the HTTP API; answers with the status and the body.
pub(crate) async fn http(
    world: &Arc<World>,
    function: Function,
    route: &str,
    (method, path, query): (&str, &str, &str),
    headers: Value,
    body: Option<String>,
) -> (u16, Value) {
    world.travel().await;
    let mut event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "simulated", "domainName": "rooms.test", "domainPrefix": "rooms",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "" },
            "requestId": "r", "routeKey": route, "stage": "$default", "time": "", "timeEpoch": world.now(),
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    let answer = invoke(world, function, event).await;
    world.travel().await;
    match answer {
        Some(answer) => (u16::try_from(answer["status"].as_u64().unwrap()).unwrap(), answer["body"].clone()),
        None => (500, json!({ "message": "Internal Server Error" })),
    }
}
