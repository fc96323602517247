//! The events that API Gateway hands to the functions of a WebSocket API.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Uri};
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use crate::clock::{self, now_ms};
use crate::connections::Connection;
use crate::http::query;
use crate::ids;
use crate::template::stack::WebSocketApi;

/// Where the API is reached, as its events say.
pub(crate) struct Place<'a> {
    pub(crate) api: &'a WebSocketApi,
    /// `host:port`.
    pub(crate) domain: &'a str,
}

impl Place<'_> {
    /// `$connect`, with the headers and the query of the upgrade request.
    pub(crate) fn connect(&self, connection: &Connection, headers: &HeaderMap, uri: &Uri) -> Bytes {
        let mut context = self.context(connection, "CONNECT", "$connect");
        context.insert("connectedAt".into(), connection.connected_at.into());
        let (single, multi) = headers_of(headers, connection);
        let mut event = Map::new();
        event.insert("headers".into(), single);
        event.insert("multiValueHeaders".into(), multi);
        let parameters = query::parameters(uri.query().unwrap_or_default());
        if !parameters.is_empty() {
            let last: Map<_, _> = parameters
                .iter()
                .filter_map(|(name, values)| Some((name.clone(), values.last()?.clone().into())))
                .collect();
            let all: Map<_, _> = parameters.into_iter().map(|(name, values)| (name, values.into())).collect();
            event.insert("queryStringParameters".into(), last.into());
            event.insert("multiValueQueryStringParameters".into(), all.into());
        }
        event.insert("requestContext".into(), context.into());
        event.insert("isBase64Encoded".into(), false.into());
        bytes(event)
    }

    /// A message from the client; answers with its request id too.
    pub(crate) fn message(&self, connection: &Connection, route: &str, body: &str) -> (Bytes, String) {
        let mut context = self.context(connection, "MESSAGE", route);
        context.insert("messageId".into(), ids::request().into());
        let request_id = context.get("requestId").and_then(Json::as_str).unwrap_or_default().to_owned();
        let mut event = Map::new();
        event.insert("requestContext".into(), context.into());
        event.insert("body".into(), body.into());
        event.insert("isBase64Encoded".into(), false.into());
        (bytes(event), request_id)
    }

    /// `$disconnect`, with the code and the reason of the close frame.
    pub(crate) fn disconnect(&self, connection: &Connection, code: u16, reason: &str) -> Bytes {
        let mut context = self.context(connection, "DISCONNECT", "$disconnect");
        context.insert("disconnectStatusCode".into(), code.into());
        context.insert("disconnectReason".into(), reason.into());
        let mut event = Map::new();
        let headers = json!({
            "Host": self.domain,
            "x-api-key": "",
            "X-Forwarded-For": "",
            "x-restapi": "",
        });
        let multi: Map<_, _> = headers
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), Json::Array(vec![value.clone()])))
            .collect();
        event.insert("headers".into(), headers);
        event.insert("multiValueHeaders".into(), multi.into());
        event.insert("requestContext".into(), context.into());
        event.insert("isBase64Encoded".into(), false.into());
        bytes(event)
    }

    fn context(&self, connection: &Connection, event_type: &str, route: &str) -> Map<String, Json> {
        let (now, request_id) = (now_ms(), ids::request());
        let mut identity = Map::new();
        identity.insert("sourceIp".into(), connection.source_ip.clone().into());
        if !connection.user_agent.is_empty() {
            identity.insert("userAgent".into(), connection.user_agent.clone().into());
        }
        let mut context = Map::new();
        let members = json!({
            "routeKey": route,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": clock::request_time(now),
            "messageDirection": "IN",
            "stage": self.api.stage,
            "connectedAt": connection.connected_at,
            "requestTimeEpoch": now,
            "identity": identity,
            "requestId": request_id,
            "domainName": self.domain,
            "connectionId": connection.id,
            "apiId": self.api.api_id,
        });
        if let Json::Object(members) = members {
            context.extend(members);
        }
        context
    }
}

fn bytes(event: Map<String, Json>) -> Bytes {
    Json::Object(event).to_string().into()
}

/// Headers by name, last value and all values. Names are written as API Gateway passes them on.
fn headers_of(headers: &HeaderMap, connection: &Connection) -> (Json, Json) {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        // API Gateway keeps the two that make an upgrade to itself.
        if name == "connection" || name == "upgrade" {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(title_case(name.as_str())).or_default().push(value);
    }
    all.insert("X-Forwarded-For".into(), vec![connection.source_ip.clone()]);
    all.insert("X-Forwarded-Port".into(), vec!["443".into()]);
    all.insert("X-Forwarded-Proto".into(), vec!["https".into()]);
    let single: Map<_, _> =
        all.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone().into()))).collect();
    let multi: Map<_, _> = all.into_iter().map(|(name, values)| (name, values.into())).collect();
    (single.into(), multi.into())
}

/// `sec-websocket-key` as `Sec-WebSocket-Key`.
fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        if word == "websocket" {
            return "WebSocket".to_owned();
        }
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    });
    words.collect::<Vec<String>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::stack::Throttling;

    fn api() -> WebSocketApi {
        WebSocketApi {
            api_id: "abcdefghij".into(),
            stage: "prod".into(),
            selector: "action".into(),
            routes: BTreeMap::new(),
            throttling: Throttling::default(),
        }
    }

    fn connection() -> std::sync::Arc<Connection> {
        Connection::restored("L0SM9cOFvHcCIhw=".into(), 1_000, "127.0.0.1".into(), "test".into()).0
    }

    /// The event with everything that differs from run to run replaced.
    fn golden(event: &Bytes) -> Json {
        let mut event: Json = serde_json::from_slice(event).unwrap();
        for key in ["extendedRequestId", "requestTime", "requestId", "requestTimeEpoch", "messageId"] {
            if let Some(value) = event["requestContext"].get_mut(key) {
                assert!(!value.is_null());
                *value = "*".into();
            }
        }
        event
    }

    #[test]
    fn events_have_the_shape_of_the_golden_files() {
        let (api, connection) = (api(), connection());
        let place = Place { api: &api, domain: "127.0.0.1:3001" };
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:3001".parse().unwrap());
        headers.insert("sec-websocket-key", "a2V5".parse().unwrap());
        headers.insert("upgrade", "websocket".parse().unwrap());
        headers.insert("origin", "https://a.example".parse().unwrap());
        let connect = place.connect(&connection, &headers, &"/prod?token=a%20b&x=1&x=2".parse().unwrap());
        let (message, request_id) = place.message(&connection, "identify", "{\"action\":\"identify\"}");
        let disconnect = place.disconnect(&connection, 1005, "Client-side close frame status not set");
        assert!(!request_id.is_empty());
        for (event, file) in [
            (connect, include_str!("../../tests/golden/connect.json")),
            (message, include_str!("../../tests/golden/message.json")),
            (disconnect, include_str!("../../tests/golden/disconnect.json")),
        ] {
            assert_eq!(golden(&event), serde_json::from_str::<Json>(file).unwrap());
        }
    }
}
