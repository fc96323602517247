//! Another encoding on a socket is one more codec at the edge: no use case knows of it.

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Stack};
use serde_json::json;

/// The `signal` function as `crates/functions/signal/examples/words.rs` has it: the same use case, and clients that speak words.
#[tokio::test]
async fn a_use_case_serves_clients_of_another_encoding() {
    let words = binary("examples/words");
    let stack = Stack::with().replace("signal", words).start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;

    ann.send(r#"{"action":"signal","words":"first chat good morning"}"#).await;
    let heard = bob.next_of("signal").await["signal"].clone();
    assert_eq!(heard, json!({ "type": "chat", "data": "good morning", "from": "ann", "seq": 1 }));

    ann.send(r#"{"action":"signal","words":"second no.type hello"}"#).await;
    let mut texts: Vec<String> = vec![];
    while !texts.iter().any(|text| text.starts_with("second")) {
        texts.push(ann.next_text().await);
    }
    assert!(texts.contains(&"first done".to_owned()), "{texts:?}");
    assert_eq!(texts.last().unwrap(), "second refused bad_message");
}
