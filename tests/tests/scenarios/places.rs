//! The place of a socket whose end nobody was told: whoever wants it has the holder's socket asked for.

use std::time::{Duration, Instant};

use arbiter_tests::{Project, Room, Socket, Stack, stamp_of, unstamped, unstamped_all, until};
use serde_json::{Value, json};

const TOKEN: &str = "a resume token of its own";
/// How long a newcomer may wait for the place of a holder that is found gone.
const SOON: Duration = Duration::from_secs(2);

fn client(room: &str, peer: &str, resume_token: Option<&str>) -> Value {
    json!({ "type": "client", "id": peer, "roomId": room, "resumeToken": resume_token })
}

fn code(answer: &Value) -> (u64, &str) {
    (answer["status"].as_u64().unwrap_or_default(), answer["code"].as_str().unwrap_or_default())
}

/// Identifies, and breaks with no `$disconnect`; answers with the connection's id.
async fn ghost(stack: &Stack, data: Value) -> Value {
    let drop = stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    let mut socket = stack.connect().await;
    let identified = socket.request("identify", data).await;
    assert_eq!(identified["type"], "identified", "{identified}");
    let connection = connection_of(stack, &identified).await;
    socket.cut();
    closed(stack, &connection).await;
    stack.no_fault(&drop).await;
    connection
}

/// The id of the socket that was just identified.
async fn connection_of(stack: &Stack, identified: &Value) -> Value {
    let rows = stack.items("ConnectionsTable").await;
    let peer = rows.into_iter().find(|row| row["peerId"] == identified["peerId"]);
    peer.unwrap()["connectionId"].clone()
}

async fn closed(stack: &Stack, connection: &Value) {
    until("the socket is closed", async || {
        let state = stack.admin("/state").await;
        let open = state["connections"].as_array()?.iter().any(|one| one["connectionId"] == *connection);
        (!open).then_some(())
    })
    .await;
}

fn operations(invocation: &Value) -> Vec<String> {
    let calls = invocation["calls"].as_array().unwrap().iter();
    calls.map(|call| call["operation"].as_str().unwrap().to_owned()).collect()
}

/// The original's client has no `resumeToken`, and its `$disconnect` may never come.
#[tokio::test]
async fn a_newcomer_gets_the_place_of_a_holder_that_is_found_gone_and_the_room_hears_of_it_once() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    for after in [None, Some(TOKEN)] {
        let gone = ghost(&stack, client(&room.id, "ann", None)).await;
        let opened = stamp_of(&stack, "ann").await["connectedAt"].clone();
        let mut newcomer = stack.connect().await;
        let asked = Instant::now();
        let answer = newcomer.request("identify", client(&room.id, "ann", after)).await;
        assert_eq!(answer["type"], "identified", "{answer}");
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        let lost = json!({
            "type": "clientDisconnect", "clientId": "ann", "connectedAt": opened, "connectionId": gone,
            "reason": "lost",
        });
        assert_eq!(other.heard().await, std::slice::from_ref(&lost));
        assert_eq!(sfu.heard().await, [lost]);
        assert_eq!(newcomer.heard().await, Vec::<Value>::new());
        assert_eq!(stack.rooms("PEER#ann").await.len(), 1);
        assert_eq!(stack.items("ConnectionsTable").await.len(), 3);
        assert_eq!(newcomer.request("handshake", room.candidate("ann", "c")).await["type"], "ack");
        assert_eq!(unstamped(sfu.next().await), room.candidate("ann", "c"));
        assert_eq!(newcomer.request("leave", json!({})).await["type"], "ack");
        assert_eq!(other.next().await["reason"], "left");
        assert_eq!(sfu.next().await["reason"], "left");
        newcomer.close(1000).await;
        until("its row is gone", async || (stack.items("ConnectionsTable").await.len() == 2).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn somebody_who_is_there_is_asked_for_once_and_notices_nothing() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut holder = stack.connect().await;
    holder.request("identify", client(&room.id, "ann", Some(TOKEN))).await;
    // The SFU's and the holder's own.
    let before = stack.invoked("identify", 2).await.len();
    let mut stranger = stack.connect().await;
    for token in [None, Some("another token, not the same")] {
        let answer = stranger.request("identify", client(&room.id, "ann", token)).await;
        assert_eq!(code(&answer), (409, "peer_in_use"));
    }
    for invocation in stack.invoked("identify", before + 2).await.split_off(before) {
        let mut operations = operations(&invocation);
        operations.sort();
        assert_eq!(operations, ["GetConnection", "GetItem", "PostToConnection", "TransactWriteItems"]);
    }
    assert_eq!(holder.request("handshake", room.candidate("ann", "c")).await["type"], "ack");
    assert_eq!(holder.heard().await, Vec::<Value>::new());
    assert_eq!(unstamped_all(sfu.heard().await), [room.candidate("ann", "c")]);
}

/// Nobody is refused for somebody who may not be there, and nobody loses a place for a probe that failed.
#[tokio::test]
async fn while_the_holder_cannot_be_asked_for_nothing_is_decided() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut holder = stack.connect().await;
    let connection = holder.identify(&room.id, "ann").await["connectionId"].clone();
    let mut newcomer = stack.connect().await;
    for (fault, expected) in [
        (json!({ "error": 429 }), (429, "too_many_requests")),
        (json!({ "error": 429, "untyped": true }), (429, "too_many_requests")),
        (json!({ "error": 500 }), (500, "internal_error")),
        (json!({ "error": 500, "untyped": true }), (500, "internal_error")),
        (json!({ "delayMs": 60_000 }), (500, "internal_error")),
    ] {
        let mut all = json!({ "fault": "management", "function": "identify", "connectionId": connection });
        all.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        let fault = stack.fault(all).await;
        let answer = newcomer.request("identify", client(&room.id, "ann", None)).await;
        assert_eq!(code(&answer), expected);
        stack.no_fault(&fault).await;
    }
    let answer = newcomer.request("identify", client(&room.id, "ann", None)).await;
    assert_eq!(code(&answer), (409, "peer_in_use"));
    assert_eq!(holder.heard().await, Vec::<Value>::new());
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
    assert_eq!(stack.rooms("PEER#ann").await[0]["connectionId"], connection);
}

#[tokio::test]
async fn of_two_newcomers_one_is_in_and_the_other_hears_that_the_place_is_in_use() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 20, "probability": 0.5 })).await;
    for round in 0..6 {
        let gone = ghost(&stack, client(&room.id, "ann", None)).await;
        let mut newcomers = [stack.connect().await, stack.connect().await];
        let [first, second] = &mut newcomers;
        let identify = client(&room.id, "ann", None);
        let (one, other) = futures::join!(
            first.request("identify", identify.clone()),
            second.request("identify", identify.clone())
        );
        let mut answers = [code(&one).1, code(&other).1];
        answers.sort_unstable();
        assert_eq!(answers, ["", "peer_in_use"], "round {round}: {one} {other}");
        let told = sfu.heard().await;
        assert_eq!(told.len(), 1, "round {round}: {told:?}");
        assert_eq!((&told[0]["connectionId"], &told[0]["reason"]), (&gone, &json!("lost")));
        let winner = if one["type"] == "identified" { &one } else { &other };
        assert_eq!(stack.rooms("PEER#ann").await[0]["connectionId"], winner["connectionId"]);
        for socket in newcomers {
            socket.close(1000).await;
        }
        assert_eq!(sfu.next().await["reason"], "left");
    }
}

/// Holds the next probe of a connection.
async fn hold_probe(stack: &Stack, connection: &Value) -> Value {
    let hold = json!({
        "fault": "management", "function": "identify", "connectionId": connection, "delayMs": 60_000, "times": 1,
    });
    stack.fault(hold).await
}

async fn ask(socket: &mut Socket, data: &Value) {
    socket.send(&json!({ "action": "identify", "requestId": "late", "data": data }).to_string()).await;
}

#[tokio::test]
async fn a_holder_that_comes_back_while_it_is_probed_keeps_its_place() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let gone = ghost(&stack, client(&room.id, "ann", Some(TOKEN))).await;
    let hold = hold_probe(&stack, &gone).await;
    let mut newcomer = stack.connect().await;
    ask(&mut newcomer, &client(&room.id, "ann", None)).await;
    stack.held(&hold).await;
    let mut back = stack.connect().await;
    assert_eq!(back.request("identify", client(&room.id, "ann", Some(TOKEN))).await["type"], "identified");
    stack.no_fault(&hold).await;
    assert_eq!(code(&newcomer.next_of("error").await), (409, "peer_in_use"));
    assert_eq!(back.request("handshake", room.candidate("ann", "c")).await["type"], "ack");
    assert_eq!(
        unstamped_all(sfu.heard().await),
        [room.candidate("ann", "c")],
        "nobody was announced as gone"
    );
}

#[tokio::test]
async fn a_disconnect_that_comes_while_the_holder_is_asked_for_is_told_once() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut holder = stack.connect().await;
    let connection = holder.identify(&room.id, "ann").await["connectionId"].clone();
    let hold = hold_probe(&stack, &connection).await;
    let mut newcomer = stack.connect().await;
    ask(&mut newcomer, &client(&room.id, "ann", None)).await;
    stack.held(&hold).await;
    holder.close(1000).await;
    assert_eq!(sfu.next().await["reason"], "left");
    stack.invoked("disconnect", 1).await;
    stack.no_fault(&hold).await;
    newcomer.next_of("identified").await;
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

/// The other way round: the late `$disconnect` finds nothing to end.
#[tokio::test]
async fn a_late_disconnect_of_somebody_who_was_found_gone_says_nothing() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut holder = stack.connect().await;
    let connection = holder.identify(&room.id, "ann").await["connectionId"].clone();
    stack.fault(json!({ "fault": "disconnect", "mode": "delay", "delayMs": 1500, "times": 1 })).await;
    holder.cut();
    closed(&stack, &connection).await;
    let mut newcomer = stack.join(&room.id, "ann").await;
    assert_eq!(sfu.next().await["reason"], "lost");
    stack.invoked("disconnect", 1).await;
    assert_eq!(newcomer.request("handshake", room.candidate("ann", "c")).await["type"], "ack");
    assert_eq!(unstamped_all(sfu.heard().await), [room.candidate("ann", "c")]);
}

/// A client opens two sockets, and the newer one, which had the place, is gone again.
#[tokio::test]
async fn an_older_socket_is_not_superseded_by_one_that_is_gone() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut older = stack.connect().await;
    let gone = ghost(&stack, client(&room.id, "ann", Some(TOKEN))).await;
    let answer = older.request("identify", client(&room.id, "ann", Some(TOKEN))).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    assert_eq!(sfu.next().await["connectionId"], gone);
    let mut newer = stack.connect().await;
    newer.request("identify", client(&room.id, "ann", Some(TOKEN))).await;
    older.closed().await;
    let mut middle = stack.connect().await;
    let mut newest = stack.connect().await;
    newest.request("identify", client(&room.id, "ann", Some(TOKEN))).await;
    let answer = middle.request("identify", client(&room.id, "ann", Some(TOKEN))).await;
    assert_eq!(code(&answer), (409, "superseded"));
}

/// The same for an SFU, in a room and in a session; its room is not closed by it.
#[tokio::test]
async fn an_sfus_older_socket_is_not_superseded_by_one_that_is_gone() {
    let stack = Stack::start().await;
    let (room, first) = Room::claimed(&stack, "page").await;
    let mut ann = stack.join(&room.id, "ann").await;
    let mut older = Socket::open(&room.signal_server_url).await.unwrap();
    let mut newer = room.sfu(&["candidates"]).await;
    let superseded = room.identify_sfu(&mut older, &["candidates"]).await;
    assert_eq!(code(&superseded), (409, "superseded"), "while the newer one is there");
    assert_eq!(newer.request("ping", json!({})).await["type"], "pong");
    drop(first);
    let gone = stack.rooms("SFU").await[0]["connectionId"].clone();
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    newer.cut();
    closed(&stack, &gone).await;
    let answer = room.identify_sfu(&mut older, &["candidates"]).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    assert_eq!(ann.next().await["type"], "sfuDisconnect");
    assert_eq!(ann.next().await["type"], "sfuConnect");
    assert_eq!(ann.request("handshake", room.candidate("ann", "c")).await["type"], "ack");
    assert_eq!(unstamped(older.next_of("producer").await), room.candidate("ann", "c"));
    assert_eq!(ann.heard().await, Vec::<Value>::new());
    assert_eq!(stack.get_room_id("page").await.0, 200);
}

#[tokio::test]
async fn in_a_session_the_stay_ends_as_lost_and_another_begins() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut watcher, _) = project.join(&session, "moderator", &json!({ "id": "watcher" })).await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({ "id": "ann" }));
    ghost(&stack, identity.clone()).await;
    let first = watcher.next_of("connectionCreated").await["connection"].clone();
    let mut newcomer = stack.connect().await;
    let asked = Instant::now();
    let answer = newcomer.request("identify", identity.clone()).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(answer["connections"].as_array().unwrap().len(), 1, "the watcher alone: {answer}");
    let destroyed = watcher.next().await;
    assert_eq!(
        (&destroyed["type"], &destroyed["reason"]),
        (&json!("connectionDestroyed"), &json!("networkDisconnected"))
    );
    assert_eq!(destroyed["connection"]["creationTime"], first["creationTime"]);
    let created = watcher.next().await;
    assert_eq!(
        (&created["type"], &created["connection"]),
        (&json!("connectionCreated"), &answer["connection"])
    );
    assert_eq!(watcher.heard().await, Vec::<Value>::new());
    assert_eq!(newcomer.heard().await, Vec::<Value>::new());
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);

    let mut stranger = stack.connect().await;
    let refused = stranger.request("identify", identity).await;
    assert_eq!((code(&refused), &refused["otc"]["number"]), ((409, "peer_in_use"), &json!(1015)));
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
    assert_eq!(watcher.heard().await, Vec::<Value>::new());
}

/// Two find the same holder gone: its end is told once, the count is right, one of them is in.
#[tokio::test]
async fn of_two_newcomers_to_a_session_one_is_in() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut watcher, _) = project.join(&session, "moderator", &json!({ "id": "watcher" })).await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({ "id": "ann" }));
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 20, "probability": 0.5 })).await;
    for round in 0..4 {
        ghost(&stack, identity.clone()).await;
        watcher.next_of("connectionCreated").await;
        let mut newcomers = [stack.connect().await, stack.connect().await];
        let [first, second] = &mut newcomers;
        let (one, other) = futures::join!(
            first.request("identify", identity.clone()),
            second.request("identify", identity.clone())
        );
        let mut answers = [code(&one).1, code(&other).1];
        answers.sort_unstable();
        assert_eq!(answers, ["", "peer_in_use"], "round {round}: {one} {other}");
        // The watcher, and three each round.
        stack.invoked("identify", 1 + 3 * (round + 1)).await;
        let mut told: Vec<_> =
            watcher.heard().await.iter().map(|one| one["type"].as_str().unwrap().to_owned()).collect();
        told.sort();
        assert_eq!(told, ["connectionCreated", "connectionDestroyed"], "round {round}");
        assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
        for socket in newcomers {
            socket.close(1000).await;
        }
        watcher.next_of("connectionDestroyed").await;
    }
}

#[tokio::test]
async fn a_full_session_does_not_count_those_whose_sockets_are_gone() {
    let stack = Stack::with().parameter("SessionConnections", "2").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut watcher, _) = project.join(&session, "moderator", &json!({ "id": "watcher" })).await;
    let token = project.token(&session, &json!({}));
    let identity = |id: &str| project.identity(&session, &token, &json!({ "id": id }));
    ghost(&stack, identity("ann")).await;
    let mut bob = stack.connect().await;
    let answer = bob.request("identify", identity("bob")).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    assert_eq!(watcher.next_of("connectionDestroyed").await["connection"]["connectionId"], "ann");
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
    let mut cyd = stack.connect().await;
    let refused = cyd.request("identify", identity("cyd")).await;
    assert_eq!(
        (code(&refused), &refused["otc"]["number"]),
        ((429, "connection_limit_exceeded"), &json!(1027))
    );
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
}

/// Proxies and emulators of API Gateway answer by a status alone.
#[tokio::test]
async fn a_connection_is_gone_by_the_status_alone() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let untyped = |connection: &Value| json!({ "fault": "management", "error": 410, "untyped": true, "connectionId": connection });
    // To a post …
    let mut ann = stack.connect().await;
    let connection = ann.identify(&room.id, "ann").await["connectionId"].clone();
    stack.fault(untyped(&connection)).await;
    let answer = sfu.request("handshake", room.candidate_to("ann", "c")).await;
    assert_eq!(answer["code"], "peer_not_found");
    assert_eq!(sfu.next_of("clientDisconnect").await["reason"], "lost");
    // … to a probe …
    let mut bob = stack.connect().await;
    let connection = bob.identify(&room.id, "bob").await["connectionId"].clone();
    stack.fault(untyped(&connection)).await;
    stack.join(&room.id, "bob").await;
    assert_eq!(sfu.next_of("clientDisconnect").await["connectionId"], connection);
    // … and to the end of a socket.
    let mut cyd = stack.connect().await;
    let identify = client(&room.id, "cyd", Some(TOKEN));
    let connection = cyd.request("identify", identify.clone()).await["connectionId"].clone();
    stack.fault(untyped(&connection)).await;
    let mut again = stack.connect().await;
    assert_eq!(again.request("identify", identify).await["type"], "identified");
    stack.no_faults().await;
    assert!(!stack.log().contains("Connection not closed"), "that it is gone is as good");
}

#[tokio::test]
async fn a_throttled_post_is_tried_again_by_the_status_alone() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut ann = stack.connect().await;
    let connection = ann.identify(&room.id, "ann").await["connectionId"].clone();
    let untyped = |error: u16| {
        json!({
            "fault": "management", "error": error, "untyped": true, "connectionId": connection,
            "function": "handshake", "times": 2,
        })
    };
    for (round, error) in [429, 500].into_iter().enumerate() {
        stack.fault(untyped(error)).await;
        let answer = sfu.request("handshake", room.candidate_to("ann", "c")).await;
        assert_eq!(answer["type"], "ack", "{error}: {answer}");
        let invocation = stack.invoked("handshake", round + 1).await.remove(round);
        let posts = operations(&invocation).iter().filter(|one| *one == "PostToConnection").count();
        assert_eq!(posts, 4, "two that failed, the one that did not, and the ack: {error}");
    }
    // One that stays throttled is busy, and not a failure of ours.
    stack
        .fault(json!({ "fault": "management", "error": 429, "untyped": true, "connectionId": connection }))
        .await;
    let answer = sfu.request("handshake", room.candidate_to("ann", "c")).await;
    assert_eq!(code(&answer), (429, "too_many_requests"));
}
