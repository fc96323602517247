//! Rooms that are kept warm: asked for by a claim, started by createRoom's function, given up when they are spare.

use arbiter_tests::{Room, Socket, Stack, unstamped, until};
use serde_json::{Value, json};

async fn keeping(idle_rooms: &str) -> Stack {
    Stack::with().parameter("IdleRooms", idle_rooms).start().await
}

fn operations(invocation: &Value) -> Vec<String> {
    let calls = invocation["calls"].as_array().unwrap();
    calls.iter().map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the refill queue is empty and its messages are dealt with; answers with the refills.
async fn refills(stack: &Stack, count: usize) -> Vec<Value> {
    until("the refills are dealt with", async || {
        let refills = stack.invocations("refill").await;
        let queue = queue(stack, "RefillQueue").await;
        let left =
            ["visible", "delayed", "inFlight"].iter().map(|name| queue[name].as_u64().unwrap()).sum::<u64>();
        (refills.len() >= count && left == 0).then_some(refills)
    })
    .await
}

async fn queue(stack: &Stack, name: &str) -> Value {
    let state = stack.admin("/state").await;
    state["queues"].as_array().unwrap().iter().find(|queue| queue["logicalId"] == name).unwrap().clone()
}

/// What an SFU says that nobody has claimed for a while.
async fn leave_if_spare(sfu: &mut Socket) -> (Value, Value) {
    let answer = sfu.request("leave", json!({ "ifSpare": true })).await;
    (answer["type"].clone(), answer["code"].clone())
}

#[tokio::test]
async fn a_claim_that_leaves_too_few_rooms_has_another_started() {
    let stack = keeping("1").await;
    let (_room, _sfu) = Room::unclaimed(&stack).await;
    assert_eq!(stack.claim("page").await.0, 200);
    let refill = refills(&stack, 1).await.remove(0);
    assert_eq!(stack.tasks().await.len(), 2);
    assert_eq!(refill["outcome"], "ok");
    let claim = stack.invoked("claim-room", 1).await.remove(0);
    assert_eq!(operations(&claim), ["Query", "TransactWriteItems", "SendMessage"]);
    // The page that has a room is no reason for another one, and neither is the next while one is starting.
    assert_eq!(stack.claim("page").await.0, 200);
    assert_eq!(stack.claim("other").await.0, 404);
    assert_eq!(operations(&stack.invoked("claim-room", 3).await[2]), ["Query", "GetItem"]);
    assert_eq!(stack.tasks().await.len(), 2);
}

#[tokio::test]
async fn the_first_claim_of_all_has_the_pool_filled() {
    let stack = keeping("2").await;
    assert_eq!(stack.claim("page").await.0, 404);
    refills(&stack, 1).await;
    assert_eq!(stack.tasks().await.len(), 2, "both with one message");
    let rooms = stack.rooms("PENDING#").await;
    assert_eq!(rooms.len(), 2);
}

#[tokio::test]
async fn without_warm_rooms_nobody_is_asked() {
    let stack = Stack::start().await;
    let (_room, _sfu) = Room::unclaimed(&stack).await;
    stack.claim("page").await;
    stack.claim("other").await;
    let claims = stack.invoked("claim-room", 2).await;
    assert!(!claims.iter().flat_map(operations).any(|operation| operation == "SendMessage"));
}

/// SQS delivers at least once.
#[tokio::test]
async fn a_message_that_comes_twice_starts_one_room() {
    let stack = keeping("1").await;
    stack.fault(json!({ "fault": "sqs", "operation": "SendMessage", "repeat": true })).await;
    assert_eq!(stack.claim("page").await.0, 404);
    refills(&stack, 2).await;
    assert_eq!(stack.tasks().await.len(), 1);
}

#[tokio::test]
async fn a_claim_neither_fails_nor_waits_because_the_queue_does() {
    let stack = keeping("1").await;
    for error in ["throttle", "internal", "timeout"] {
        let (room, _sfu) = Room::unclaimed(&stack).await;
        stack.fault(json!({ "fault": "sqs", "error": error })).await;
        let started = std::time::Instant::now();
        assert_eq!(stack.claim(error).await, (200, json!({ "roomId": room.id })));
        assert!(started.elapsed().as_secs() < 5, "{error}: {:?}", started.elapsed());
        stack.no_faults().await;
    }
    until("each is logged", async || {
        (stack.log().matches("Refill not asked for").count() == 3).then_some(())
    })
    .await;
}

/// What cannot be had is not tried again for ever: the next claim asks anew.
#[tokio::test]
async fn a_refill_at_the_cap_is_done() {
    let stack = Stack::with().parameter("IdleRooms", "1").parameter("MaxRooms", "1").start().await;
    let (_room, _sfu) = Room::claimed(&stack, "page").await;
    let refill = refills(&stack, 1).await.remove(0);
    assert_eq!(refill["outcome"], "ok");
    assert_eq!(stack.tasks().await.len(), 1);
}

/// A task that does not start is tried again by SQS, not by us; its room is taken back.
#[tokio::test]
async fn a_refill_that_fails_stays_in_the_queue_and_leaves_no_room() {
    let stack = keeping("1").await;
    stack.fault(json!({ "fault": "ecs", "error": "failure" })).await;
    assert_eq!(stack.claim("page").await.0, 404);
    until("the refill has failed", async || {
        let failed = stack.log().contains("Message failed");
        (failed && queue(&stack, "RefillQueue").await["inFlight"] == 1).then_some(())
    })
    .await;
    for key in ["ROOM", "PENDING#", "SLOT#"] {
        assert_eq!(stack.rooms(key).await, Vec::<Value>::new(), "{key}");
    }
}

/// `MaxIdleRooms` is 1 here, and counts as 3.
#[tokio::test]
async fn a_full_pool_leaves_room_for_a_room_that_is_asked_for() {
    let stack = Stack::with().parameter("IdleRooms", "2").parameter("MaxIdleRooms", "1").start().await;
    stack.claim("page").await;
    refills(&stack, 1).await;
    assert_eq!(stack.tasks().await.len(), 2);
    assert_eq!(stack.create_room().await.0, 200);
    assert_eq!(stack.create_room().await, (429, json!({ "message": "Too many idle rooms" })));
}

#[tokio::test]
async fn a_spare_sfu_leaves_and_a_needed_one_stays() {
    let stack = keeping("1").await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let answer = sfu.request("leave", json!({ "ifSpare": true })).await;
    assert_eq!(
        answer,
        json!({
            "type": "error", "requestId": answer["requestId"], "status": 409, "code": "room_needed",
            "message": "The room is kept for the next claim",
        })
    );
    let (other, mut other_sfu) = Room::unclaimed(&stack).await;
    assert_eq!(leave_if_spare(&mut sfu).await.0, "ack");
    assert_eq!(leave_if_spare(&mut other_sfu).await.1, "room_needed");
    assert_eq!(leave_if_spare(&mut sfu).await.1, "connection_not_found", "it has left");
    let mut back = Socket::open(&room.signal_server_url).await.unwrap();
    assert_eq!(room.identify_sfu(&mut back, &[]).await["code"], "room_closed");
    assert_eq!(stack.claim("page").await, (200, json!({ "roomId": other.id })));
    let answer = other_sfu.request("leave", json!({ "ifSpare": true })).await;
    assert_eq!(
        (&answer["status"], &answer["code"], &answer["message"]),
        (&json!(409), &json!("room_claimed"), &json!("The room has been claimed"))
    );
    let mut client = stack.join(&other.id, "p").await;
    assert_eq!(
        client.request("handshake", other.candidate("p", "c")).await["type"],
        "ack",
        "nothing has changed"
    );
    assert_eq!(unstamped(other_sfu.next_of("producer").await), other.candidate("p", "c"));
}

#[tokio::test]
async fn of_two_spare_sfus_that_leave_at_once_one_stays_when_one_is_needed() {
    let stack = keeping("1").await;
    let (_one, mut first) = Room::unclaimed(&stack).await;
    let (_two, mut second) = Room::unclaimed(&stack).await;
    let (one, two) = futures::join!(leave_if_spare(&mut first), leave_if_spare(&mut second));
    let mut codes = [one.1, two.1];
    codes.sort_by_key(Value::to_string);
    assert_eq!(codes, [json!("room_needed"), Value::Null]);
}

#[tokio::test]
async fn a_client_cannot_leave_on_an_sfus_condition() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    assert_eq!(leave_if_spare(&mut client).await.1, "bad_message");
    assert_eq!(client.request("leave", json!({ "ifSpare": 1 })).await["code"], "bad_message");
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(client.request("leave", json!({ "ifSpare": false })).await["type"], "ack");
}

/// What its task definition says, and what createRoom adds.
#[tokio::test]
async fn a_task_is_given_the_settings_of_the_stack() {
    let stack = Stack::with()
        .parameter("RoomIdleMinutes", "2")
        .parameter("PoolIdleMinutes", "7")
        .parameter("PeerGraceSeconds", "3")
        .start()
        .await;
    let room = Room::pending(&stack).await;
    let environment = stack.tasks().await.remove(0)["environment"].clone();
    for (name, value) in [
        ("ROOM_IDLE_MINUTES", "2"),
        ("POOL_IDLE_MINUTES", "7"),
        ("PEER_GRACE_SECONDS", "3"),
        ("SFU_ID", &room.id),
        ("RTC_CONFIG", r#"{"iceServers":[{"urls":"stun:stun.l.google.com:19302"}]}"#),
        ("MEDIA_PORT", "0"),
        ("METRICS_PORT", "0"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
}
