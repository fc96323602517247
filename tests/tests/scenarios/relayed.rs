//! Relayed sessions: clients send their media to each other.

use arbiter_tests::{Project, Socket, Stack};
use serde_json::{Value, json};

async fn code(socket: &mut Socket, action: &str, data: Value) -> (u64, String, Value) {
    let answer = socket.request(action, data).await;
    let code = answer["code"].as_str().unwrap_or_default().to_owned();
    (answer["status"].as_u64().unwrap_or_default(), code, answer["otc"]["number"].clone())
}

fn handshake(session: &str, kind: &str, from: &str, to: &str, description: &str) -> Value {
    let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n";
    let sdp = if description == "offer" { sdp.to_owned() } else { sdp.replace("sendonly", "recvonly") };
    json!({
        "type": kind, "sender": from, "receiver": to, "roomId": session, "negotiation": 1,
        "description": { "type": description, "sdp": sdp },
    })
}

#[tokio::test]
async fn media_is_negotiated_from_client_to_client() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.session("p2p.preference=enabled").await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "subscriber", &json!({ "id": "bob" })).await;
    let published = ann.request("publish", json!({ "streamId": "annscam1~ann" })).await;
    assert_eq!(published["type"], "published", "{published}");

    let wanted = json!({ "streamId": "annscam1~ann", "hasVideo": false });
    assert_eq!(bob.request("subscribe", wanted).await["type"], "ack");
    let heard = ann.next_of("subscription").await;
    let fields = ["clientId", "streamId", "hasAudio", "hasVideo"].map(|field| heard[field].clone());
    assert_eq!(fields, [json!("bob"), json!("annscam1~ann"), json!(true), json!(false)]);

    let offer = handshake(&session, "producer", "ann", "bob", "offer");
    assert_eq!(ann.request("handshake", offer.clone()).await["type"], "ack");
    assert_eq!(bob.next_of("producer").await, offer, "as it was sent");
    let answer = handshake(&session, "consumer", "bob", "ann", "answer");
    assert_eq!(bob.request("handshake", answer.clone()).await["type"], "ack");
    assert_eq!(ann.next_of("consumer").await, answer);

    let own = handshake(&session, "producer", "bob", "ann", "offer");
    assert_eq!(code(&mut bob, "handshake", own).await.1, "forbidden", "a subscriber sends no media");
    let disguised = handshake(&session, "producer", "bob", "bob", "offer");
    assert_eq!(
        code(&mut ann, "handshake", disguised).await.1,
        "forbidden",
        "nor does anybody as somebody else"
    );
    let nobody = handshake(&session, "producer", "ann", "cyd", "offer");
    assert_eq!(code(&mut ann, "handshake", nobody).await.1, "peer_not_found");

    assert_eq!(bob.request("unsubscribe", json!({ "streamId": "annscam1~ann" })).await["type"], "ack");
    assert_eq!(ann.next_of("subscription").await["hasAudio"], false);
}

#[tokio::test]
async fn media_of_a_relayed_session_goes_between_two() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.session("p2p.preference=enabled").await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let (mut cyd, _) = project.join(&session, "publisher", &json!({ "id": "cyd" })).await;
    ann.request("publish", json!({ "streamId": "annscam1~ann" })).await;
    cyd.request("publish", json!({ "streamId": "cydscam1~cyd" })).await;
    let full = (409, "relayed_session_full".to_owned(), json!(1403));
    let (anns, cyds) = (json!({ "streamId": "annscam1~ann" }), json!({ "streamId": "cydscam1~cyd" }));
    assert_eq!(code(&mut cyd, "subscribe", anns.clone()).await, full, "the third");
    assert_eq!(code(&mut bob, "subscribe", cyds).await, full, "to the third");
    assert_eq!(bob.request("subscribe", anns.clone()).await["type"], "ack");
    assert_eq!(cyd.request("signal", json!({ "data": "signals are for all" })).await["type"], "ack");
    bob.request("leave", json!({})).await;
    assert_eq!(cyd.request("subscribe", anns).await["type"], "ack", "the second by now");
}

#[tokio::test]
async fn handshakes_go_between_the_two_only_and_carry_nothing_else() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.session("p2p.preference=enabled").await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "subscriber", &json!({ "id": "bob" })).await;
    let (mut cyd, _) = project.join(&session, "publisher", &json!({ "id": "cyd" })).await;
    ann.request("publish", json!({ "streamId": "annscam1~ann" })).await;

    let full = (409, "relayed_session_full".to_owned(), json!(1403));
    let candidate = |kind: &str, from: &str, to: &str| {
        json!({
            "type": kind, "sender": from, "receiver": to, "roomId": session,
            "candidate": { "candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0" },
        })
    };
    for third in [
        handshake(&session, "producer", "cyd", "ann", "offer"),
        handshake(&session, "consumer", "cyd", "ann", "answer"),
        candidate("consumer", "cyd", "ann"),
    ] {
        assert_eq!(code(&mut cyd, "handshake", third.clone()).await, full, "{third}");
    }
    let to_third = handshake(&session, "producer", "ann", "cyd", "offer");
    assert_eq!(code(&mut ann, "handshake", to_third).await, full);
    assert_eq!(cyd.request("unsubscribe", json!({ "streamId": "annscam1~ann" })).await["type"], "ack");

    let mut asks = handshake(&session, "producer", "bob", "ann", "offer");
    asks["description"]["sdp"] = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\n".into();
    assert_eq!(code(&mut bob, "handshake", asks).await.1, "forbidden", "who may not publish offers nothing");
    assert_eq!(code(&mut bob, "handshake", candidate("producer", "bob", "ann")).await.1, "forbidden");
    let mut stamped = candidate("consumer", "bob", "ann");
    stamped["stamp"] = json!({});
    assert_eq!(code(&mut bob, "handshake", stamped).await.1, "bad_message");
    let mut says = candidate("consumer", "bob", "ann");
    says["text"] = "a subscriber may not signal".into();
    says["candidate"]["text"] = "nor here".into();
    assert_eq!(bob.request("handshake", says).await["type"], "ack");
    let mut heard = ann.heard().await;
    heard
        .retain(|message| matches!(message["type"].as_str(), Some("producer" | "consumer" | "subscription")));
    assert_eq!(heard, [candidate("consumer", "bob", "ann")], "and of all the rest it has heard nothing");
}

#[tokio::test]
async fn handshakes_to_a_client_are_a_persons_to_count() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.session("p2p.preference=enabled").await;
    let (_ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let answer = handshake(&session, "consumer", "bob", "ann", "answer");
    let mut sent = 0;
    let refused = loop {
        let answered = bob.request("handshake", answer.clone()).await;
        if answered["type"] != "ack" || sent > 1_000 {
            break answered;
        }
        sent += 1;
    };
    assert_eq!(
        (refused["status"].clone(), refused["code"].clone()),
        (json!(429), json!("too_many_requests"))
    );
    assert!(sent >= 100, "{sent} at once are let through");
    assert_eq!(bob.request("signal", json!({ "data": "signals are counted apart" })).await["type"], "ack");
}

#[tokio::test]
async fn clients_of_a_routed_session_send_to_their_sfu_only() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (_bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    ann.request("publish", json!({ "streamId": "annscam1~ann" })).await;
    let offer = handshake(&session, "producer", "ann", "bob", "offer");
    assert_eq!(code(&mut ann, "handshake", offer).await.1, "bad_message");
    let mut bob = project.join(&session, "publisher", &json!({ "id": "bea" })).await.0;
    let wanted = json!({ "streamId": "annscam1~ann" });
    assert_eq!(code(&mut bob, "subscribe", wanted).await.1, "sfu_unavailable");
}
