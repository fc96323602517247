//! Another encoding on a socket is one more codec at the edge: no use case knows of it, and each member hears its own.

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Stack};
use serde_json::json;

/// The `signal` function as `crates/functions/signal/examples/words.rs` has it: the same use case, and clients that
/// speak words.
#[tokio::test]
async fn a_use_case_serves_clients_of_another_encoding() {
    let words = binary("examples/words");
    let stack = Stack::with().replace("signal", words).start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;

    ann.send(r#"{"action":"signal","words":"first chat good morning"}"#).await;
    let mut heard = bob.next_of("signal").await["signal"].take();
    assert!(heard.as_object_mut().unwrap().remove("id").is_some());
    assert_eq!(heard, json!({ "type": "chat", "data": "good morning", "from": "ann", "seq": 1 }));

    ann.send(r#"{"action":"signal","words":"second no.type hello"}"#).await;
    let mut texts: Vec<String> = vec![];
    while !texts.iter().any(|text| text.starts_with("second")) {
        texts.push(ann.next_text().await);
    }
    assert!(texts.contains(&"first done".to_owned()), "{texts:?}");
    assert_eq!(texts.last().unwrap(), "second refused bad_message");
}

/// One who speaks words among others who do not. Its place says so, as an identify of its own codec would have written it.
#[tokio::test]
async fn each_member_hears_a_signal_in_its_own_encoding() {
    let stack = Stack::with().replace("signal", binary("examples/words")).start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let (mut cleo, _) = project.join(&session, "publisher", &json!({ "id": "cleo" })).await;
    bob.next_of("connectionCreated").await;
    speaks_words(&stack, "bob").await;

    ann.send(r#"{"action":"signal","words":"first chat good morning"}"#).await;
    assert_eq!(bob.next_text().await, "chat good morning");
    assert_eq!(cleo.next_of("signal").await["signal"]["data"], "good morning");

    // A function that has no codec for one of them tells the others.
    let (_dan, _) = project.join(&session, "publisher", &json!({ "id": "dan" })).await;
    assert_eq!(cleo.next_of("connectionCreated").await["connection"]["connectionId"], "dan");
    ann.send(r#"{"action":"signal","words":"second chat good night"}"#).await;
    assert_eq!(bob.next_text().await, "chat good night", "and nothing that it cannot read");
}

async fn speaks_words(stack: &Stack, peer: &str) {
    let place = stack.rooms(&format!("PEER#{peer}")).await[0].clone();
    let table = stack.admin("/tables/RoomsTable").await["name"].clone();
    let update = json!({
        "TableName": table,
        "Key": { "pk": { "S": place["pk"] }, "sk": { "S": place["sk"] } },
        "UpdateExpression": "SET encoding = :words",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": { ":words": { "S": "words" } },
    });
    let request = reqwest::Client::new()
        .post(&stack.urls.dynamodb_url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
        .body(update.to_string());
    assert!(request.send().await.unwrap().status().is_success());
}
