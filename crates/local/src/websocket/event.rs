//! The events that API Gateway hands to the functions of a WebSocket API.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Uri};
use bytes::Bytes;
use serde::Serialize;

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

/// All values, by name.
type Values = BTreeMap<String, Vec<String>>;
/// The last value, by name.
type LastValue = BTreeMap<String, String>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: LastValue,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    multi_value_headers: Values,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: LastValue,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    multi_value_query_string_parameters: Values,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    route_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_status_code: Option<u16>,
    event_type: &'static str,
    extended_request_id: String,
    request_time: String,
    message_direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disconnect_reason: Option<&'a str>,
    stage: &'a str,
    connected_at: u64,
    request_time_epoch: u64,
    identity: Identity<'a>,
    request_id: String,
    domain_name: &'a str,
    connection_id: &'a str,
    api_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    source_ip: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_agent: &'a str,
}

impl Place<'_> {
    /// `$connect`, with the headers and the query of the upgrade request.
    pub(crate) fn connect(&self, connection: &Connection, headers: &HeaderMap, uri: &Uri) -> Bytes {
        let parameters = query::parameters(uri.query().unwrap_or_default()).into_iter().collect();
        Event::new(self.context(connection, "CONNECT", "$connect"))
            .with_headers(given(headers, connection))
            .with_parameters(parameters)
            .into()
    }

    /// A message from the client; answers with its request id too.
    pub(crate) fn message(&self, connection: &Connection, route: &str, body: &str) -> (Bytes, String) {
        let context = self.context(connection, "MESSAGE", route);
        let request_id = context.request_id.clone();
        let context = Context { message_id: Some(ids::request()), ..context };
        (Event { body: Some(body), ..Event::new(context) }.into(), request_id)
    }

    /// `$disconnect`, with the code and the reason of the close frame.
    pub(crate) fn disconnect(&self, connection: &Connection, code: u16, reason: &str) -> Bytes {
        let headers = [("Host", self.domain), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")];
        let headers = headers.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
        let context = Context {
            disconnect_status_code: Some(code),
            disconnect_reason: Some(reason),
            ..self.context(connection, "DISCONNECT", "$disconnect")
        };
        Event::new(context).with_headers(headers.into()).into()
    }

    fn context<'a>(
        &'a self,
        connection: &'a Connection,
        event_type: &'static str,
        route_key: &'a str,
    ) -> Context<'a> {
        let (now, request_id) = (now_ms(), ids::request());
        Context {
            route_key,
            message_id: None,
            disconnect_status_code: None,
            event_type,
            extended_request_id: request_id.clone(),
            request_time: clock::request_time(now),
            message_direction: "IN",
            disconnect_reason: None,
            stage: &self.api.stage,
            connected_at: connection.connected_at,
            request_time_epoch: now,
            identity: Identity { source_ip: &connection.source_ip, user_agent: &connection.user_agent },
            request_id,
            domain_name: self.domain,
            connection_id: &connection.id,
            api_id: &self.api.api_id,
        }
    }
}

impl<'a> Event<'a> {
    fn new(request_context: Context<'a>) -> Self {
        Self {
            headers: LastValue::new(),
            multi_value_headers: Values::new(),
            query_string_parameters: LastValue::new(),
            multi_value_query_string_parameters: Values::new(),
            request_context,
            body: None,
            is_base64_encoded: false,
        }
    }

    fn with_headers(self, all: Values) -> Self {
        Self { headers: last_of(&all), multi_value_headers: all, ..self }
    }

    fn with_parameters(self, all: Values) -> Self {
        Self { query_string_parameters: last_of(&all), multi_value_query_string_parameters: all, ..self }
    }
}

impl From<Event<'_>> for Bytes {
    fn from(event: Event<'_>) -> Self {
        serde_json::to_vec(&event).unwrap_or_default().into()
    }
}

fn last_of(all: &Values) -> LastValue {
    all.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.clone()))).collect()
}

/// The headers of a request, with names written as API Gateway passes them on.
fn given(headers: &HeaderMap, connection: &Connection) -> Values {
    let mut all = Values::new();
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
    all
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
    use serde_json::Value as Json;

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
