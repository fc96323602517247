//! Signals: to all, to one, from the project's server; who may, how many, how large.

use std::collections::BTreeSet;

use arbiter_tests::{Project, Stack};
use reqwest::Method;
use serde_json::{Value, json};

/// A signal without its id, which is another one each time.
fn without_id(mut signal: Value) -> Value {
    let id = signal.as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 16, "{id}");
    signal
}

#[tokio::test]
async fn a_signal_reaches_all_or_one_and_says_from_whom() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "moderator", &json!({ "id": "bob" })).await;
    let (mut cyd, _) = project.join(&session, "subscriber", &json!({ "id": "cyd" })).await;
    // User text never shares our `type`.
    let hello = json!({ "type": "goAway", "data": "\u{1F600} {\"type\":\"error\"}" });
    assert_eq!(ann.request("signal", hello).await["type"], "ack");
    for socket in [&mut ann, &mut bob, &mut cyd] {
        let mut heard = socket.next_of("signal").await;
        heard["signal"] = without_id(heard["signal"].take());
        let wanted = json!({
            "type": "signal",
            "signal": { "type": "goAway", "data": "\u{1F600} {\"type\":\"error\"}", "from": "ann", "seq": 1 },
        });
        assert_eq!(heard, wanted);
    }
    assert_eq!(ann.request("signal", json!({ "data": "you", "to": "bob" })).await["type"], "ack");
    let heard = bob.next_of("signal").await;
    let wanted = json!({ "type": "", "data": "you", "from": "ann", "seq": 1, "to": "bob" });
    assert_eq!(without_id(heard["signal"].clone()), wanted, "it does not raise the number");
    assert_eq!(ann.request("signal", json!({})).await["type"], "ack");
    assert_eq!(
        without_id(cyd.next_of("signal").await["signal"].take()),
        json!({ "type": "", "data": "", "from": "ann", "seq": 2 })
    );

    let body = json!({ "type": "news", "data": "all" });
    assert_eq!(project.rest(Method::POST, &session, "/signal", Some(body)).await, (204, Value::Null));
    let wanted = json!({ "type": "news", "data": "all", "from": null, "seq": null });
    assert_eq!(without_id(cyd.next_of("signal").await["signal"].take()), wanted);
    let body = json!({ "type": "news", "data": "one" });
    let done = project.rest(Method::POST, &session, "/connection/cyd/signal", Some(body)).await;
    assert_eq!(done, (204, Value::Null));
    assert_eq!(cyd.next_of("signal").await["signal"]["to"], "cyd");

    let nobody = ann.request("signal", json!({ "to": "nobody" })).await;
    assert_eq!((&nobody["status"], &nobody["code"]), (&json!(404), &json!("peer_not_found")));
    let refused = cyd.request("signal", json!({ "data": "x" })).await;
    assert_eq!((&refused["status"], &refused["code"]), (&json!(403), &json!("forbidden")));
}

#[tokio::test]
async fn a_stack_may_let_its_subscribers_signal() {
    let stack = Stack::with().parameter("SubscribersMaySignal", "yes").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut cyd, identified) = project.join(&session, "subscriber", &json!({})).await;
    assert_eq!(identified["capabilities"]["signal"], 1);
    assert_eq!(cyd.request("signal", json!({ "data": "x" })).await["type"], "ack");
    let (mut only, _) = project.join(&session, "publisheronly", &json!({})).await;
    assert_eq!(only.request("signal", json!({ "data": "x" })).await["code"], "forbidden");
}

#[tokio::test]
async fn limits_have_their_numbers_and_the_connection_lives_on() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let cases = [
        (json!({ "type": "x".repeat(129) }), 413, 1414),
        (json!({ "type": "a b" }), 400, 1461),
        (json!({ "data": "x".repeat(8193) }), 413, 1413),
        (json!({ "data": 7 }), 400, 1011),
        (json!({ "to": "" }), 400, 1011),
    ];
    for (data, status, number) in cases {
        let refused = ann.request("signal", data).await;
        assert_eq!(
            (refused["status"].as_u64(), refused["otc"]["number"].as_u64()),
            (Some(status), Some(number))
        );
    }
    let largest = json!({ "type": "x".repeat(128), "data": "é".repeat(4096) });
    assert_eq!(ann.request("signal", largest).await["type"], "ack");
    assert_eq!(ann.next_of("signal").await["signal"]["seq"], 1, "what was refused has no number");
}

#[tokio::test]
async fn a_burst_is_let_through_and_then_no_more_than_the_rate() {
    let stack = Stack::with().parameter("SignalsPerSecond", "1").parameter("SignalBurst", "5").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({})).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({})).await;
    // Concurrently, as API Gateway delivers them.
    for n in 0..12 {
        let request =
            json!({ "action": "signal", "requestId": format!("n{n}"), "data": { "data": n.to_string() } });
        ann.send(&request.to_string()).await;
    }
    let (mut taken, mut refused) = (0, 0);
    while taken + refused < 12 {
        let message = ann.next().await;
        match message["type"].as_str() {
            Some("ack") => taken += 1,
            Some("error") => {
                assert_eq!(
                    (&message["status"], &message["code"]),
                    (&json!(429), &json!("too_many_requests"))
                );
                refused += 1;
            }
            _ => {}
        }
    }
    assert!((5..=7).contains(&taken), "{taken} of 12 with a burst of 5 and 1 a second");
    let mut numbers = BTreeSet::new();
    for _ in 0..taken {
        numbers.insert(bob.next_of("signal").await["signal"]["seq"].as_u64().unwrap());
    }
    assert_eq!(numbers, (1..=taken).collect(), "each has a number of its own, and none is missing");
    // Somebody else's rate is its own.
    assert_eq!(bob.request("signal", json!({})).await["type"], "ack");
}

/// A receiver comes back on another socket while a signal is on its way to the old one.
#[tokio::test]
async fn a_receiver_that_has_just_come_back_hears_it_there() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let resume = json!({ "id": "bob", "resumeToken": "0123456789abcdef" });
    let (mut old, there) = project.join(&session, "publisher", &resume).await;
    let post = json!({
        "fault": "management", "function": "signal", "connectionId": there["connectionId"], "delayMs": 60_000, "times": 1,
    });
    let hold = stack.fault(post).await;
    ann.send(r#"{"action":"signal","requestId":"s","data":{"data":"x"}}"#).await;
    stack.held(&hold).await;
    let (mut new, _) = project.join(&session, "publisher", &resume).await;
    old.closed().await;
    stack.no_fault(&hold).await;
    assert_eq!(new.next_of("signal").await["signal"]["data"], "x");
    ann.next_of("ack").await;
    assert!(new.heard().await.is_empty(), "and only once");
}

/// A receiver leaves and begins another stay while a signal is on its way to the first.
#[tokio::test]
async fn a_signal_does_not_follow_a_receiver_into_another_stay() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let bob = json!({ "id": "bob" });
    let (old, there) = project.join(&session, "publisher", &bob).await;
    let post = json!({
        "fault": "management", "function": "signal", "connectionId": there["connectionId"], "delayMs": 60_000, "times": 1,
    });
    let hold = stack.fault(post).await;
    ann.send(r#"{"action":"signal","requestId":"s","data":{"data":"x"}}"#).await;
    stack.held(&hold).await;
    old.close(1000).await;
    ann.next_of("connectionDestroyed").await;
    let (mut new, _) = project.join(&session, "publisher", &bob).await;
    stack.no_fault(&hold).await;
    ann.next_of("ack").await;
    assert_eq!(new.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_signal_that_arrives_before_its_identify_waits_for_it() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut ann = stack.connect().await;
    let hold = stack.hold("identify", "TransactWriteItems").await;
    let token = project.token(&session, &json!({}));
    let identify = json!({
        "action": "identify", "requestId": "i", "data": project.identity(&session, &token, &json!({})),
    });
    ann.send(&identify.to_string()).await;
    stack.held(&hold).await;
    ann.send(r#"{"action":"signal","requestId":"s","data":{"data":"early"}}"#).await;
    stack.no_fault(&hold).await;
    assert_eq!(ann.next_of("signal").await["signal"]["data"], "early");
}
