//! ICE servers, and credentials for a TURN server.

use std::time::{SystemTime, UNIX_EPOCH};

use arbiter_tests::{Room, Stack, until};
use model::ice::{CREDENTIALS_LAST, IceServers, Turn};
use model::time::EpochMillis;
use reqwest::Method;
use serde_json::{Value, json};

use super::tokens::mint;

const TURN: &str = "TurnUrls=turn:turn.example:3478?transport=udp,turn:turn.example:3478?transport=tcp";

fn stun() -> Value {
    json!({ "urls": "stun:stun.l.google.com:19302" })
}

async fn with_turn(parameters: &[(&str, &str)]) -> Stack {
    let (name, value) = TURN.split_once('=').unwrap();
    let options = Stack::with().parameter(name, value);
    let options = parameters.iter().fold(options, |options, (name, value)| options.parameter(name, value));
    options.start().await
}

async fn ice_servers(stack: &Stack, query: &str, token: Option<&str>) -> (u16, Value) {
    let (status, body) = stack.http_with(Method::GET, &format!("/iceServers{query}"), None, token).await;
    (status.as_u16(), body)
}

fn unauthorized() -> (u16, Value) {
    (401, json!({ "message": "Unauthorized" }))
}

/// Whose the credentials in a list are, and when they end: seconds since the epoch.
fn credentials(list: &Value) -> (&str, u64) {
    let (expires, name) = list[1]["username"].as_str().unwrap().split_once(':').unwrap();
    (name, expires.parse().unwrap())
}

/// Checks a list with credentials for `user`, as the TURN server would: by the secret, and by the time.
async fn check(stack: &Stack, list: &Value, user: &str) {
    let secret = stack.secret_text("TurnSecret").await;
    let [first, turn] = list.as_array().unwrap().as_slice() else { panic!("two servers: {list}") };
    assert_eq!(*first, stun());
    let (name, expires) = credentials(list);
    assert_eq!(name, user);
    let issued = expires - CREDENTIALS_LAST.as_secs();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((now - 60..=now).contains(&issued), "issued at {issued}, now it is {now}");
    let urls: Vec<String> = serde_json::from_value(turn["urls"].clone()).unwrap();
    assert_eq!(format!("TurnUrls={}", urls.join(",")), TURN);
    let expected =
        IceServers::new(vec![], Some(Turn { urls, secret })).for_user(user, EpochMillis(issued * 1_000));
    assert_eq!(serde_json::from_str::<Value>(expected.get()).unwrap()[0], *turn);
}

#[tokio::test]
async fn without_turn_everybody_gets_what_is_configured() {
    let stack = Stack::with()
        .parameter(
            "RtcConfig",
            r#"{"iceServers":[{"urls":["stun:a","stun:b"]},{"urls":"stun:c","z":1}],"x":2}"#,
        )
        .start()
        .await;
    let list = json!([{ "urls": ["stun:a", "stun:b"] }, { "urls": "stun:c", "z": 1 }]);
    assert_eq!(ice_servers(&stack, "", None).await, (200, json!({ "iceServers": list })));
    assert_eq!(ice_servers(&stack, "?connectionId=nobody", None).await.0, 200);
    let invocation = stack.invoked("get-ice-servers", 1).await.remove(0);
    assert_eq!(invocation["calls"], json!([]));
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    assert_eq!(stack.connect().await.identify(&room.id, "p").await["iceServers"], list);
}

#[tokio::test]
async fn an_identified_peer_gets_credentials_of_its_own() {
    let stack = with_turn(&[]).await;
    let room = Room::pending(&stack).await;
    let mut sfu = arbiter_tests::Socket::open(&room.signal_server_url).await.unwrap();
    let identified = room.identify_sfu(&mut sfu, &[]).await;
    assert_eq!(identified["iceServers"], json!([stun()]), "an SFU needs no relay");
    let sfu_connection = identified["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(stack.claim("page").await.0, 200);
    let mut client = stack.connect().await;
    let identified = client.identify(&room.id, "ann").await;
    check(&stack, &identified["iceServers"], "ann").await;
    let (_, pair) = credentials(&identified["iceServers"]);
    let left = (pair + 1) * 1_000 - identified["reconnectBefore"].as_u64().unwrap();
    assert_eq!(left / 1_000, 15 * 60, "another pair a quarter of an hour before this one ends");

    let query = |id: &str| format!("?connectionId={}", id.replace('=', "%3D"));
    let own = query(identified["connectionId"].as_str().unwrap());
    let (status, answer) = ice_servers(&stack, &own, None).await;
    assert_eq!(status, 200);
    check(&stack, &answer["iceServers"], "ann").await;
    let invocation = stack.invoked("get-ice-servers", 1).await.remove(0);
    assert_eq!(invocation["calls"].as_array().unwrap().len(), 1, "one read");

    let _nobody = stack.connect().await;
    let rows = stack.items("ConnectionsTable").await;
    let nobody = rows.iter().find(|row| row["kind"].is_null()).unwrap()["connectionId"].as_str().unwrap();
    for other in ["", "?connectionId=", &query("Unknown0="), &query(nobody), &query(&sfu_connection)] {
        assert_eq!(ice_servers(&stack, other, None).await, unauthorized(), "{other}");
    }
    assert_eq!(ice_servers(&stack, &format!("{own}&connectionId=x"), None).await, unauthorized());
    assert_eq!(ice_servers(&stack, "", Some("a.b.c")).await, unauthorized(), "nobody checks tokens here");
    client.close(1000).await;
    until("the peer is gone", async || {
        (ice_servers(&stack, &own, None).await == unauthorized()).then_some(())
    })
    .await;
    let secret = stack.secret_text("TurnSecret").await;
    assert!(!stack.log().contains(&secret));
}

#[tokio::test]
async fn the_bearer_of_a_token_gets_credentials_before_it_has_a_room() {
    let stack = with_turn(&[("AuthMode", "token")]).await;
    let token = mint(&stack, &["--path", "page"]);
    let for_ann = mint(&stack, &["--path", "page", "--peer", "ann"]);
    let (status, answer) = ice_servers(&stack, "", Some(&for_ann)).await;
    assert_eq!(status, 200, "{answer}");
    check(&stack, &answer["iceServers"], "ann").await;
    let (_, answer) = ice_servers(&stack, "", Some(&token)).await;
    check(&stack, &answer["iceServers"], credentials(&answer["iceServers"]).0).await;
    for bad in [None, Some("a.b.c")] {
        assert_eq!(ice_servers(&stack, "", bad).await, unauthorized());
    }
    assert_eq!(ice_servers(&stack, "?connectionId=Unknown0%3D", Some(&token)).await, unauthorized());
}
