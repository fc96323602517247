//! Many at once, with delays and conflicts in between.

use std::collections::HashSet;

use arbiter_tests::{Room, Socket, Stack, until};
use serde_json::{Value, json};

/// Everybody joins and goes at random, `$disconnect` races with identify, writes meet: in the end the members are
/// exactly those who are there.
#[tokio::test]
async fn no_ghost_and_no_missing_member_after_a_storm() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let conflict = json!({
        "fault": "dynamodb", "error": "conflict-cancelled", "operation": "TransactWriteItems", "probability": 0.05,
    });
    stack.fault(conflict).await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 30, "probability": 0.3 })).await;
    stack.fault(json!({ "fault": "disconnect", "mode": "delay", "delayMs": 100, "probability": 0.5 })).await;
    let visits = (0..40).map(|n| {
        let (stack, room) = (&stack, &room);
        async move {
            let mut socket = stack.connect().await;
            let identify = json!({ "type": "client", "id": format!("peer-{n}"), "roomId": room.id });
            match n % 4 {
                0 => Some(stay(socket, identify).await),
                // The socket is gone while the identify runs.
                1 => {
                    socket.send(&json!({ "action": "identify", "data": identify }).to_string()).await;
                    socket.cut();
                    None
                }
                2 => {
                    stay(socket, identify).await.cut();
                    None
                }
                _ => {
                    let mut socket = stay(socket, identify).await;
                    assert_eq!(socket.request("leave", json!({})).await["type"], "ack");
                    socket.close(1000).await;
                    None
                }
            }
        }
    });
    let stayed: Vec<Socket> = futures::future::join_all(visits).await.into_iter().flatten().collect();
    stack.no_faults().await;
    let expected: HashSet<String> = (0..40).step_by(4).map(|n| format!("PEER#peer-{n}")).collect();
    until("the members are those who stayed", async || {
        let members: HashSet<String> =
            stack.rooms("PEER#").await.iter().map(|item| item["sk"].as_str().unwrap().to_owned()).collect();
        (members == expected).then_some(())
    })
    .await;
    // The SFU's row beside theirs.
    until("the connections are those that are open", async || {
        (stack.items("ConnectionsTable").await.len() == stayed.len() + 1).then_some(())
    })
    .await;
}

async fn stay(mut socket: Socket, identify: Value) -> Socket {
    let answer = socket.request("identify", identify).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    socket
}

/// A claim over a lost room beats the SFU's return, or loses to it, never both.
#[tokio::test]
async fn a_claim_over_a_lost_room_and_its_sfus_return_never_both_win() {
    for round in 0..6 {
        let stack = Stack::with().parameter("SfuGraceSeconds", "0").start().await;
        let (old, sfu) = Room::claimed(&stack, "page").await;
        let (new, _new_sfu) = Room::unclaimed(&stack).await;
        sfu.cut();
        stack.invoked("disconnect", 1).await;
        let delay = json!({ "fault": "dynamodb", "delayMs": 15 * (round % 3), "function": "identify" });
        stack.fault(delay).await;
        let mut back = Socket::open(&old.signal_server_url).await.unwrap();
        let (claim, returned) = futures::join!(stack.claim("page"), old.identify_sfu(&mut back, &[]));
        let claimed = claim.1["roomId"].as_str().unwrap();
        if claimed == new.id {
            // The claim won: the old room is closed, or it was taken back first and the claim found it serving.
            assert_eq!(returned["code"], "room_closed", "{returned}");
        } else {
            assert_eq!(claimed, old.id);
            assert_eq!(returned["type"], "identified", "{returned}");
        }
        assert_eq!(stack.get_room_id("page").await.1["roomId"], claimed);
    }
}

/// Clients join in the moment that the SFU leaves: each is let in and told, or refused.
#[tokio::test]
async fn nobody_who_joins_while_the_sfu_leaves_is_left_waiting() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 10, "probability": 0.5 })).await;
    let mut sockets = vec![];
    for _ in 0..12 {
        sockets.push(stack.connect().await);
    }
    let joins = futures::future::join_all(sockets.iter_mut().enumerate().map(async |(n, socket)| {
        let identify = json!({ "type": "client", "id": format!("p{n}"), "roomId": room.id });
        let answer = socket.request("identify", identify).await;
        if answer["type"] == "identified" {
            assert_eq!(socket.next_of("sfuDisconnect").await["claimAfterMs"], 0);
        } else {
            assert_eq!(answer["code"], "room_closed", "{answer}");
        }
    }));
    let (left, _) = futures::join!(sfu.request("leave", json!({})), joins);
    assert_eq!(left["type"], "ack");
}

/// Two SFU sockets, a claim and a loss at once: the pool never holds a room that is not to be had.
#[tokio::test]
async fn an_sfu_lost_in_the_moment_of_the_claim_leaves_a_consistent_room() {
    let stack = Stack::start().await;
    for round in 0..6 {
        let (room, sfu) = Room::unclaimed(&stack).await;
        let path = format!("page-{round}");
        let (claim, ()) = futures::join!(stack.claim(&path), async { sfu.cut() });
        until("the loss is noticed", async || {
            let mut rooms = stack.rooms("ROOM").await;
            rooms.retain(|item| item["pk"] == format!("ROOM#{}", room.id));
            rooms[0].get("sfuLostAt").is_some().then_some(())
        })
        .await;
        let pool = stack.items("RoomsTable").await.into_iter().filter(|item| item["pk"] == "POOL").count();
        assert_eq!(pool, 0, "round {round}");
        assert!([200, 404].contains(&claim.0), "{claim:?}");
        assert_eq!(stack.get_room_id(&path).await.0, claim.0);
        // Rooms that nobody claimed would fill the idle limit.
        let mut back = room.sfu(&[]).await;
        back.request("leave", json!({})).await;
    }
}

/// One peer, many sockets at once, one token: the newest has the place, and every other one knows that it has not. A
/// socket that has lost its place may be closed before its own `identified` reaches it.
#[tokio::test]
async fn of_many_connections_of_one_peer_the_newest_wins() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 20, "probability": 0.5 })).await;
    let mut sockets = vec![];
    for _ in 0..8 {
        sockets.push(stack.connect().await);
    }
    let mut newest = sockets.pop().unwrap();
    let identify =
        json!({ "type": "client", "id": "p", "roomId": room.id, "resumeToken": "0123456789abcdef" });
    let others = futures::future::join_all(sockets.iter_mut().map(async |socket| {
        socket.send(&json!({ "action": "identify", "data": identify }).to_string()).await;
    }));
    let (answer, _) = futures::join!(newest.request("identify", identify.clone()), others);
    assert_eq!(answer["type"], "identified");
    for socket in &mut sockets {
        let told = socket.told_or_closed().await;
        assert!(
            told.iter().any(|one| one["type"] == "goAway" || one["code"] == "superseded"),
            "it knows that it is not the peer: {told:?}"
        );
    }
    let members = stack.rooms("PEER#").await;
    assert_eq!(members.len(), 1);
    assert_eq!(members[0]["connectionId"], answer["connectionId"]);
    assert_eq!(newest.request("handshake", room.candidate("p", "c")).await["type"], "ack");
}
