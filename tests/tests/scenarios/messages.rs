//! Bad input gets a clear answer, and the connection lives on.

use arbiter_tests::{Room, Stack, unstamped};
use serde_json::{Value, json};

#[tokio::test]
async fn whatever_a_stranger_sends_is_answered_and_the_socket_lives_on() {
    let stack = Stack::start().await;
    let mut socket = stack.connect().await;
    let deep =
        format!(r#"{{"action":"identify","data":{{"type":{}1{}}}}}"#, "[".repeat(9000), "]".repeat(9000));
    for (text, status, code, message) in [
        ("", 400, "bad_json", "Message is not JSON"),
        ("hello", 400, "bad_json", "Message is not JSON"),
        ("{\"action\":\"identify\"", 400, "bad_json", "Message is not JSON"),
        ("[]", 400, "bad_message", "message: must be a JSON object"),
        ("{}", 400, "unknown_action", "Unknown action"),
        (r#"{"action":7}"#, 400, "unknown_action", "Unknown action"),
        (r#"{"action":"$connect"}"#, 400, "unknown_action", "Unknown action"),
        (r#"{"action":"identify"}"#, 400, "bad_message", "data: must be an object"),
        (r#"{"action":"identify","data":{}}"#, 400, "missing_type", "Missing valid type property"),
        (
            r#"{"action":"identify","data":{"type":"Sfu"}}"#,
            400,
            "missing_type",
            "Missing valid type property",
        ),
        (r#"{"action":"identify","data":{"type":"client"}}"#, 400, "bad_message", "id: is required"),
        (
            r#"{"action":"handshake","data":{"type":"x"}}"#,
            400,
            "bad_message",
            "type: must be producer or consumer",
        ),
        (
            r#"{"action":"handshake","data":{"type":"producer","type":"producer"}}"#,
            400,
            "bad_message",
            "type: is given twice",
        ),
        (r#"{"action":"ping","requestId":7}"#, 400, "bad_message", "requestId: must be 1 to 64 characters"),
        (r#"{"action":"leave"}"#, 400, "connection_not_found", "WebSocket Connection Not Found"),
        (&deep, 400, "missing_type", "Missing valid type property"),
    ] {
        socket.send(text).await;
        let answer = socket.next().await;
        let expected = json!({ "type": "error", "status": status, "code": code, "message": message });
        assert_eq!(answer, expected, "{}", &text[..text.len().min(80)]);
    }
    assert_eq!(socket.request("ping", json!({})).await, json!({ "type": "pong", "requestId": "request-1" }));
    socket.send(r#"{"action":"ping"}"#).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn our_limits_are_errors_and_not_closes() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let offer = |bytes: usize| {
        json!({
            "type": "producer", "sender": "p", "roomId": room.id,
            "description": { "type": "offer", "sdp": "x".repeat(bytes) },
        })
    };
    assert_eq!(client.request("handshake", offer(24_576)).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), offer(24_576));
    let answer = client.request("handshake", offer(24_577)).await;
    assert_eq!((answer["status"].clone(), answer["code"].clone()), (json!(413), json!("too_large")));
    let answer = client.request("handshake", room.candidate("p", &"x".repeat(4096))).await;
    assert_eq!(answer["code"], "too_large");
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

/// Nothing secret, no SDP and no candidate in a log line.
#[tokio::test]
async fn what_is_relayed_is_not_logged() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.connect().await;
    let identify = json!({
        "type": "client", "id": "p", "roomId": room.id,
        "token": "a-bearer-token-secret", "resumeToken": "a-resume-token-secret",
    });
    client.request("identify", identify).await;
    let offer = json!({
        "type": "producer", "sender": "p", "roomId": room.id,
        "description": { "type": "offer", "sdp": "v=0 an-sdp-secret" },
    });
    client.request("handshake", offer).await;
    client.request("handshake", room.candidate("p", "candidate-secret 192.0.2.77")).await;
    client.request("handshake", room.candidate("somebody-else-secret", "x")).await;
    client.send("not json, a-stray-secret").await;
    client.next_of("error").await;
    sfu.heard().await;
    client.close(1000).await;
    stack.invoked("disconnect", 1).await;
    let log = stack.log();
    assert!(log.contains("handshake"), "the log is the right one");
    for secret in ["-secret", "192.0.2.77", "an-sdp"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
