//! Signals for a member that is away: kept, bounded, and delivered when it is back.

use arbiter_tests::{Project, Socket, Stack, until};
use reqwest::Method;
use serde_json::{Value, json};

/// Bob, as he joins and comes back.
fn bob() -> Value {
    json!({ "id": "bob", "resumeToken": "0123456789abcdef" })
}

async fn away(stack: &Stack) {
    until("bob is away", async || stack.rooms("PEER#bob").await.first()?.get("awayUntil").map(|_| ())).await;
}

/// A signal of the project's server.
async fn say(project: &Project<'_>, session: &str, text: &str) -> u16 {
    project.rest(Method::POST, session, "/signal", Some(json!({ "data": text }))).await.0
}

/// The texts of signals, in their order; those that were kept also with `missed`.
fn texts(messages: &[Value]) -> Vec<String> {
    let signals = messages.iter().flat_map(|message| match message["type"].as_str() {
        Some("kept") => message["signals"].as_array().unwrap().clone(),
        Some("signal") => vec![message["signal"].clone()],
        _ => vec![],
    });
    signals.map(|signal| signal["data"].as_str().unwrap().to_owned()).collect()
}

/// Bob comes back; what he has heard by then.
async fn back(project: &Project<'_>, session: &str) -> (Socket, Vec<Value>) {
    let (mut socket, identified) = project.join(session, "publisher", &bob()).await;
    assert_eq!(identified["type"], "identified", "{identified}");
    let heard = socket.heard().await;
    (socket, heard)
}

#[tokio::test]
async fn what_is_said_while_somebody_is_away_is_heard_in_order_and_once_by_who_comes_back() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (socket, first) = project.join(&session, "publisher", &bob()).await;
    ann.next_of("connectionCreated").await;
    socket.cut();
    away(&stack).await;
    for text in ["1", "2"] {
        assert_eq!(ann.request("signal", json!({ "data": text })).await["type"], "ack");
    }
    assert_eq!(ann.request("signal", json!({ "data": "3", "to": "bob" })).await["type"], "ack");
    assert_eq!(say(&project, &session, "4").await, 204);
    let one = project.rest(Method::POST, &session, "/connection/bob/signal", Some(json!({ "data": "5" })));
    assert_eq!(one.await.0, 204);
    let invocation = stack.invocations("session-api").await.pop().unwrap();
    let calls = invocation["calls"].as_array().unwrap();
    let operations: Vec<_> = calls.iter().map(|call| call["operation"].as_str().unwrap()).collect();
    assert_eq!(operations, ["BatchGetItem", "UpdateItem"], "a write in place of the post");

    let (mut socket, heard) = back(&project, &session).await;
    assert_eq!(texts(&heard), ["1", "2", "3", "4", "5"]);
    assert_eq!(heard[0]["type"], "kept", "it comes before the answer: {heard:?}");
    assert!(heard[0].get("missed").is_none());
    assert_eq!(heard[0]["signals"][2]["to"], "bob");
    assert_eq!((&heard[0]["signals"][1]["seq"], &heard[0]["signals"][3]["from"]), (&json!(2), &Value::Null));
    let again =
        socket.request("identify", project.identity(&session, &project.token(&session, &json!({})), &bob()));
    assert_eq!(again.await["connection"], first["connection"], "the same stay");
    let repeated = socket.heard().await;
    assert_eq!(
        repeated[0]["signals"], heard[0]["signals"],
        "under the same ids, until some minutes are over"
    );

    assert_eq!(say(&project, &session, "6").await, 204);
    assert_eq!(socket.next_of("signal").await["signal"]["data"], "6");
    let heard = ann.heard().await;
    assert_eq!(texts(&heard), ["1", "2", "4", "6"]);
    assert!(heard.iter().all(|one| one["type"] == "signal"), "nobody was told: {heard:?}");
}

#[tokio::test]
async fn a_mailbox_has_room_for_100_signals_or_64_kb_and_says_how_many_are_missing() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (socket, _) = project.join(&session, "publisher", &bob()).await;
    socket.cut();
    away(&stack).await;
    for n in 0..103 {
        assert_eq!(say(&project, &session, &n.to_string()).await, 204);
    }
    let (socket, heard) = back(&project, &session).await;
    assert_eq!(texts(&heard), (0..100).map(|n| n.to_string()).collect::<Vec<_>>(), "the first ones");
    assert_eq!(heard[0]["missed"], 3);

    socket.cut();
    away(&stack).await;
    let large = "x".repeat(8192);
    for _ in 0..8 {
        assert_eq!(say(&project, &session, &large).await, 204);
    }
    let body = json!({ "data": "to him" });
    let full = project.rest(Method::POST, &session, "/connection/bob/signal", Some(body)).await;
    assert_eq!(full.0, 429, "who writes to him alone is told: {}", full.1);
    let (_socket, heard) = back(&project, &session).await;
    let last = heard.iter().rfind(|one| one["type"] == "kept").unwrap();
    assert_eq!((last["signals"].as_array().unwrap().len(), &last["missed"]), (7, &json!(2)), "without gaps");
}

/// A signal has read that Bob is away, and he is back before it is kept.
#[tokio::test]
async fn who_comes_back_while_a_signal_is_on_its_way_to_the_mailbox_hears_it_on_the_new_socket() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (socket, _) = project.join(&session, "publisher", &bob()).await;
    socket.cut();
    away(&stack).await;
    let hold = stack.hold("session-api", "UpdateItem").await;
    let meanwhile = async {
        stack.held(&hold).await;
        let (socket, heard) = back(&project, &session).await;
        assert_eq!(texts(&heard), Vec::<String>::new());
        stack.no_fault(&hold).await;
        socket
    };
    let (status, mut socket) = tokio::join!(say(&project, &session, "x"), meanwhile);
    assert_eq!(status, 204);
    assert_eq!(socket.next_of("signal").await["signal"]["data"], "x");
    assert_eq!(texts(&socket.heard().await), Vec::<String>::new(), "once");
}

/// Bob's new socket has seen his place with the old one, and that is found gone and kept before the place is taken.
#[tokio::test]
async fn who_is_found_gone_while_the_place_is_taken_over_hears_what_was_kept_meanwhile() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (_ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (_old, there) = project.join(&session, "publisher", &bob()).await;
    // The first try is refused, as somebody has the place; the second one is held back.
    let second = json!({
        "fault": "dynamodb", "function": "identify", "operation": "TransactWriteItems", "delayMs": 60_000, "times": 1,
    });
    let first = stack.hold("identify", "TransactWriteItems").await;
    let come_back = back(&project, &session);
    let meanwhile = async {
        stack.held(&first).await;
        let second = stack.fault(second).await;
        stack.no_fault(&first).await;
        stack.held(&second).await;
        let gone = json!({ "fault": "management", "error": 410, "connectionId": there["connectionId"] });
        let gone = stack.fault(gone).await;
        assert_eq!(say(&project, &session, "x").await, 204);
        away(&stack).await;
        stack.no_fault(&gone).await;
        stack.no_fault(&second).await;
    };
    let ((_socket, heard), ()) = tokio::join!(come_back, meanwhile);
    assert_eq!(texts(&heard), ["x"]);
}

#[tokio::test]
async fn who_is_found_gone_by_a_signal_hears_it_when_it_comes_back() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    let (socket, _) = project.join(&session, "publisher", &bob()).await;
    socket.cut();
    assert_eq!(ann.request("signal", json!({ "data": "all" })).await["type"], "ack");
    assert_eq!(ann.request("signal", json!({ "data": "one", "to": "bob" })).await["type"], "ack");
    let (_socket, heard) = back(&project, &session).await;
    assert_eq!(texts(&heard), ["all", "one"]);
}

/// The write of a mailbox fails, or its answer is lost.
#[tokio::test]
async fn a_signal_that_was_not_kept_is_not_said_to_be_handed_on() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (socket, _) = project.join(&session, "publisher", &bob()).await;
    socket.cut();
    away(&stack).await;
    let fault = |more: Value| {
        let mut fault = json!({ "fault": "dynamodb", "function": "session-api", "operation": "UpdateItem" });
        fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fault
    };
    let fails = stack.fault(fault(json!({ "error": "internal" }))).await;
    assert_eq!(say(&project, &session, "lost").await, 500);
    stack.no_fault(&fails).await;
    assert_eq!(ann.next_of("signal").await["signal"]["data"], "lost", "the others have it");
    stack.fault(fault(json!({ "error": "internal", "when": "after", "times": 1 }))).await;
    assert_eq!(say(&project, &session, "twice").await, 204);
    let (_socket, heard) = back(&project, &session).await;
    let ids: std::collections::BTreeSet<_> =
        heard[0]["signals"].as_array().unwrap().iter().map(|one| one["id"].to_string()).collect();
    assert_eq!((texts(&heard).first().map(String::as_str), ids.len()), (Some("twice"), 1));
}

/// The function that gives Bob his place dies after each of its calls in turn.
#[tokio::test]
async fn what_was_kept_is_heard_after_all_when_the_function_dies_that_should_deliver_it() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    for calls in 1..=6 {
        let session = project.routed().await;
        let (socket, _) = project.join(&session, "publisher", &bob()).await;
        socket.cut();
        let pk = format!("ROOM#{session}");
        until("bob is away", async || {
            let members = stack.rooms("PEER#bob").await;
            let own = members.into_iter().find(|member| member["pk"] == pk)?;
            own.get("awayUntil").map(|_| ())
        })
        .await;
        assert_eq!(say(&project, &session, "x").await, 204);
        let kill = json!({ "fault": "kill", "function": "identify", "afterCalls": calls, "times": 1 });
        let kill = stack.fault(kill).await;
        let mut socket = stack.connect().await;
        let identity = project.identity(&session, &project.token(&session, &json!({})), &bob());
        let request = json!({ "action": "identify", "data": identity });
        socket.send(&request.to_string()).await;
        stack.held(&kill).await;
        stack.no_fault(&kill).await;
        // It asks again on the same socket, or that breaks as well.
        let heard = if calls % 2 == 0 {
            socket.request("identify", identity).await;
            socket.heard().await
        } else {
            let mut heard = socket.heard().await;
            socket.cut();
            heard.extend(back(&project, &session).await.1);
            heard
        };
        let mut texts = texts(&heard);
        texts.dedup();
        assert_eq!(texts, ["x"], "after {calls} calls: {heard:?}");
    }
}

#[tokio::test]
async fn a_mailbox_is_not_delivered_to_another_stay() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "1").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (socket, first) = project.join(&session, "publisher", &bob()).await;
    socket.cut();
    away(&stack).await;
    assert_eq!(say(&project, &session, "x").await, 204);
    assert_eq!(ann.next_of("connectionDestroyed").await["reason"], "networkDisconnected");
    let (_socket, identified) = project.join(&session, "publisher", &bob()).await;
    assert_ne!(identified["connection"]["creationTime"], first["connection"]["creationTime"]);
    let (_socket, heard) = back(&project, &session).await;
    assert_eq!(texts(&heard), Vec::<String>::new());
}

#[tokio::test]
async fn two_who_are_away_have_a_mailbox_each() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let cyd = json!({ "id": "cyd", "resumeToken": "fedcba9876543210" });
    for identity in [&bob(), &cyd] {
        project.join(&session, "publisher", identity).await.0.cut();
    }
    until("both are away", async || {
        let members = stack.rooms("PEER#").await;
        (members.len() == 2 && members.iter().all(|one| one.get("awayUntil").is_some())).then_some(())
    })
    .await;
    assert_eq!(say(&project, &session, "both").await, 204);
    let to_cyd =
        project.rest(Method::POST, &session, "/connection/cyd/signal", Some(json!({ "data": "cyd" })));
    assert_eq!(to_cyd.await.0, 204);
    let (_bob, heard) = back(&project, &session).await;
    assert_eq!(texts(&heard), ["both"]);
    assert_eq!(say(&project, &session, "later").await, 204);
    let (mut socket, _) = project.join(&session, "publisher", &cyd).await;
    assert_eq!(texts(&socket.heard().await), ["both", "cyd", "later"]);
}
