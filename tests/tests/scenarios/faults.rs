//! What AWS does on a bad day.

use arbiter_tests::{Room, Stack, unstamped};
use serde_json::{Value, json};

#[tokio::test]
async fn a_conflict_is_tried_again_in_both_its_forms() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    for (n, error) in ["conflict", "conflict-cancelled", "throttle", "internal"].into_iter().enumerate() {
        let fault =
            json!({ "fault": "dynamodb", "error": error, "operation": "TransactWriteItems", "times": 2 });
        stack.fault(fault).await;
        let _socket = stack.join(&room.id, &format!("p{n}")).await;
        let faults = stack.admin("/faults").await;
        assert!(!faults.to_string().contains(r#""fired":0"#), "{error}: {faults}");
        stack.no_faults().await;
    }
}

/// The write was made, its answer got lost: the SDK's idempotency token makes the repetition harmless.
#[tokio::test]
async fn an_answer_that_got_lost_is_no_failure() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let lost = |function| {
        json!({ "fault": "dynamodb", "error": "internal", "when": "after", "operation": "TransactWriteItems",
                "function": function, "times": 1 })
    };
    stack.fault(lost("identify")).await;
    let socket = stack.join(&room.id, "p").await;
    stack.fault(lost("disconnect")).await;
    socket.close(1000).await;
    assert_eq!(sfu.next_of("clientDisconnect").await["clientId"], "p");
    assert_eq!(stack.rooms("PEER#").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_failure_that_lasts_is_an_internal_error_that_tells_nothing() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut socket = stack.connect().await;
    stack.fault(json!({ "fault": "dynamodb", "error": "internal" })).await;
    let answer = socket.request("identify", json!({ "type": "client", "id": "p", "roomId": room.id })).await;
    assert_eq!(answer["status"], 500);
    assert_eq!(answer["code"], "internal_error");
    assert_eq!(answer["message"], "Internal Server Error");
    assert_eq!(stack.get_room_id("page").await, (500, json!({ "message": "Something broke on the server" })));
    assert_eq!(stack.claim("page").await, (500, json!({ "message": "Something broke on the server" })));
    assert_eq!(stack.create_room().await, (500, json!({ "message": "Failed to start task." })));
    stack.no_faults().await;
    socket.identify(&room.id, "p").await;
}

/// A function dies after its transaction: the client asks again and gets its answer.
#[tokio::test]
async fn an_identify_that_dies_after_its_write_succeeds_when_it_is_repeated() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut socket = stack.connect().await;
    // 1: the SFU's read or the transaction; 2: both are done, nothing is answered.
    stack.fault(json!({ "fault": "kill", "function": "identify", "afterCalls": 2, "times": 1 })).await;
    let identify = json!({ "type": "client", "id": "p", "roomId": room.id });
    socket.send(&json!({ "action": "identify", "data": identify }).to_string()).await;
    let answer = socket.next().await;
    assert_eq!(answer["message"], "Internal server error", "API Gateway speaks: {answer}");
    socket.identify(&room.id, "p").await;
    assert_eq!(socket.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "c"));
}

/// `$disconnect` dies before its write: the place is freed by whoever posts next.
#[tokio::test]
async fn a_disconnect_that_dies_early_leaves_a_ghost_that_is_found() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "kill", "function": "disconnect", "afterCalls": 1, "times": 1 })).await;
    stack.join(&room.id, "p").await.close(1000).await;
    stack.invoked("disconnect", 1).await;
    assert_eq!(stack.rooms("PEER#").await.len(), 1);
    assert_eq!(sfu.request("handshake", room.candidate_to("p", "c")).await["code"], "peer_not_found");
    assert_eq!(sfu.next_of("clientDisconnect").await["clientId"], "p");
    assert_eq!(stack.rooms("PEER#").await.len(), 0);
}

/// createRoom dies between the record and the task: the slot comes back when the lease ends, and the cap holds.
#[tokio::test]
async fn a_create_room_that_dies_leaves_a_lease_and_nothing_to_claim() {
    let stack = Stack::start().await;
    stack.fault(json!({ "fault": "kill", "function": "create-room", "afterCalls": 2, "times": 1 })).await;
    assert_eq!(stack.create_room().await.0, 500);
    assert_eq!(stack.claim("page").await.0, 404);
    let slot = stack.rooms("SLOT#").await.remove(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let lease = slot["expiresAt"].as_u64().unwrap() - now;
    assert!((590..=600).contains(&lease), "{lease}");
}

/// Every socket is cut at once, as at the end of two hours.
#[tokio::test]
async fn a_call_survives_a_cut_of_every_socket() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    stack.admin_post("/cut", json!({})).await;
    client.closed().await;
    sfu.closed().await;
    stack.invoked("disconnect", 2).await;
    let mut sfu = room.sfu(&["candidates"]).await;
    let mut client = stack.join(&room.id, "p").await;
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next_of("producer").await), room.candidate("p", "c"));
    assert_eq!(stack.get_room_id("page").await.1["roomId"], room.id.as_str());
}

/// What is written stands, whether or not the room could be told of it.
#[tokio::test]
async fn who_has_left_or_returned_has_whether_or_not_the_room_is_told() {
    let stack = Stack::start().await;
    let (room, sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    sfu.close(1001).await;
    assert_eq!(client.next().await["type"], "sfuDisconnect");
    for function in ["leave", "identify"] {
        let fault =
            json!({ "fault": "dynamodb", "error": "internal", "operation": "Query", "function": function });
        stack.fault(fault).await;
    }
    let mut sfu = room.sfu(&["candidates"]).await;
    assert_eq!(client.request("leave", json!({})).await["type"], "ack");
    assert_eq!(stack.rooms("PEER#").await, Vec::<Value>::new());
    stack.no_faults().await;
    let mut client = stack.join(&room.id, "p").await;
    assert_eq!(client.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped(sfu.next().await), room.candidate("p", "c"));
}
