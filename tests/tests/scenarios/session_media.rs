//! A session's SFU: claimed by the first publisher, found by everybody's handshakes, lost and replaced.

use arbiter_tests::{Project, Room, Socket, Stack, unstamped, until};
use serde_json::{Value, json};

/// A producer's offer, with media or with data channels only.
pub(crate) fn offer(sender: &str, session: &str, media: bool) -> Value {
    let section = if media { "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n" } else { "" };
    json!({
        "type": "producer", "sender": sender, "roomId": session,
        "description": { "type": "offer", "sdp": format!("v=0\r\n{section}") },
    })
}

fn answer(room: &Room, session: &str, receiver: &str) -> Value {
    json!({
        "type": "producer", "sender": room.id, "roomId": session, "receiver": receiver,
        "description": { "type": "answer", "sdp": "v=0\r\n" },
    })
}

/// Both ways through the SFU.
async fn relays(client: &mut Socket, peer: &str, sfu: &mut Socket, room: &Room, session: &str) {
    let offer = offer(peer, session, true);
    assert_eq!(client.request("handshake", offer.clone()).await["type"], "ack");
    assert_eq!(unstamped(sfu.next_of("producer").await), offer);
    let answer = answer(room, session, peer);
    assert_eq!(sfu.request("handshake", answer.clone()).await["type"], "ack");
    assert_eq!(client.next_of("producer").await, answer);
}

#[tokio::test]
async fn the_first_publisher_claims_an_sfu_for_the_session() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (mut watcher, _) = project.join(&session, "subscriber", &json!({ "id": "watcher" })).await;
    let early = watcher.request("handshake", offer("watcher", &session, false)).await;
    assert_eq!(early["code"], "sfu_unavailable", "nobody publishes yet, and so no SFU is paid for");
    assert_eq!(stack.rooms("ROOM#").await.len(), 1, "the room is still in the pool");

    let (mut ann, first) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    assert_eq!(first["features"], json!([]));
    relays(&mut ann, "ann", &mut sfu, &room, &session).await;
    assert_eq!(watcher.next_of("sfuConnect").await["roomId"], session);
    assert_eq!(watcher.request("handshake", offer("watcher", &session, false)).await["type"], "ack");
    sfu.next_of("producer").await;
    let (_bob, second) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    assert_eq!(second["features"], json!(["candidates"]), "the SFU's features are known by now");
    assert!(stack.rooms("ROOM#").await.is_empty(), "the pool has one room less");

    // The SFU hears who goes, and cannot speak in a room that it does not serve.
    let wrong = sfu.request(
        "handshake",
        json!({
            "type": "consumer", "sender": room.id, "receiver": "ann", "candidate": { "candidate": "x" },
        }),
    );
    assert_eq!(wrong.await["code"], "forbidden");
    ann.close(1000).await;
    let gone = sfu.next_of("clientDisconnect").await;
    assert_eq!((&gone["clientId"], &gone["reason"]), (&json!("ann"), &json!("left")));
}

#[tokio::test]
async fn two_first_publishers_get_one_sfu() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut sfus = vec![];
    for _ in 0..3 {
        sfus.push(Room::unclaimed(&stack).await);
    }
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let hold = stack.hold("handshake", "TransactWriteItems").await;
    let request = json!({ "action": "handshake", "requestId": "h", "data": offer("ann", &session, true) });
    ann.send(&request.to_string()).await;
    stack.held(&hold).await;
    assert_eq!(bob.request("handshake", offer("bob", &session, true)).await["type"], "ack");
    stack.no_fault(&hold).await;
    ann.next_of("ack").await;
    assert_eq!(stack.rooms("ROOM#").await.len(), 2, "one room was taken");
    let mut heard = 0;
    for (_, sfu) in &mut sfus {
        heard += sfu.heard().await.iter().filter(|message| message["type"] == "producer").count();
    }
    assert_eq!(heard, 2);
    assert_eq!(
        stack.rooms("SFU").await.iter().filter(|item| item["pk"] == format!("ROOM#{session}")).count(),
        1
    );
}

#[tokio::test]
async fn roles_send_and_receive_only_what_they_may() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (mut ann, _) = project.join(&session, "publisheronly", &json!({ "id": "ann" })).await;
    relays(&mut ann, "ann", &mut sfu, &room, &session).await;
    let consumer = |sender: &str| {
        json!({
            "type": "consumer", "sender": sender, "roomId": session, "remotePeerId": "x",
            "description": { "type": "answer", "sdp": "v=0\r\n" },
        })
    };
    assert_eq!(ann.request("handshake", consumer("ann")).await["code"], "forbidden");
    let (mut bob, _) = project.join(&session, "subscriber", &json!({ "id": "bob" })).await;
    assert_eq!(bob.request("handshake", offer("bob", &session, true)).await["code"], "forbidden");
    assert_eq!(bob.request("handshake", offer("bob", &session, false)).await["type"], "ack");
    assert_eq!(bob.request("handshake", consumer("bob")).await["type"], "ack");

    let relayed = project.session("p2p.preference=enabled").await;
    let (mut cyd, identified) = project.join(&relayed, "publisher", &json!({ "id": "cyd" })).await;
    assert_eq!(identified["mediaMode"], "relayed");
    assert_eq!(cyd.request("handshake", offer("cyd", &relayed, true)).await["code"], "forbidden");
}

/// A section that is rejected is never sent in, whatever its direction; one that is bundled may be.
#[tokio::test]
async fn a_subscriber_may_reject_what_it_does_not_take() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    relays(&mut ann, "ann", &mut sfu, &room, &session).await;
    let (mut bob, _) = project.join(&session, "subscriber", &json!({ "id": "bob" })).await;
    let described = |kind: &str, description: &str, sdp: &str| {
        json!({
            "type": kind, "sender": "bob", "roomId": session,
            "description": { "type": description, "sdp": sdp.replace('\n', "\r\n") },
        })
    };
    for (kind, description, sdp) in [
        ("consumer", "answer", include_str!("../../data/subscriber-answer.sdp")),
        ("producer", "offer", include_str!("../../data/subscriber-offer.sdp")),
    ] {
        let relayed = described(kind, description, sdp);
        assert_eq!(bob.request("handshake", relayed.clone()).await["type"], "ack", "{kind}");
        assert_eq!(unstamped(sfu.next_of(kind).await), relayed);
        for (from, to) in [("BUNDLE 0", "BUNDLE 0 1"), ("a=mid:1", "a=mid:1\na=bundle-only")] {
            assert!(sdp.contains(from));
            let sends = described(kind, description, &sdp.replace(from, to));
            assert_eq!(bob.request("handshake", sends).await["code"], "forbidden", "{kind}, {to}");
        }
    }
}

/// SFUs whose end nobody was told are in the pool still: the first offer finds the one that is there.
#[tokio::test]
async fn the_first_publisher_does_not_wait_for_an_sfu_that_is_gone() {
    // Which of the pool is taken first is chance.
    for _ in 0..2 {
        let stack = Stack::with().parameter("MaxIdleRooms", "9").start().await;
        let project = Project::create(&stack).await;
        let session = project.routed().await;
        let drop = stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
        for _ in 0..3 {
            let (_gone, sfu) = Room::unclaimed(&stack).await;
            sfu.cut();
        }
        until("the sockets are closed", async || {
            let open = stack.admin("/state").await["connections"].as_array()?.len();
            (open == 0).then_some(())
        })
        .await;
        stack.no_fault(&drop).await;
        let (room, mut sfu) = Room::unclaimed(&stack).await;
        let (mut watcher, _) = project.join(&session, "subscriber", &json!({ "id": "watcher" })).await;
        let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
        relays(&mut ann, "ann", &mut sfu, &room, &session).await;
        let heard = watcher.heard().await;
        assert_eq!(heard.last().unwrap()["type"], "sfuConnect", "{heard:?}");
    }
}

#[tokio::test]
async fn a_sessions_sfu_comes_back_or_is_replaced() {
    let stack = Stack::with().parameter("SfuGraceSeconds", "1").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    relays(&mut ann, "ann", &mut sfu, &room, &session).await;

    // It loses its socket, and comes back to the session.
    sfu.cut();
    let lost = ann.next_of("sfuDisconnect").await;
    assert_eq!((&lost["roomId"], &lost["claimAfterMs"]), (&json!(session), &json!(1000)));
    assert_eq!(ann.request("handshake", offer("ann", &session, true)).await["code"], "sfu_unavailable");
    let mut sfu = room.sfu(&["candidates"]).await;
    assert_eq!(ann.next_of("sfuConnect").await["roomId"], session);
    relays(&mut ann, "ann", &mut sfu, &room, &session).await;

    // It takes its own place over on a newer socket.
    let mut newer = room.sfu(&["candidates"]).await;
    assert_eq!(sfu.told_or_closed().await.last().unwrap()["type"], "goAway");
    relays(&mut ann, "ann", &mut newer, &room, &session).await;

    // It is lost for good: after the grace the next publisher's handshake claims another.
    newer.cut();
    ann.next_of("sfuDisconnect").await;
    let (other, mut replacement) = Room::unclaimed(&stack).await;
    until("the grace is over", async || {
        let said = ann.request("handshake", offer("ann", &session, true)).await;
        (said["type"] == "ack").then_some(())
    })
    .await;
    assert_eq!(ann.next_of("sfuConnect").await["roomId"], session);
    replacement.next_of("producer").await;
    relays(&mut ann, "ann", &mut replacement, &other, &session).await;
    let mut late = Socket::open(&room.signal_server_url).await.unwrap();
    assert_eq!(room.identify_sfu(&mut late, &[]).await["code"], "room_closed");

    // It leaves on purpose: the session is served by the next one at once.
    replacement.request("leave", json!({})).await;
    assert_eq!(ann.next_of("sfuDisconnect").await["claimAfterMs"], 0);
    let (third, mut sfu) = Room::unclaimed(&stack).await;
    relays(&mut ann, "ann", &mut sfu, &third, &session).await;
}
