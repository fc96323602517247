//! A socket is lost, and its member's place is kept for a while (`ReconnectGraceSeconds`).

use std::time::Duration;

use arbiter_tests::{Project, Room, Socket, Stack, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

const RESUME: &str = "0123456789abcdef";
const GRACE: Duration = Duration::from_secs(2);

async fn stack() -> Stack {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "2");
    stack.parameter("RoomReconnectGraceSeconds", "2").start().await
}

async fn join(stack: &Stack, room: &str, peer: &str, token: &str) -> (Socket, Value) {
    let mut socket = stack.connect().await;
    let data = json!({ "type": "client", "id": peer, "roomId": room, "resumeToken": token });
    let answer = socket.request("identify", data).await;
    (socket, answer)
}

/// Waits until a member is away.
async fn away(stack: &Stack, peer: &str) {
    until("the member is away", async || {
        let members = stack.rooms(&format!("PEER#{peer}")).await;
        members.iter().any(|member| member.get("awayUntil").is_some()).then_some(())
    })
    .await;
}

/// How often somebody was told of a peer's end.
fn ends(heard: &[Value], peer: &str) -> usize {
    let of_peer =
        |notice: &&Value| notice["clientId"] == peer || notice["connection"]["connectionId"] == peer;
    let ends = ["clientDisconnect", "connectionDestroyed"];
    heard.iter().filter(|notice| ends.contains(&notice["type"].as_str().unwrap())).filter(of_peer).count()
}

#[tokio::test]
async fn who_comes_back_in_time_is_not_announced_as_lost() {
    let stack = stack().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    drop(ada);
    away(&stack, "ada").await;

    let (_, refused) = join(&stack, &room.id, "ada", "somebody-elses-token").await;
    assert_eq!((&refused["status"], &refused["code"]), (&json!(409), &json!("peer_in_use")));
    let absent = sfu.request("handshake", room.candidate_to("ada", "candidate:1")).await;
    assert_eq!(absent["code"], "peer_not_found", "it has no socket");

    let (mut ada, back) = join(&stack, &room.id, "ada", RESUME).await;
    assert_eq!(back["type"], "identified", "{back}");
    sleep(GRACE + Duration::from_secs(1)).await;
    assert_eq!((ends(&bob.heard().await, "ada"), ends(&sfu.heard().await, "ada")), (0, 0));
    let timers = stack.invocations("timer").await;
    assert_eq!(timers.len(), 1, "it has fired, and done nothing");
    sfu.send(&json!({ "action": "handshake", "data": room.candidate_to("ada", "candidate:2") }).to_string())
        .await;
    assert_eq!(ada.next().await["candidate"]["candidate"], "candidate:2");
}

#[tokio::test]
async fn who_does_not_come_back_is_announced_as_lost_once_the_grace_is_over() {
    let stack = stack().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let (ada, _) = project.join(&session, "publisher", &json!({ "id": "ada", "resumeToken": RESUME })).await;
    let created = bob.next_of("connectionCreated").await;
    drop(ada);
    away(&stack, "ada").await;
    assert_eq!(ends(&bob.heard().await, "ada"), 0);
    let listed = project.rest(Method::GET, &session, "/connection", None).await;
    assert_eq!(listed.1["count"], 2, "it is a member");
    let (_cleo, identified) = project.join(&session, "publisher", &json!({ "id": "cleo" })).await;
    assert!(identified["connections"].as_array().unwrap().contains(&created["connection"]));

    let destroyed = bob.next_of("connectionDestroyed").await;
    assert_eq!(destroyed["reason"], "networkDisconnected");
    assert_eq!(destroyed["connection"]["creationTime"], created["connection"]["creationTime"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(ends(&bob.heard().await, "ada"), 0, "once");
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
}

#[tokio::test]
async fn who_means_to_go_or_left_no_token_is_not_waited_for() {
    let stack = stack().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    ada.close(1000).await;
    assert_eq!(bob.next_of("clientDisconnect").await["reason"], "left");
    let cleo = stack.join(&room.id, "cleo").await;
    drop(cleo);
    assert_eq!(bob.next_of("clientDisconnect").await["reason"], "lost");
    assert_eq!(stack.invocations("timer").await.len(), 0);
}

/// A post finds a socket closed before `$disconnect` says that it was closed on purpose.
#[tokio::test]
async fn who_is_found_gone_and_then_says_that_it_left_is_not_waited_for() {
    let stack = stack().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    let socket = stack.rooms("PEER#ada").await[0]["connectionId"].clone();
    stack.fault(json!({ "fault": "management", "error": 410, "connectionId": socket })).await;
    let absent = sfu.request("handshake", room.candidate_to("ada", "candidate:1")).await;
    assert_eq!(absent["code"], "peer_not_found");
    away(&stack, "ada").await;

    ada.close(1000).await;
    assert_eq!(bob.next_of("clientDisconnect").await["reason"], "left");
    assert_eq!(stack.rooms("PEER#ada").await.len(), 0);
    sleep(GRACE + Duration::from_secs(1)).await;
    assert_eq!((ends(&bob.heard().await, "ada"), ends(&sfu.heard().await, "ada")), (0, 1), "once");
}

/// The function of the timer dies each time: whoever reads the member makes up for it.
#[tokio::test]
async fn a_timer_that_never_fires_is_made_up_for() {
    let stack = stack().await;
    stack.fault(json!({ "fault": "kill", "function": "timer", "afterCalls": 1 })).await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let cleo = stack.join(&room.id, "cleo").await;
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    drop(ada);
    away(&stack, "ada").await;
    sleep(GRACE).await;
    assert_eq!(ends(&bob.heard().await, "ada"), 0);

    // Somebody else's end is announced, for which the room is read.
    cleo.close(1000).await;
    let mut heard = vec![bob.next_of("clientDisconnect").await, bob.next_of("clientDisconnect").await];
    heard.extend(bob.heard().await);
    assert_eq!((ends(&heard, "ada"), ends(&heard, "cleo")), (1, 1), "{heard:?}");
    sfu.next_of("clientDisconnect").await;
    sfu.next_of("clientDisconnect").await;

    // Or somebody wants the place.
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    drop(ada);
    away(&stack, "ada").await;
    sleep(GRACE).await;
    let (_, stranger) = join(&stack, &room.id, "ada", "somebody-elses-token").await;
    assert_eq!(stranger["code"], "peer_in_use", "its stay has ended, and its place is held for it");
    assert_eq!(ends(&[bob.next_of("clientDisconnect").await], "ada"), 1);
    let (_ada, back) = join(&stack, &room.id, "ada", RESUME).await;
    assert_eq!(back["type"], "identified", "{back}");
}

/// `$disconnect` dies after each of its calls in turn. Whoever is away then has a timer.
#[tokio::test]
async fn a_place_is_not_kept_without_a_timer_when_the_function_dies() {
    let stack = stack().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    for calls in 1..=4 {
        let (socket, _) = join(&stack, &room.id, &format!("ada{calls}"), RESUME).await;
        let kill = json!({ "fault": "kill", "function": "disconnect", "afterCalls": calls });
        let kill = stack.fault(kill).await;
        drop(socket);
        until("the function has died", async || {
            (stack.admin("/faults").await[0]["fired"] == 1).then_some(())
        })
        .await;
        stack.no_fault(&kill).await;
    }
    let kept = stack.rooms("PEER#ada").await.into_iter().filter(|member| member.get("awayUntil").is_some());
    let kept: Vec<_> = kept.map(|member| member["sk"].as_str().unwrap().replace("PEER#", "")).collect();
    assert_eq!(kept, ["ada4"], "its row and its place are read, the timer is set, the place kept");
    sleep(GRACE + Duration::from_secs(1)).await;
    let heard = bob.heard().await;
    for peer in kept {
        assert_eq!(ends(&heard, &peer), 1, "{peer}: {heard:?}");
    }
}

/// The queue delivers twice, and `$disconnect` comes twice.
#[tokio::test]
async fn a_loss_and_a_firing_that_come_twice_are_one() {
    let stack = stack().await;
    stack.fault(json!({ "fault": "sqs", "repeat": true })).await;
    stack.fault(json!({ "fault": "disconnect", "mode": "repeat" })).await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let (ada, _) = join(&stack, &room.id, "ada", RESUME).await;
    drop(ada);
    assert_eq!(bob.next_of("clientDisconnect").await["clientId"], "ada");
    until("both messages are dealt with", async || {
        let state = stack.admin("/state").await;
        let queue =
            state["queues"].as_array()?.iter().find(|queue| queue["logicalId"] == "TimerQueue")?.clone();
        ["visible", "delayed", "inFlight"].iter().all(|count| queue[*count] == 0).then_some(())
    })
    .await;
    assert_eq!(ends(&bob.heard().await, "ada"), 0, "once");
}

/// Another device knows nothing of the stay: its streams, its data and what was kept for it are over, and the others hear so.
#[tokio::test]
async fn the_same_user_on_another_device_begins_another_stay_and_need_not_wait() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "60").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let identify = async |claims: Value, resume: &str| {
        let token = project.token(&session, &claims);
        let more = json!({ "id": "ann", "resumeToken": resume });
        let mut socket = stack.connect().await;
        let answer = socket.request("identify", project.identity(&session, &token, &more)).await;
        (socket, answer)
    };
    let ann = json!({ "connection_data": "name=Ann" });
    let (mut lost, first) = identify(ann.clone(), RESUME).await;
    lost.request("publish", json!({ "streamId": "annscam1~ann" })).await;
    bob.heard().await;
    lost.cut();
    away(&stack, "ann").await;
    let kept = bob.request("signal", json!({ "data": "for that stay", "to": "ann" })).await;
    assert_eq!(kept["type"], "ack");
    let (_, refused) = identify(json!({ "connection_data": "name=Eve" }), "another-resume-token").await;
    assert_eq!((&refused["status"], &refused["code"]), (&json!(409), &json!("peer_in_use")));

    let devices = [(ann.clone(), "name=Ann"), (json!({ "peerId": "ann" }), "")];
    for (number, (claims, data)) in devices.into_iter().enumerate() {
        let (mut device, begun) = identify(claims, &format!("resume-token-of-device-{number}")).await;
        assert_eq!(begun["type"], "identified", "{begun}");
        assert_ne!(begun["connection"]["creationTime"], first["connection"]["creationTime"]);
        assert_eq!(begun["connection"]["data"], data);
        assert_eq!(begun["streams"], json!([]));
        let told = device.heard().await;
        assert!(!told.iter().any(|notice| notice["type"] == "kept"), "{told:?}");
        let ended = bob.next_of("connectionDestroyed").await;
        assert_eq!(ended["reason"], "networkDisconnected");
        if data == "name=Ann" {
            assert_eq!(ended["connection"]["creationTime"], first["connection"]["creationTime"]);
            assert_eq!(ended["streams"], json!(["annscam1~ann"]));
        }
        let created = bob.next_of("connectionCreated").await;
        assert_eq!((&created["resumed"], &created["connection"]), (&json!(true), &begun["connection"]));
        assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
        // The device of before finds somebody there.
        let (_, late) = identify(ann.clone(), RESUME).await;
        assert_eq!(late["code"], "peer_in_use", "{late}");
        device.cut();
        away(&stack, "ann").await;
    }
}

/// Both name the place as it was: away. Whoever is second finds the other there, and the others hear of an end or of none.
#[tokio::test]
async fn of_a_return_and_the_same_user_on_another_device_one_has_the_place() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "60").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    for round in 0..5 {
        let id = format!("ann-{round}");
        let identify = async |resume: &str| {
            let token = project.token(&session, &json!({ "connection_data": "name=Ann" }));
            let more = json!({ "id": id, "resumeToken": resume });
            let mut socket = stack.connect().await;
            let answer = socket.request("identify", project.identity(&session, &token, &more)).await;
            (socket, answer)
        };
        identify(RESUME).await.0.cut();
        away(&stack, &id).await;
        bob.heard().await;
        let ((_one, itself), (_other, device)) =
            tokio::join!(identify(RESUME), identify("another-resume-token"));
        match [&itself, &device].map(|answer| answer["type"] == "identified") {
            [true, false] => assert_eq!(ends(&bob.heard().await, &id), 0),
            [false, true] => {
                bob.next_of("connectionDestroyed").await;
            }
            both => panic!("{both:?}: {itself} {device}"),
        }
    }
}

/// Nobody has noticed the loss: whoever wants the place has its holder probed.
#[tokio::test]
async fn the_same_user_on_another_device_need_not_wait_until_a_loss_is_noticed() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "60").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let identify = async |data: &str, resume: &str| {
        let token = project.token(&session, &json!({ "connection_data": data }));
        let more = json!({ "id": "ann", "resumeToken": resume });
        let mut socket = stack.connect().await;
        let answer = socket.request("identify", project.identity(&session, &token, &more)).await;
        (socket, answer)
    };
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    let (mut there, _) = identify("name=Ann", RESUME).await;
    let (_device, refused) = identify("name=Ann", "another-resume-token").await;
    assert_eq!(refused["code"], "peer_in_use", "whoever is there is not pushed out: {refused}");
    there.heard().await;
    there.cut();
    until("the socket is closed", async || {
        (stack.admin("/state").await["connections"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let (_device, begun) = identify("name=Ann", "another-resume-token").await;
    assert_eq!(begun["type"], "identified", "{begun}");
}
