//! What one person may do, on however many sockets: join, signal, report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use arbiter_tests::{Project, Room, Socket, Stack};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::tokens::mint;

/// How many joins of one person come at once, and how long one more takes (PROTOCOL, "Limits").
const JOIN_BURST: u64 = 10;
const JOIN_EVERY: Duration = Duration::from_secs(6);

/// The most joins that one person can have had since `start`.
fn most_joins(start: Instant) -> u64 {
    JOIN_BURST + 1 + start.elapsed().as_secs() / JOIN_EVERY.as_secs()
}

/// Joins and leaves `rounds` times; answers how often it was let in.
async fn circle(socket: &mut Socket, identity: &Value, rounds: usize) -> u64 {
    let mut joined = 0;
    for _ in 0..rounds {
        let answer = socket.request("identify", identity.clone()).await;
        if answer["type"] == "identified" {
            joined += 1;
            assert_eq!(socket.request("leave", json!({})).await["type"], "ack");
        } else {
            assert_eq!((&answer["status"], &answer["code"]), (&json!(429), &json!("too_many_requests")));
            assert_eq!(answer["message"], "Too many joins: one every 6 seconds");
        }
    }
    joined
}

/// How many comings and goings have been heard of; each may be told more than once.
async fn turns(socket: &mut Socket) -> u64 {
    let heard = socket.heard().await;
    let turns = heard
        .iter()
        .filter(|notice| notice["type"].as_str().is_some_and(|kind| kind.starts_with("connection")));
    turns.map(Value::to_string).collect::<BTreeSet<_>>().len() as u64
}

#[tokio::test]
async fn whoever_comes_and_goes_in_a_circle_is_refused_and_nobody_else() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut others = Vec::new();
    for number in 0..40 {
        let suppressed = json!({ "connectionEventsSuppressed": number > 0 });
        others.push(project.join(&session, "publisher", &suppressed).await.0);
    }
    others[0].heard().await;
    let token = project.token(&session, &json!({ "role": "subscriber" }));
    let identity = project.identity(&session, &token, &json!({}));

    // On one socket, and then on six at once.
    let start = Instant::now();
    let mut one = stack.connect().await;
    let alone = circle(&mut one, &identity, 30).await;
    assert!((JOIN_BURST..=most_joins(start)).contains(&alone), "{alone} joins");
    let together = join_all((0..6).map(async |_| {
        let mut socket = stack.connect().await;
        circle(&mut socket, &identity, 5).await
    }));
    let joins = alone + together.await.iter().sum::<u64>();
    assert!(joins <= most_joins(start), "{joins} joins");

    // Whoever is there has heard that, and no more; the others' own rates are not touched, nor is the session's door.
    assert!(turns(&mut others[0]).await <= 2 * joins);
    assert!(one.heard().await.iter().all(|notice| notice["type"] != "goAway"), "the socket lives on");
    for other in &mut others {
        assert_eq!(other.request("signal", json!({ "data": "still here" })).await["type"], "ack");
    }
    project.join(&session, "publisher", &json!({})).await;
}

#[tokio::test]
async fn a_page_is_joined_in_a_circle_by_nobody_either() {
    let stack = Stack::with().parameter("AuthMode", "token").start().await;
    let (room, _sfu) = Room::claimed_with(&stack, "page", &mint(&stack, &["--path", "page"])).await;
    let token = mint(&stack, &["--path", "page"]);
    let identity = |peer: &str| json!({ "type": "client", "id": peer, "roomId": room.id, "token": token });
    let (start, mut socket, mut other) = (Instant::now(), stack.connect().await, stack.connect().await);
    let joins = circle(&mut socket, &identity("a"), 10).await + circle(&mut other, &identity("b"), 5).await;
    assert!((JOIN_BURST..=most_joins(start)).contains(&joins), "{joins} joins");
}

/// Who proves nothing is its socket.
#[tokio::test]
async fn an_open_page_counts_by_socket() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let (start, mut socket) = (Instant::now(), stack.connect().await);
    let mut joins = 0;
    for number in 0..15 {
        // A resume token is made up as easily as an id.
        let identity = json!({
            "type": "client", "id": format!("p{number}"), "roomId": room.id,
            "resumeToken": format!("made up for number {number}"),
        });
        joins += circle(&mut socket, &identity, 1).await;
    }
    assert!((JOIN_BURST..=most_joins(start)).contains(&joins), "{joins} joins");
    stack.join(&room.id, "somebody-else").await;
}

#[tokio::test]
async fn a_token_is_good_for_so_many_connections_at_one_time() {
    let stack = Stack::with().parameter("ConnectionsPerToken", "2").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({}));
    let join = async || {
        let mut socket = stack.connect().await;
        let answer = socket.request("identify", identity.clone()).await;
        (socket, answer)
    };
    let (mut first, answer) = join().await;
    assert_eq!(answer["type"], "identified");
    let (second, answer) = join().await;
    assert_eq!(answer["type"], "identified");
    let (mut third, answer) = join().await;
    assert_eq!((&answer["status"], &answer["code"]), (&json!(429), &json!("connection_limit_exceeded")));
    assert_eq!(answer["message"], "The token is in use by as many connections as it may have");
    // One that leaves makes room, and one whose end was lost does as well.
    first.request("leave", json!({})).await;
    assert_eq!(third.request("identify", identity.clone()).await["type"], "identified");
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    second.cut();
    stack.invoked("identify", 4).await;
    arbiter_tests::until("a place is free", async || {
        (first.request("identify", identity.clone()).await["type"] == "identified").then_some(())
    })
    .await;
    third.next_of("connectionDestroyed").await;
}

#[tokio::test]
async fn signals_are_a_persons_whichever_sockets_they_come_from() {
    let stack = Stack::with().parameter("SignalsPerSecond", "1").parameter("SignalBurst", "6").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({}));
    let (mut bob, _) = project.join(&session, "publisher", &json!({})).await;
    let (mut one, mut two) = (stack.connect().await, stack.connect().await);
    for socket in [&mut one, &mut two] {
        assert_eq!(socket.request("identify", identity.clone()).await["type"], "identified");
    }
    let start = Instant::now();
    let mut passed = 0;
    for _ in 0..8 {
        for socket in [&mut one, &mut two] {
            let answer = socket.request("signal", json!({ "data": "x" })).await;
            if answer["type"] == "ack" {
                passed += 1;
            } else {
                assert_eq!(answer["code"], "too_many_requests", "{answer}");
            }
        }
    }
    assert!((6..=7 + start.elapsed().as_secs()).contains(&passed), "{passed} signals");
    // Each socket's numbers are its own, and none is missing: what is refused has none.
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..passed {
        let signal = bob.next_of("signal").await["signal"].clone();
        let from = signal["from"].as_str().unwrap().to_owned();
        numbers.entry(from).or_default().push(signal["seq"].as_u64().unwrap());
    }
    for each in numbers.values_mut() {
        each.sort_unstable();
        assert_eq!(*each, (1..=each.len() as u64).collect::<Vec<_>>());
    }
    assert_eq!(bob.request("signal", json!({})).await["type"], "ack", "another's rate is its own");
}

/// The joins of one person meet at its account; each gets its turn.
#[tokio::test]
async fn all_who_share_a_token_may_come_at_the_same_moment() {
    const GUESTS: usize = 30;
    let stack = Stack::with().parameter("ConnectionsPerToken", &GUESTS.to_string()).start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({ "connectionEventsSuppressed": true }));
    let sockets = futures::future::join_all((0..GUESTS).map(|_| stack.connect())).await;
    let joins = sockets.into_iter().map(async |mut socket| {
        let answer = socket.request("identify", identity.clone()).await;
        (answer["type"].clone(), socket)
    });
    let joined = futures::future::join_all(joins).await;
    let words: Vec<_> = joined.iter().map(|(word, _)| word).collect();
    assert!(words.iter().all(|word| *word == "identified"), "{words:?}");
}

#[tokio::test]
async fn issues_are_one_a_minute_for_each_person() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({}));
    let (mut one, mut two) = (stack.connect().await, stack.connect().await);
    let start = Instant::now();
    let mut passed = 0;
    for socket in [&mut one, &mut two] {
        assert_eq!(socket.request("identify", identity.clone()).await["type"], "identified");
        for _ in 0..3 {
            let answer = socket.request("reportIssue", json!({ "text": "no sound" })).await;
            if answer["type"] == "issueReported" {
                passed += 1;
            } else {
                let refused = (&answer["status"], &answer["code"], &answer["message"]);
                let wanted =
                    (&json!(429), &json!("too_many_requests"), &json!("Too many issues: one a minute"));
                assert_eq!(refused, wanted);
            }
        }
    }
    assert!((3..=4 + start.elapsed().as_secs() / 60).contains(&passed), "{passed} issues");
    assert_eq!(stack.rooms("ISSUE").await.len() as u64, passed);
    let (mut bob, _) = project.join(&session, "subscriber", &json!({})).await;
    assert_eq!(bob.request("reportIssue", json!({ "text": "no picture" })).await["type"], "issueReported");
}

/// Whoever talks and does not say who it is. What is silent is API Gateway's to close, after ten minutes.
#[tokio::test]
async fn a_socket_that_does_not_identify_within_30_s_is_closed_when_it_speaks() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let (mut pinging, mut relaying) = (stack.connect().await, stack.connect().await);
    let (mut there, mut left) = (stack.join(&room.id, "there").await, stack.join(&room.id, "left").await);
    left.request("leave", json!({})).await;
    assert_eq!(pinging.request("ping", json!({})).await["type"], "pong");
    let early = relaying.request("handshake", room.candidate("nobody", "x")).await;
    assert_eq!(early["code"], "connection_not_found");
    assert_eq!(relaying.request("ping", json!({})).await["type"], "pong", "it may yet identify");
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (socket, action) in [(&mut pinging, "ping"), (&mut relaying, "handshake")] {
        let last = socket.request(action, room.candidate("nobody", "x")).await;
        assert_eq!((&last["status"], &last["code"]), (&json!(400), &json!("connection_not_found")));
        socket.closed().await;
    }
    // Whoever has identified may stay, also without a place.
    for socket in [&mut there, &mut left] {
        assert_eq!(socket.request("ping", json!({})).await["type"], "pong");
    }
    assert_eq!(left.request("leave", json!({})).await["code"], "connection_not_found");
    left.identify(&room.id, "left").await;
}

/// Sends the same until the socket is closed; answers how often it was refused. Each copy of a function counts for itself, and
/// one message after the other needs few copies.
async fn refused_until_closed(socket: &mut Socket, request: Value, bound: usize) -> usize {
    let (text, mut times) = (request.to_string(), 0);
    loop {
        socket.send(&text).await;
        if let Message::Close(_) = socket.next_frame().await {
            return times;
        }
        times += 1;
        assert!(times <= 4 * (bound + 1), "still open after {times} refusals more");
    }
}

#[tokio::test]
async fn a_socket_that_is_refused_again_and_again_is_closed_when_it_has_heard_why() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut ann = stack.join(&room.id, "ann").await;
    let mut eve = stack.connect().await;
    let who = json!({ "type": "client", "id": "eve", "roomId": room.id, "resumeToken": "e".repeat(16) });
    assert_eq!(eve.request("identify", who.clone()).await["type"], "identified");
    let told = eve.request("identify", json!({})).await;
    assert_eq!(told["code"], "missing_type", "{told}");
    for _ in 0..49 {
        eve.request("identify", json!({})).await;
    }
    assert_eq!(eve.request("ping", json!({})).await["type"], "pong", "after 50");
    refused_until_closed(&mut eve, json!({ "action": "identify", "data": {} }), 50).await;
    // It has not left: its place is held for it.
    assert_eq!(ann.next_of("clientDisconnect").await["reason"], "lost");
    let mut mallory = stack.connect().await;
    let stranger = json!({ "type": "client", "id": "eve", "roomId": room.id, "resumeToken": "m".repeat(16) });
    assert_eq!(mallory.request("identify", stranger).await["code"], "peer_in_use");
    assert_eq!(stack.connect().await.request("identify", who).await["type"], "identified");
}

/// A button too many is a user's, and so is what is over a rate: more of that is borne, and not without end.
#[tokio::test]
async fn what_a_role_forbids_or_is_over_a_rate_is_refused_600_times_and_then_closed() {
    let stack = Stack::with().parameter("SignalsPerSecond", "1").parameter("SignalBurst", "1").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let who = json!({ "connectionEventsSuppressed": true });
    for (role, action) in [("subscriber", "publish"), ("publisher", "signal"), ("publisher", "forceMuteAll")]
    {
        let (mut eve, _) = project.join(&session, role, &who).await;
        let request = json!({ "action": action, "data": {} });
        let times = refused_until_closed(&mut eve, request, 600).await;
        assert!(times >= 600, "{action}: closed after {times}");
    }
}
