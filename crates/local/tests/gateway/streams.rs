//! Streams as their users see them: writes to a table, and a function that takes the records.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Gateway, PATIENCE, routes};

impl Gateway {
    async fn dynamodb(&self, operation: &str, request: Value) {
        let call = reqwest::Client::new().post(self.url("dynamodbUrl")).body(request.to_string());
        let call = call.header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    async fn put(&self, table: &str, item: Value) {
        self.dynamodb("PutItem", json!({ "TableName": table, "Item": item })).await;
    }

    async fn change(&self, id: &str) {
        self.put("local-Changes", json!({ "id": { "S": id } })).await;
    }

    /// The state of the stream of a table, as soon as it satisfies `done`.
    async fn stream(&self, table: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.admin("state").await;
            let stream = state["streams"].as_array().unwrap().iter().find(|stream| stream["table"] == table);
            if done(stream.unwrap()) {
                return stream.unwrap().clone();
            }
            assert!(Instant::now() < deadline, "{stream:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_record_reaches_its_function_as_lambda_hands_it_over() {
    let gateway = Gateway::start("stream", &["--in-memory"]).await;
    gateway.put("local-Changes", json!({ "id": { "S": "a" }, "n": { "N": "1" } })).await;
    for _ in 0..2 {
        // The second changes nothing.
        gateway.put("local-Changes", json!({ "id": { "S": "a" }, "n": { "N": "2" } })).await;
    }
    gateway
        .dynamodb("DeleteItem", json!({ "TableName": "local-Changes", "Key": { "id": { "S": "a" } } }))
        .await;
    let mut taken = gateway.taken(3).await;
    taken.sort_by_key(|record| record["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned));
    gateway.stream("Changes", |stream| stream["waiting"] == 0).await;
    assert_eq!(gateway.taken(3).await.len(), 3);
    let names: Vec<_> = taken.iter().map(|record| &record["eventName"]).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let record = &taken[1];
    assert_eq!(
        (&record["eventSource"], &record["awsRegion"], &record["eventVersion"]),
        (&json!("aws:dynamodb"), &json!("us-east-1"), &json!("1.1"))
    );
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/local-Changes/stream/";
    assert!(record["eventSourceARN"].as_str().unwrap().starts_with(arn));
    assert_eq!(record["eventID"].as_str().unwrap().len(), 32);
    let change = &record["dynamodb"];
    assert_eq!(change["Keys"], json!({ "id": { "S": "a" } }));
    assert_eq!(change["OldImage"], json!({ "id": { "S": "a" }, "n": { "N": "1" } }));
    assert_eq!(change["NewImage"], json!({ "id": { "S": "a" }, "n": { "N": "2" } }));
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert_eq!(change["SequenceNumber"].as_str().unwrap().len(), 21);
    assert!(change["SizeBytes"].as_u64().unwrap() > 0);
    assert!(change["ApproximateCreationDateTime"].as_u64().unwrap() > 1_700_000_000, "a whole number");
    let stream = gateway.stream("Changes", |stream| stream["waiting"] == 0).await;
    assert_eq!(stream["function"], "Echo");
}

#[tokio::test]
async fn records_are_gathered_for_the_window_and_only_those_that_match() {
    let gateway = Gateway::start("window", &["--in-memory"]).await;
    let started = Instant::now();
    let put =
        async |sk: &str| gateway.put("local-Owed", json!({ "pk": { "S": "p" }, "sk": { "S": sk } })).await;
    put("OWED#1").await;
    put("MEMBER#1").await;
    put("OWED#2").await;
    put("OWED#2").await;
    gateway.stream("Owed", |stream| stream["waiting"] == 2).await;
    assert_eq!(
        routes(gateway.admin("invocations").await.as_array().unwrap(), "Owed"),
        0,
        "it waits for others"
    );
    let taken = gateway.taken(2).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(taken.len(), 2);
    assert!(taken.iter().all(|record| record["eventName"] == "INSERT"), "{taken:?}");
    let change = &taken[0]["dynamodb"];
    assert_eq!((&change["StreamViewType"], change.get("NewImage")), (&json!("KEYS_ONLY"), None));
    let all = gateway.invocations(|all| routes(all, "Owed") == 1).await;
    assert_eq!(routes(&all, "Owed"), 1, "one batch");
}

#[tokio::test]
async fn what_follows_the_record_that_failed_comes_again_and_then_is_given_up() {
    let gateway = Gateway::start("stream-partial", &["--in-memory"]).await;
    let put = |id: &str| json!({ "Put": { "TableName": "local-Changes", "Item": { "id": { "S": id } } } });
    let items = json!({ "TransactItems": [put("a"), put("fail"), put("b")] });
    gateway.dynamodb("TransactWriteItems", items).await;
    let dead = gateway.dead().await;
    let told: Value = serde_json::from_str(dead[0]["Body"].as_str().unwrap()).unwrap();
    assert_eq!(told["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(told["requestContext"]["approximateInvokeCount"], 2);
    let batch = &told["DDBStreamBatchInfo"];
    assert_eq!(
        (&batch["batchSize"], &told["version"]),
        (&json!(2), &json!("1.0")),
        "the first was dealt with"
    );
    assert!(batch["startSequenceNumber"].as_str() < batch["endSequenceNumber"].as_str());
    let all = gateway.invocations(|all| routes(all, "Changes") == 2).await;
    let puts: Vec<_> = all.iter().map(|one| one["calls"].as_array().unwrap().len()).collect();
    assert_eq!(puts, [2, 1], "the first record came once");
    // It goes on with what comes next.
    gateway.change("c").await;
    gateway.taken(3).await;
    gateway.stream("Changes", |stream| stream["waiting"] == 0 && stream["failures"] == 0).await;
}

#[tokio::test]
async fn a_batch_that_fails_holds_back_what_follows_it() {
    let gateway = Gateway::start("stream-crash", &["--in-memory"]).await;
    gateway.change("crash").await;
    gateway.stream("Changes", |stream| stream["failures"] == 1).await;
    gateway.change("next").await;
    let stream = gateway.stream("Changes", |stream| stream["waiting"] == 2).await;
    assert_eq!(stream["failures"], 1);
    let next = gateway.taken(1).await;
    assert_eq!(next[0]["dynamodb"]["Keys"]["id"]["S"], "next");
    let all = gateway.invocations(|all| routes(all, "Changes") == 3).await;
    assert_eq!(all.iter().filter(|one| one["outcome"] == "error").count(), 2);
    let apart = all[1]["startedAt"].as_u64().unwrap() - all[0]["startedAt"].as_u64().unwrap();
    assert!(apart >= 500, "{apart} ms between the tries");
}

#[tokio::test]
async fn a_batch_comes_late_or_twice_or_its_function_dies_when_it_is_told_to() {
    let gateway = Gateway::start("stream-faults", &["--in-memory"]).await;
    gateway.fault(json!({ "fault": "stream", "table": "Changes", "repeat": true, "times": 1 })).await;
    gateway.change("twice").await;
    gateway.invocations(|all| routes(all, "Changes") == 2).await;
    assert_eq!(gateway.taken(1).await.len(), 1, "the same record");

    gateway.fault(json!({ "fault": "stream", "function": "echo", "delayMs": 600_000 })).await;
    gateway.change("late").await;
    gateway.stream("Changes", |stream| stream["waiting"] == 1).await;
    // The next fault takes the place of the one that holds it.
    gateway.fault(json!({ "fault": "kill", "function": "echo", "afterCalls": 1, "times": 1 })).await;
    let all = gateway.invocations(|all| routes(all, "Changes") == 4).await;
    let outcomes: Vec<_> = all.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "ok", "killed", "ok"]);
}

#[tokio::test]
async fn a_source_goes_on_where_it_was_when_the_gateway_is_back() {
    let mut gateway = Gateway::start("stream-back", &[]).await;
    gateway.change("before").await;
    gateway.taken(1).await;
    gateway.stream("Changes", |stream| stream["waiting"] == 0).await;
    gateway.fault(json!({ "fault": "stream", "delayMs": 600_000 })).await;
    gateway.change("between").await;
    gateway.stream("Changes", |stream| stream["waiting"] == 1).await;
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let again = Gateway::start_in(gateway.folder.clone(), &[]).await;
    again.taken(2).await;
    let all = again.invocations(|all| routes(all, "Changes") == 1).await;
    assert_eq!(all[0]["calls"].as_array().unwrap().len(), 1, "what was dealt with does not come again");
}
