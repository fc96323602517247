//! What an SFU acts on: the gateway's word about who is there, and on which socket, and nobody else's.

use std::time::Duration;

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Room, Socket, Stack, stamp_of, unstamped, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

/// How long the media of somebody who is sent away may go on.
const WITHIN: Duration = Duration::from_secs(1);

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A gateway whose tasks are real SFUs, and the port where the only one that is started tells its figures.
async fn with_an_sfu() -> (Stack, u16) {
    let port = free_port();
    let sfu = binary("arbiter-sfu");
    let command = format!("env PUBLIC_IP=127.0.0.1 METRICS_PORT={port} {}", sfu.display());
    let stack = Stack::with().container(Some(&command)).start().await;
    assert_eq!(stack.create_room().await.0, 200);
    until("the SFU has identified", async || {
        let rooms = stack.rooms("SFU").await;
        (!rooms.is_empty()).then_some(())
    })
    .await;
    (stack, port)
}

/// How many people the SFU has.
async fn people(port: u16) -> u64 {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    let text = answer.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("arbiter_sfu_people ")).unwrap();
    line.trim().parse().unwrap()
}

/// An offer as a browser makes it, with more fields than the usual ones.
fn offer(sender: &str, session: &str, more: &Value) -> Value {
    let sdp = include_str!("../../../crates/sfu/tests/room/offers/two-sections.sdp");
    let mut offer = json!({
        "type": "producer", "sender": sender, "roomId": session, "negotiation": 1,
        "description": { "type": "offer", "sdp": sdp.replace("\r\n", "\n").replace('\n', "\r\n") },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        offer[name] = value.clone();
    }
    offer
}

/// A moderator ends somebody who has said that it is on another socket.
#[tokio::test]
async fn whoever_is_sent_away_is_gone_from_the_sfu_whatever_it_has_claimed() {
    let (stack, port) = with_an_sfu().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut moderator, _) = project.join(&session, "moderator", &json!({ "id": "moderator" })).await;
    for by_rest in [false, true] {
        for claim in [json!({}), json!({ "connectionId": "not-my-socket" })] {
            let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
            let said = ann.request("handshake", offer("ann", &session, &claim)).await;
            assert_eq!(said["type"], "ack", "{said}");
            assert_eq!(ann.next_of("producer").await["description"]["type"], "answer");
            assert_eq!(people(port).await, 1);
            if by_rest {
                let gone = project.rest(Method::DELETE, &session, "/connection/ann", None).await;
                assert_eq!(gone.0, 204);
            } else {
                let said = moderator.request("forceDisconnect", json!({ "connectionId": "ann" })).await;
                assert_eq!(said["type"], "ack", "{said}");
            }
            let forgotten = until("she is forgotten", async || (people(port).await == 0).then_some(()));
            assert!(timeout(WITHIN, forgotten).await.is_ok(), "the SFU keeps her: {claim}, {by_rest}");
        }
    }
}

/// Somebody in the SFU, as a publisher of the session.
async fn in_the_sfu(project: &Project<'_>, session: &str, id: &str) -> Socket {
    let (mut socket, _) = project.join(session, "publisher", &json!({ "id": id })).await;
    assert_eq!(socket.request("handshake", offer(id, session, &json!({}))).await["type"], "ack");
    socket.next_of("producer").await;
    socket
}

/// Functions that die after they have freed a place and before they have told anybody. The SFU asks on each reconnect, which
/// does not keep the test waiting for the minute after which it asks in any case.
#[tokio::test]
async fn an_sfu_that_was_not_told_of_an_end_learns_of_it_when_it_asks() {
    let (stack, port) = with_an_sfu().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut moderator, _) = project.join(&session, "moderator", &json!({ "id": "moderator" })).await;
    let _stays = in_the_sfu(&project, &session, "stays").await;
    for (function, calls) in [("moderate", 3), ("disconnect", 2), ("leave", 2)] {
        let mut ann = in_the_sfu(&project, &session, "ann").await;
        assert_eq!(people(port).await, 2, "{function}");
        let kill = json!({ "fault": "kill", "function": function, "afterCalls": calls, "times": 1 });
        stack.fault(kill).await;
        match function {
            "moderate" => {
                let request = json!({ "action": "forceDisconnect", "data": { "connectionId": "ann" } });
                moderator.send(&request.to_string()).await;
            }
            "leave" => ann.send(r#"{"action":"leave"}"#).await,
            _ => ann.cut(),
        }
        until("the function has died, and the place is free", async || {
            let fired = stack.admin("/faults").await[0]["fired"] == 1;
            (fired && stack.rooms("PEER#ann").await.is_empty()).then_some(())
        })
        .await;
        stack.no_faults().await;
        assert_eq!(people(port).await, 2, "nobody has told it: {function}");
        let sfu = stack.rooms("SFU").await.remove(0)["connectionId"].clone();
        stack.admin_post("/cut", json!({ "connectionId": sfu })).await;
        until("it has asked", async || (people(port).await == 1).then_some(())).await;
    }
}

#[tokio::test]
async fn an_sfu_hears_over_which_socket_a_handshake_came_and_no_client_can_say_so() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let other = stack.join(&room.id, "q").await;
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    let heard = sfu.next().await;
    assert_eq!(heard["stamp"], stamp_of(&stack, "p").await);
    assert_eq!(unstamped(heard), room.candidate("p", "c"));
    for stamp in [stamp_of(&stack, "q").await, Value::Null] {
        let mut forged = room.candidate("p", "c");
        forged["stamp"] = stamp;
        let refused = client.request("handshake", forged).await;
        let expected = (&json!("bad_message"), &json!("stamp: is the gateway's"));
        assert_eq!((&refused["code"], &refused["message"]), expected);
    }
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
    // What an SFU sends is not touched.
    let mut to_client = room.candidate_to("p", "c");
    to_client["stamp"] = json!(7);
    assert_eq!(sfu.request("handshake", to_client.clone()).await["type"], "ack");
    assert_eq!(client.next().await, to_client);
    drop(other);
}

#[tokio::test]
async fn an_sfu_asks_which_of_its_people_are_members() {
    let stack = Stack::with().parameter("RoomReconnectGraceSeconds", "60").start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let (other, mut other_sfu) = Room::claimed(&stack, "other").await;
    let mut there = stack.join(&room.id, "there").await;
    let mut away = stack.connect().await;
    let identify =
        json!({ "type": "client", "id": "away", "roomId": room.id, "resumeToken": "0123456789abcdef" });
    assert_eq!(away.request("identify", identify).await["type"], "identified");
    stack.join(&room.id, "gone").await.close(1000).await;
    sfu.next_of("clientDisconnect").await;
    let _elsewhere = stack.join(&other.id, "elsewhere").await;
    let mut crowd = vec![];
    for n in 0..20 {
        crowd.push(stack.join(&room.id, &format!("crowd-{n}")).await);
    }
    away.cut();
    until("she is away", async || stack.rooms("PEER#away").await.first()?.get("awayUntil").map(|_| ())).await;

    let asked = json!({ "roomId": room.id, "peers": ["there", "away", "gone", "elsewhere", "nobody"] });
    let before = stack.invocations("roster").await.len();
    let answer = sfu.request("roster", asked.clone()).await;
    let listed = json!([
        { "id": "there", "stamp": stamp_of(&stack, "there").await },
        { "id": "away", "stamp": stamp_of(&stack, "away").await, "away": true },
    ]);
    assert_eq!((&answer["type"], &answer["peers"]), (&json!("roster"), &listed));
    assert!(answer["requestId"].is_string());
    let invocation = stack.invoked("roster", before + 1).await.pop().unwrap();
    let calls = invocation["calls"].as_array().unwrap();
    let operations: Vec<_> = calls.iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["BatchGetItem", "PostToConnection"]);
    assert_eq!(calls[0]["items"], 6, "the sender's row, and those that were asked for");

    // Nobody else may ask, and nobody about another room.
    assert_eq!(other_sfu.request("roster", asked.clone()).await["code"], "forbidden");
    assert_eq!(there.request("roster", asked.clone()).await["code"], "forbidden");
    assert_eq!(stack.connect().await.request("roster", asked).await["code"], "connection_not_found");
}

#[tokio::test]
async fn an_sfu_that_serves_a_session_asks_about_that() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (mut ann, stay) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let said = ann.request("handshake", offer("ann", &session, &json!({}))).await;
    assert_eq!(said["type"], "ack", "{said}");
    let answer = sfu.request("roster", json!({ "roomId": session, "peers": ["ann"] })).await;
    let began = &stay["connection"]["creationTime"];
    let listed = json!([{ "id": "ann", "stamp": stamp_of(&stack, "ann").await, "creationTime": began }]);
    assert_eq!(answer["peers"], listed, "{answer}");
    let own = sfu.request("roster", json!({ "roomId": room.id, "peers": ["ann"] })).await;
    assert_eq!(own["code"], "forbidden");
}
