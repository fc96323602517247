//! The API Gateway management API: `POST`, `GET` and `DELETE /@connections/<id>`.

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::call::Called;
use super::reply::Reply;
use crate::clock;
use crate::connections::{Connections, MESSAGE, PostError};
use crate::events::{Event, Kind};
use crate::faults::Management;
use crate::http::query::percent_decoded;

/// The operation behind a method.
pub(crate) fn operation(method: &Method) -> &'static str {
    match *method {
        Method::POST => "PostToConnection",
        Method::GET => "GetConnection",
        Method::DELETE => "DeleteConnection",
        _ => "Unknown",
    }
}

/// Answers a call of `<rest>`: `@connections/<id>`.
pub(crate) async fn answer(connections: &Connections, called: &Called<'_>, rest: &str) -> Reply {
    let Some(id) = rest.strip_prefix("@connections/").map(percent_decoded) else {
        return Reply::rest_failure(StatusCode::NOT_FOUND, "NotFoundException", "Not Found");
    };
    if let Some(mut struck) = called.struck(id.as_str(), Management::text) {
        struck.hold(struck.fault.delay()).await;
        if let Some(failure) = struck.fault.failure() {
            return failure;
        }
    }
    let Some(connection) = connections.get(&id) else { return Reply::gone() };
    match called.operation {
        "PostToConnection" => {
            let event = Event::new(Kind::Post).connection(&id).bytes_out(called.body.len());
            let posted = connection.post(called.body);
            let summary = summary(called.body);
            let reply = match posted {
                Ok(()) => Reply::ok(Bytes::new()),
                Err(PostError::Gone) => Reply::gone(),
                Err(PostError::Full) => Reply::limit_exceeded("The WebSocket client side buffer is full"),
                Err(PostError::TooLarge) => Reply::rest_failure(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "PayloadTooLargeException",
                    &format!("The data has exceeded the maximum size of {MESSAGE} bytes"),
                ),
                Err(PostError::NotText) => Reply::rest_failure(
                    StatusCode::BAD_REQUEST,
                    "BadRequestException",
                    "The data is not UTF-8 text",
                ),
            };
            called.emit(
                event.status(reply.status.as_u16()).failed(reply.status != StatusCode::OK).text(summary),
            );
            reply
        }
        "GetConnection" if connection.is_open() => Reply::ok(
            json!({
                "connectedAt": clock::iso(connection.connected_at),
                "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
                "lastActiveAt": clock::iso(connection.last_active()),
            })
            .to_string(),
        ),
        "DeleteConnection" if connection.is_open() => {
            connection.close(1000, "Connection Closed Normally");
            let mut reply = Reply::ok(Bytes::new());
            reply.status = StatusCode::NO_CONTENT;
            reply
        }
        "GetConnection" | "DeleteConnection" => Reply::gone(),
        _ => Reply::rest_failure(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
    }
}

/// The parts of a message that may be shown: what it calls itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    r#type: Option<serde_json::Value>,
    code: Option<serde_json::Value>,
}

fn summary(body: &[u8]) -> String {
    let summary: Summary = serde_json::from_slice(body).unwrap_or_default();
    let word = |value: Option<serde_json::Value>| {
        let text = value?.as_str()?.to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (text.len() <= 40 && text.chars().all(plain)).then_some(text)
    };
    let words: Vec<_> = [word(summary.r#type), word(summary.code)].into_iter().flatten().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_summed_up_without_their_payload() {
        assert_eq!(summary(br#"{"type":"error","code":"bad_json","message":"x"}"#), "error bad_json");
        assert_eq!(summary(br#"{"type":"<script>","sdp":"v=0"}"#), "");
        assert_eq!(summary(b"v=0"), "");
    }
}
