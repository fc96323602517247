//! `AuthMode=token`.

use std::process::Command;

use arbiter_tests::stack::binary;
use arbiter_tests::{Room, Stack};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

/// Mints a token as `make token` does.
pub(super) fn mint(stack: &Stack, arguments: &[&str]) -> String {
    let output = Command::new(binary("arbiter-local"))
        .arg("token")
        .arg("--local-dir")
        .arg(stack.local_dir())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn with_token(
    stack: &Stack,
    method: Method,
    path: &str,
    body: Option<&str>,
    token: Option<&str>,
) -> (u16, Value) {
    let (status, body) = stack.http_with(method, path, body, token).await;
    (status.as_u16(), body)
}

#[tokio::test]
async fn a_token_admits_to_one_path_and_maybe_one_peer() {
    let stack = Stack::with().parameter("AuthMode", "token").start().await;
    let unauthorized = (401, json!({ "message": "Unauthorized" }));
    let page = r#"{"urlPath":"page"}"#;
    assert_eq!(with_token(&stack, Method::PUT, "/createRoom", None, None).await, unauthorized);
    assert_eq!(with_token(&stack, Method::PATCH, "/claimRoom", Some(page), None).await, unauthorized);
    assert_eq!(
        with_token(&stack, Method::PATCH, "/claimRoom", Some(page), Some("a.b.c")).await,
        unauthorized
    );

    let token = mint(&stack, &["--path", "page"]);
    let other_path = mint(&stack, &["--path", "other"]);
    let for_ann = mint(&stack, &["--path", "page", "--peer", "ann"]);
    let known = stack.tasks().await.len();
    assert_eq!(with_token(&stack, Method::PUT, "/createRoom", None, Some(&token)).await.0, 200);
    let task = stack.tasks().await.remove(known);
    let room = Room {
        id: task["environment"]["SFU_ID"].as_str().unwrap().into(),
        signal_server_url: task["environment"]["SIGNAL_SERVER_URL"].as_str().unwrap().into(),
    };
    let _sfu = room.sfu(&[]).await;
    let forbidden = with_token(&stack, Method::PATCH, "/claimRoom", Some(page), Some(&other_path)).await;
    assert_eq!(forbidden.0, 403);
    let claimed = with_token(&stack, Method::PATCH, "/claimRoom", Some(page), Some(&token)).await;
    assert_eq!(claimed, (200, json!({ "roomId": room.id })));

    for (peer, room_id, token, answer) in [
        ("ann", &room.id, Some(&for_ann), "identified"),
        ("bob", &room.id, Some(&token), "identified"),
        ("bob", &room.id, Some(&for_ann), "forbidden"),
        ("bob", &room.id, Some(&other_path), "forbidden"),
    ] {
        let mut socket = stack.connect().await;
        let identify = json!({ "type": "client", "id": peer, "roomId": room_id, "token": token });
        let said = socket.request("identify", identify).await;
        let word = if said["type"] == "error" { &said["code"] } else { &said["type"] };
        assert_eq!(word, answer, "{said}");
        if answer == "identified" {
            socket.request("leave", json!({})).await;
        }
    }
    // Without a proof nothing is said about the room, and the socket is closed.
    for token in [None, Some("a.b.c")] {
        let mut socket = stack.connect().await;
        let identify = json!({ "type": "client", "id": "eve", "roomId": "no-such-room", "token": token });
        let said = socket.request("identify", identify).await;
        assert_eq!((said["status"].clone(), said["code"].clone()), (json!(401), json!("unauthorized")));
        socket.closed().await;
    }
}

/// What a stranger might try. A minute of leeway is given to clocks.
#[tokio::test]
async fn only_a_current_token_of_a_known_key_is_one() {
    let stack = Stack::with().parameter("AuthMode", "token").start().await;
    let secret = stack.secret("TokenSecret").await;
    let key = EncodingKey::from_secret(secret["k1"].as_str().unwrap().as_bytes());
    let stranger = EncodingKey::from_secret(&[7; 64]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = |exp: u64| json!({ "exp": exp, "sub": "u", "path": "page" });
    let sign = |algorithm, kid: Option<&str>, claims: Value, key: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        encode(&header, &claims, key).unwrap()
    };
    let good = claims(now + 60);
    let header = Header { kid: Some("k1".into()), crit: Some(vec!["b64".into()]), ..Header::default() };
    let critical = encode(&header, &good, &key).unwrap();
    let unsigned =
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJleHAiOjk5OTk5OTk5OTksInN1YiI6InUiLCJwYXRoIjoicGFnZSJ9.";
    for (what, token, status) in [
        ("good", sign(Algorithm::HS256, Some("k1"), good.clone(), &key), 404),
        ("no kid, one key", sign(Algorithm::HS256, None, good.clone(), &key), 404),
        ("expired within the leeway", sign(Algorithm::HS256, Some("k1"), claims(now - 30), &key), 404),
        ("for thirty days", sign(Algorithm::HS256, Some("k1"), claims(now + 30 * 86_400), &key), 404),
        ("for longer", sign(Algorithm::HS256, Some("k1"), claims(now + 31 * 86_400), &key), 401),
        ("with something to understand", critical, 401),
        ("expired", sign(Algorithm::HS256, Some("k1"), claims(now - 90), &key), 401),
        ("unknown kid", sign(Algorithm::HS256, Some("k2"), good.clone(), &key), 401),
        ("another key", sign(Algorithm::HS256, Some("k1"), good.clone(), &stranger), 401),
        ("another algorithm", sign(Algorithm::HS384, Some("k1"), good.clone(), &key), 401),
        ("no expiry", sign(Algorithm::HS256, Some("k1"), json!({ "sub": "u", "path": "page" }), &key), 401),
        ("no path", sign(Algorithm::HS256, Some("k1"), json!({ "exp": now + 60, "sub": "u" }), &key), 401),
        ("no sub", sign(Algorithm::HS256, Some("k1"), json!({ "exp": now + 60, "path": "page" }), &key), 401),
        ("not signed", unsigned.to_owned(), 401),
    ] {
        let page = Some(r#"{"urlPath":"page"}"#);
        let answer = with_token(&stack, Method::PATCH, "/claimRoom", page, Some(&token)).await;
        assert_eq!(answer.0, status, "{what}");
    }
}

#[tokio::test]
async fn an_origin_that_is_not_listed_may_not_connect() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let stack =
        Stack::with().parameter("AllowedOrigins", "https://a.example,https://b.example").start().await;
    for (origin, admitted) in [("https://b.example", true), ("https://evil.example", false)] {
        let mut request = stack.urls.signal_url.as_str().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let opened = arbiter_tests::Socket::open_with(request).await;
        assert_eq!(opened.is_ok(), admitted, "{origin}");
    }
    assert!(arbiter_tests::Socket::open(&stack.urls.signal_url).await.is_ok(), "a program sends no origin");
}

/// RFC 6750 §2.1: the scheme is part of it.
#[tokio::test]
async fn a_token_is_a_bearers() {
    let stack = Stack::with().parameter("AuthMode", "token").start().await;
    let token = mint(&stack, &["--path", "page"]);
    for (scheme, status) in [("Bearer", 404), ("bearer", 404), ("Basic", 401), ("", 401)] {
        let response = reqwest::Client::new()
            .patch(format!("{}/claimRoom", stack.urls.http_url))
            .header("authorization", format!("{scheme} {token}"))
            .body(r#"{"urlPath":"page"}"#)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{scheme}");
    }
}
