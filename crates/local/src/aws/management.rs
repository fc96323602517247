//! The API Gateway management API: `POST`, `GET` and `DELETE /@connections/<id>`.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Called, Reply, struck};
use crate::clock;
use crate::events::{Event, Kind};
use crate::faults::{FaultKind, Faults, Probe};
use crate::websocket::connection::{MESSAGE, PostError};

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
pub(crate) async fn answer(called: &Called<'_>, rest: &str) -> Reply {
    let Some(id) = rest.strip_prefix("@connections/").map(percent_decoded) else {
        return refused(StatusCode::NOT_FOUND, "NotFoundException", "Not Found");
    };
    let gateway = called.gateway;
    let deletions = gateway.faults.deletions();
    let probe = Probe::Management { function: called.function, connection: &id };
    if let Some(FaultKind::Management { error, untyped, delay_ms, .. }) = gateway.faults.take(probe) {
        struck(
            called,
            "management",
            &error.map_or_else(|| format!("{delay_ms} ms late"), |error| error.to_string()),
        );
        Faults::held(deletions, Duration::from_millis(delay_ms)).await;
        let failure = error.map(|error| match error {
            410 => gone(),
            429 => busy("Too many requests"),
            _ => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                refused(status, "InternalServerErrorException", "Internal server error")
            }
        });
        match failure {
            Some(failure) if untyped => return Reply { error: None, body: Bytes::new(), ..failure },
            Some(failure) => return failure,
            None => {}
        }
    }
    let Some(connection) = gateway.connections.get(&id) else { return gone() };
    match called.operation {
        "PostToConnection" => {
            let event = Event::new(Kind::Post).connection(&id).bytes_out(called.body.len());
            let event = match called.function {
                Some(function) => event.function(function),
                None => event,
            };
            let posted = connection.post(called.body);
            let summary = summary(called.body);
            let reply = match posted {
                Ok(()) => Reply::ok(Bytes::new()),
                Err(PostError::Gone) => gone(),
                Err(PostError::Full) => busy("The WebSocket client side buffer is full"),
                Err(PostError::TooLarge) => refused(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "PayloadTooLargeException",
                    &format!("The data has exceeded the maximum size of {MESSAGE} bytes"),
                ),
                Err(PostError::NotText) => {
                    refused(StatusCode::BAD_REQUEST, "BadRequestException", "The data is not UTF-8 text")
                }
            };
            gateway.events.emit(
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
        "GetConnection" | "DeleteConnection" => gone(),
        _ => refused(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
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

fn gone() -> Reply {
    refused(StatusCode::GONE, "GoneException", "Gone")
}

fn busy(message: &str) -> Reply {
    refused(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
}

fn refused(status: StatusCode, kind: &'static str, message: &str) -> Reply {
    let body = json!({ "message": message }).to_string();
    Reply { status, body: body.into(), items: None, error: Some(kind) }
}

/// `a%3D` as `a=`; what is no escape stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_decoded_and_messages_summed_up_without_their_payload() {
        assert_eq!(percent_decoded("L0SM9cOFvHcCIhw%3D"), "L0SM9cOFvHcCIhw=");
        assert_eq!(percent_decoded("a%zz%4"), "a%zz%4");
        assert_eq!(summary(br#"{"type":"error","code":"bad_json","message":"x"}"#), "error bad_json");
        assert_eq!(summary(br#"{"type":"<script>","sdp":"v=0"}"#), "");
        assert_eq!(summary(b"v=0"), "");
    }
}
