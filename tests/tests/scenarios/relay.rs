//! Handshakes between clients and their SFU.

use arbiter_tests::recorded::{Recorded, handshakes};
use arbiter_tests::{Room, Socket, Stack, stamp_of, unstamped};
use serde_json::{Value, json};

/// The main job: what real browsers and SFUs said to each other passes, byte for byte. An SFU is told by whom it was sent as well.
#[tokio::test]
async fn every_recorded_message_arrives_byte_for_byte() {
    let stack = Stack::start().await;
    for run in ["a", "b"] {
        let (room, mut sfu) = Room::claimed(&stack, run).await;
        let recorded: Vec<Recorded> = handshakes().into_iter().filter(|one| one.run == run).collect();
        let ids = peers(&recorded);
        let recorded_room = room_of(&recorded);
        let mut clients: Vec<Socket> = vec![];
        let mut stamps = vec![];
        for id in &ids {
            clients.push(stack.join(&room.id, id).await);
            let Value::Object(stamp) = stamp_of(&stack, id).await else { panic!("it is an object") };
            let (opened, connection) = (&stamp["connectedAt"], &stamp["connectionId"]);
            stamps.push(format!(r#"{{"stamp":{{"connectedAt":{opened},"connectionId":{connection}}},"#));
        }
        let mut relayed = 0;
        for one in recorded {
            // A room's id is given by createRoom; all else is as it was recorded.
            let text = one.message.get().replace(&recorded_room, &room.id);
            let message: Value = serde_json::from_str(&text).unwrap();
            let client = &mut clients[usize::from(one.peer)];
            if message["action"] == "handshake" {
                client.send(&text).await;
                let data = text.strip_prefix(r#"{"action":"handshake","data":{"#).unwrap();
                let stamp = &stamps[usize::from(one.peer)];
                assert_eq!(sfu.next_text().await, stamp.clone() + data.strip_suffix('}').unwrap());
                relayed += 1;
            } else if one.dir == "gateway->client" && message.get("sender").is_some() {
                sfu.send(&format!(r#"{{"action":"handshake","data":{text}}}"#)).await;
                assert_eq!(client.next_text().await, text);
                relayed += 1;
            }
        }
        assert!(relayed > 30, "run {run}: {relayed} messages");
        for client in &mut clients {
            assert_eq!(client.heard().await, Vec::<Value>::new(), "no error, no second copy");
        }
    }
}

fn peers(recorded: &[Recorded]) -> Vec<String> {
    let id_of = |peer| {
        let sent = recorded.iter().find(|one| one.peer == peer && one.dir == "client->gateway").unwrap();
        let message: Value = serde_json::from_str(sent.message.get()).unwrap();
        message["data"]["id"].as_str().unwrap().to_owned()
    };
    vec![id_of(0), id_of(1)]
}

fn room_of(recorded: &[Recorded]) -> String {
    let message: Value = serde_json::from_str(recorded[0].message.get()).unwrap();
    message["data"]["roomId"].as_str().unwrap().to_owned()
}

/// ARCHITECTURE, failure 1: cost does not grow with other people's connections.
#[tokio::test]
async fn a_relay_reads_two_items_and_posts_once_whatever_the_tables_hold() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut crowd = vec![];
    for n in 0..30 {
        crowd.push(stack.join(&room.id, &format!("peer-{n}")).await);
    }
    let client = &mut crowd[0];
    client.send(&json!({ "action": "handshake", "data": room.candidate("peer-0", "c") }).to_string()).await;
    sfu.next().await;
    let invocation = stack.invoked("handshake", 1).await.remove(0);
    let calls = invocation["calls"].as_array().unwrap();
    let operations: Vec<_> = calls.iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["BatchGetItem", "PostToConnection"]);
    assert_eq!(calls[0]["items"], 2);
}

#[tokio::test]
async fn a_relay_without_a_request_id_is_not_answered_and_one_with_it_is_acked() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let answer = client.request("handshake", room.candidate("p", "1")).await;
    assert_eq!(answer, json!({ "type": "ack", "requestId": "request-2" }));
    client.send(&json!({ "action": "handshake", "data": room.candidate("p", "2") }).to_string()).await;
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "1"));
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "2"));
    assert_eq!(client.heard().await, Vec::<Value>::new());
}

/// ARCHITECTURE, failure 3: the sender is checked against the connection, and so is the room.
#[tokio::test]
async fn nobody_speaks_for_somebody_else_or_into_another_room() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "one").await;
    let (other, mut other_sfu) = Room::claimed(&stack, "two").await;
    let mut client = stack.join(&room.id, "p").await;
    let mut victim = stack.join(&other.id, "v").await;

    let answer = client.request("handshake", room.candidate("v", "c")).await;
    assert_eq!((answer["status"].clone(), answer["code"].clone()), (json!(403), json!("forbidden")));
    let answer = client.request("handshake", other.candidate("p", "c")).await;
    assert_eq!(answer["code"], "forbidden");
    let mut disguised = other.candidate_to("v", "c");
    disguised["sender"] = json!("p");
    assert_eq!(
        client.request("handshake", disguised).await["message"],
        "receiver: is for the SFU only, and for clients of a relayed session"
    );

    // An SFU is held to its own room and its own name just the same.
    assert_eq!(sfu.request("handshake", other.candidate_to("v", "c")).await["code"], "forbidden");
    let mut foreign = room.candidate_to("v", "c");
    foreign["roomId"] = json!(other.id);
    assert_eq!(sfu.request("handshake", foreign).await["code"], "forbidden");
    let no_receiver = room.candidate(&room.id, "c");
    assert_eq!(sfu.request("handshake", no_receiver).await["message"], "receiver: is required");

    assert_eq!(victim.heard().await, Vec::<Value>::new());
    assert_eq!(other_sfu.heard().await, Vec::<Value>::new());
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

/// ARCHITECTURE, failure 8: a missing receiver is a documented status.
#[tokio::test]
async fn a_receiver_that_is_not_there_is_a_typed_error() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let answer = sfu.request("handshake", room.candidate_to("nobody", "c")).await;
    assert_eq!(answer["status"], 404);
    assert_eq!(answer["code"], "peer_not_found");
}

/// The original SFU names no room: its own id is its room's.
#[tokio::test]
async fn an_sfu_that_names_no_room_speaks_in_its_own() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let mut message = room.candidate_to("p", "c");
    message.as_object_mut().unwrap().remove("roomId");
    sfu.send(&json!({ "action": "handshake", "data": message }).to_string()).await;
    assert_eq!(client.next().await, message);
}

#[tokio::test]
async fn batches_of_candidates_need_the_feature() {
    let stack = Stack::start().await;
    let room = Room::pending(&stack).await;
    let mut sfu = room.sfu(&[]).await;
    assert_eq!(stack.claim("page").await.0, 200);
    let mut client = stack.connect().await;
    assert_eq!(client.identify(&room.id, "p").await["features"], json!([]));
    let batch = json!({ "type": "producer", "sender": "p", "roomId": room.id, "candidates": [{}, {}] });
    assert_eq!(client.request("handshake", batch.clone()).await["code"], "bad_message");
    let mut back = batch.clone();
    back["sender"] = json!(room.id);
    back["receiver"] = json!("p");
    assert_eq!(sfu.request("handshake", back.clone()).await["code"], "bad_message");

    let mut sfu = room.sfu(&["candidates"]).await;
    assert_eq!(client.request("handshake", batch.clone()).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), batch);
    assert_eq!(sfu.request("handshake", back.clone()).await["type"], "ack");
    assert_eq!(client.next().await, back);
}

/// ARCHITECTURE, failure 9: a client sends both back to back, and API Gateway runs them concurrently.
#[tokio::test]
async fn a_handshake_that_arrives_before_its_identify_waits_for_it() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "delay", "route": "identify", "delayMs": 300 })).await;
    let mut client = stack.connect().await;
    let identify = json!({ "type": "client", "id": "p", "roomId": room.id });
    client.send(&json!({ "action": "identify", "data": identify }).to_string()).await;
    client.send(&json!({ "action": "handshake", "data": room.candidate("p", "early") }).to_string()).await;
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "early"));
    assert_eq!(client.next().await["type"], "identified");
}

#[tokio::test]
async fn a_handshake_without_an_identify_is_refused_after_its_wait() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.connect().await;
    let answer = client.request("handshake", room.candidate("p", "c")).await;
    assert_eq!(answer["code"], "connection_not_found");
    assert_eq!(answer["message"], "WebSocket Connection Not Found");
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
    client.identify(&room.id, "p").await;
}

/// A receiver that takes no more for now is not gone.
#[tokio::test]
async fn a_throttled_receiver_is_a_typed_error() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let connection = stack.rooms("SFU").await[0]["connectionId"].clone();
    stack.fault(json!({ "fault": "management", "error": 429, "connectionId": connection })).await;
    let answer = client.request("handshake", room.candidate("p", "c")).await;
    assert_eq!((&answer["status"], &answer["code"]), (&json!(429), &json!("too_many_requests")));
    stack.no_faults().await;
    assert_eq!(client.request("handshake", room.candidate("p", "again")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "again"));
}

/// A stranger who never identifies costs a bounded number of reads.
#[tokio::test]
async fn a_handshake_that_waits_looks_ever_less_often() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.connect().await;
    client.request("handshake", room.candidate("p", "c")).await;
    let invocation = stack.invoked("handshake", 1).await.remove(0);
    let looks = invocation["calls"].as_array().unwrap().iter();
    let looks = looks.filter(|call| call["operation"] == "BatchGetItem").count();
    assert!((2..=8).contains(&looks), "{looks}");
}
