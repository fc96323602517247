//! A client goes, on purpose or not.

use arbiter_tests::{Room, Stack, stamp_of, unstamped_all, until};
use serde_json::{Value, json};

#[tokio::test]
async fn the_sfu_and_every_other_member_are_told_once() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut leaver = stack.connect().await;
    let connection = leaver.identify(&room.id, "leaver").await["connectionId"].clone();
    let mut others = vec![];
    for n in 0..5 {
        others.push(stack.join(&room.id, &format!("other-{n}")).await);
    }
    let stamp = stamp_of(&stack, "leaver").await;
    leaver.close(1000).await;
    let told = json!({
        "type": "clientDisconnect", "clientId": "leaver", "connectedAt": stamp["connectedAt"],
        "connectionId": connection, "reason": "left",
    });
    assert_eq!(sfu.next().await, told);
    for other in &mut others {
        assert_eq!(other.next().await, told);
        assert_eq!(other.heard().await, Vec::<Value>::new());
    }
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_close_code_tells_whether_a_client_left_or_was_lost() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    for (code, reason) in [(1000, "left"), (1001, "lost"), (4000, "lost")] {
        stack.join(&room.id, "p").await.close(code).await;
        assert_eq!(sfu.next().await["reason"], reason, "{code}");
    }
    stack.join(&room.id, "p").await.cut();
    assert_eq!(sfu.next().await["reason"], "lost");
}

#[tokio::test]
async fn a_departure_takes_one_read_one_transaction_one_query_the_posts_and_one_delete() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    stack.join(&room.id, "p").await.close(1000).await;
    sfu.next().await;
    other.next().await;
    let invocation = stack.invoked("disconnect", 1).await.remove(0);
    let operations: Vec<_> = invocation["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["operation"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        operations,
        ["GetItem", "TransactWriteItems", "Query", "PostToConnection", "PostToConnection", "DeleteItem"]
    );
}

/// ARCHITECTURE, failure 5: the peer is back before API Gateway says that it went.
#[tokio::test]
async fn late_disconnect_keeps_the_newer_connection() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let identify =
        json!({ "type": "client", "id": "p", "roomId": room.id, "resumeToken": "0123456789abcdef" });
    let mut first = stack.connect().await;
    first.request("identify", identify.clone()).await;
    stack.fault(json!({ "fault": "disconnect", "mode": "delay", "delayMs": 400 })).await;
    first.cut();
    let mut second = stack.connect().await;
    assert_eq!(second.request("identify", identify).await["type"], "identified");
    stack.invoked("disconnect", 1).await;
    assert_eq!(second.request("handshake", room.candidate("p", "c")).await["type"], "ack");
    assert_eq!(unstamped_all(sfu.heard().await), [room.candidate("p", "c")], "nobody was announced as gone");
}

#[tokio::test]
async fn a_repeated_disconnect_says_nothing_twice() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "disconnect", "mode": "repeat" })).await;
    stack.join(&room.id, "p").await.close(1000).await;
    stack.invoked("disconnect", 2).await;
    assert_eq!(sfu.heard().await.len(), 1);
}

/// `$disconnect` is a best effort: whoever finds a socket gone does what it would have done.
#[tokio::test]
async fn a_dropped_disconnect_is_made_up_for_by_the_next_post() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    stack.join(&room.id, "p").await.close(1000).await;
    assert_eq!(stack.rooms("PEER#").await.len(), 2, "a ghost");

    let answer = sfu.request("handshake", room.candidate_to("p", "c")).await;
    assert_eq!(answer["code"], "peer_not_found");
    assert_eq!(other.next_of("clientDisconnect").await["clientId"], "p");
    assert_eq!(sfu.next_of("clientDisconnect").await["reason"], "lost");
    assert_eq!(stack.rooms("PEER#").await.len(), 1);
    assert_eq!(stack.items("ConnectionsTable").await.len(), 2);
}

/// One finds many ghosts: each is removed and announced, once, to those who are there.
#[tokio::test]
async fn a_fan_out_that_meets_ghosts_announces_them_too() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    for n in 0..6 {
        stack.join(&room.id, &format!("ghost-{n}")).await.cut();
    }
    stack.no_faults().await;
    stack.join(&room.id, "p").await.close(1000).await;
    let mut gone = vec![];
    for _ in 0..7 {
        gone.push(sfu.next_of("clientDisconnect").await["clientId"].as_str().unwrap().to_owned());
    }
    gone.sort();
    assert_eq!(gone, ["ghost-0", "ghost-1", "ghost-2", "ghost-3", "ghost-4", "ghost-5", "p"]);
    stack.invoked("disconnect", 1).await;
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
    assert_eq!(stack.rooms("PEER#").await.len(), 0);
}

/// The peer is back before the room is told that it went: it is not told of itself.
#[tokio::test]
async fn a_peer_is_not_told_of_its_own_older_life() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    let first = stack.join(&room.id, "p").await;
    let mut second = stack.connect().await;
    let hold = stack.hold("disconnect", "Query").await;
    first.close(1000).await;
    stack.held(&hold).await;
    second.identify(&room.id, "p").await;
    stack.no_fault(&hold).await;
    assert_eq!(other.next().await["clientId"], "p");
    assert_eq!(sfu.next().await["clientId"], "p");
    stack.invoked("disconnect", 1).await;
    assert_eq!(second.heard().await, Vec::<Value>::new());
}

/// Slow receivers are waited for at once, not one after the other.
#[tokio::test]
async fn slow_receivers_do_not_delay_each_other() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut slow = vec![];
    for n in 0..6 {
        let mut socket = stack.connect().await;
        let connection = socket.identify(&room.id, &format!("slow-{n}")).await["connectionId"].clone();
        stack.fault(json!({ "fault": "management", "delayMs": 1000, "connectionId": connection })).await;
        slow.push(socket);
    }
    stack.join(&room.id, "p").await.close(1000).await;
    for socket in &mut slow {
        assert_eq!(socket.next().await["clientId"], "p");
    }
    let invocation = stack.invoked("disconnect", 1).await.remove(0);
    let posts =
        invocation["calls"].as_array().unwrap().iter().map(|call| call["durationMs"].as_f64().unwrap());
    assert!(invocation["durationMs"].as_f64().unwrap() < posts.sum::<f64>() / 2.0, "{invocation}");
}

/// TASTE 8: a fan-out never fails because one receiver does.
#[tokio::test]
async fn a_receiver_that_cannot_be_reached_for_now_keeps_nobody_from_being_told_and_is_not_lost() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut slow = stack.connect().await;
    let connection = slow.identify(&room.id, "slow").await["connectionId"].clone();
    let mut others = vec![];
    for n in 0..4 {
        others.push(stack.join(&room.id, &format!("other-{n}")).await);
    }
    for (n, error) in [429, 500].into_iter().enumerate() {
        stack.fault(json!({ "fault": "management", "error": error, "connectionId": connection })).await;
        stack.join(&room.id, "p").await.close(1000).await;
        for other in &mut others {
            assert_eq!(other.next().await["clientId"], "p");
        }
        assert_eq!(sfu.next().await["clientId"], "p");
        stack.invoked("disconnect", n + 1).await;
        stack.no_faults().await;
        assert_eq!(slow.heard().await, Vec::<Value>::new());
        assert_eq!(stack.rooms("PEER#").await.len(), 5, "slow is not lost");
    }
}

/// The sender of a request is gone when it is answered, and `$disconnect` is dropped.
#[tokio::test]
async fn a_sender_that_is_found_gone_has_departed() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    let mut client = stack.connect().await;
    let connection = client.identify(&room.id, "p").await["connectionId"].clone();
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    let hold = stack.hold("handshake", "BatchGetItem").await;
    let request = json!({ "action": "handshake", "requestId": "1", "data": room.candidate("p", "c") });
    client.send(&request.to_string()).await;
    stack.held(&hold).await;
    client.cut();
    until("the gateway notices", async || {
        let state = stack.admin("/state").await;
        let open = state["connections"].as_array()?.iter().any(|one| one["connectionId"] == connection);
        (!open).then_some(())
    })
    .await;
    stack.no_fault(&hold).await;
    let told = other.next().await;
    assert_eq!((&told["clientId"], &told["reason"]), (&json!("p"), &json!("lost")));
    assert_eq!(stack.rooms("PEER#").await.len(), 1);
}
