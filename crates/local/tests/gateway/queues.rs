//! Queues as their users see them: calls of SQS, and a function that takes the messages.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Gateway, PATIENCE};

impl Gateway {
    async fn sqs(&self, operation: &str, queue: &str, mut request: Value) -> (u16, Value) {
        request["QueueUrl"] = format!("https://sqs.us-east-1.amazonaws.com/000000000000/{queue}").into();
        let call = reqwest::Client::new().post(self.url("sqsUrl"));
        let call = call.header("x-amz-target", format!("AmazonSQS.{operation}")).body(request.to_string());
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn send(&self, body: &str) {
        assert_eq!(self.sqs("SendMessage", "jobs", json!({ "MessageBody": body })).await.0, 200);
    }

    async fn queue(&self, logical: &str) -> Value {
        let state = self.admin("state").await;
        state["queues"]
            .as_array()
            .unwrap()
            .iter()
            .find(|queue| queue["logicalId"] == logical)
            .unwrap()
            .clone()
    }

    /// The records that the function has written down.
    pub(super) async fn taken(&self, count: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let items = self.admin("tables/Table").await["items"].as_array().unwrap().clone();
            if items.len() >= count {
                return items
                    .iter()
                    .map(|item| serde_json::from_str(item["id"].as_str().unwrap()).unwrap())
                    .collect();
            }
            assert!(Instant::now() < deadline, "{count} records did not come; there are {items:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn dead(&self) -> Value {
        let request = json!({ "WaitTimeSeconds": 10, "MaxNumberOfMessages": 10 });
        self.sqs("ReceiveMessage", "local-Dead", request).await.1["Messages"].clone()
    }

    /// The invocations by the queue, as soon as they satisfy `done`.
    async fn deliveries(&self, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut all = self.invocations(|all| done(&of_queue(all))).await;
        all.retain(|one| one["route"] == "Jobs");
        all
    }
}

fn of_queue(all: &[Value]) -> Vec<Value> {
    all.iter().filter(|one| one["route"] == "Jobs").cloned().collect()
}

#[tokio::test]
async fn a_message_reaches_its_function_as_lambda_hands_it_over() {
    let gateway = Gateway::start("queue", &["--in-memory"]).await;
    let attributes = json!({ "kind": { "DataType": "String", "StringValue": "a" } });
    let (status, sent) = gateway
        .sqs("SendMessage", "jobs", json!({ "MessageBody": "hello", "MessageAttributes": attributes }))
        .await;
    assert_eq!((status, &sent["MD5OfMessageBody"]), (200, &json!("5d41402abc4b2a76b9719d911017c592")));
    let record = gateway.taken(1).await.remove(0);
    assert_eq!(record["messageId"], sent["MessageId"]);
    assert_eq!(record["body"], "hello");
    assert_eq!(record["md5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(
        record["messageAttributes"]["kind"],
        json!({ "dataType": "String", "stringValue": "a", "stringListValues": [], "binaryListValues": [] })
    );
    assert_eq!(
        (&record["eventSource"], &record["eventSourceARN"], &record["awsRegion"]),
        (&json!("aws:sqs"), &json!("arn:aws:sqs:us-east-1:000000000000:jobs"), &json!("us-east-1"))
    );
    for name in ["SentTimestamp", "ApproximateFirstReceiveTimestamp"] {
        assert!(
            record["attributes"][name].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000,
            "{name}"
        );
    }
    gateway.deliveries(|all| all.len() == 1).await;
    let queue = gateway.queue("Jobs").await;
    assert_eq!((&queue["visible"], &queue["inFlight"]), (&json!(0), &json!(0)), "it is deleted");
}

#[tokio::test]
async fn only_the_messages_that_failed_come_again_and_go_where_the_dead_are() {
    let gateway = Gateway::start("partial", &["--in-memory"]).await;
    let entries = json!([
        { "Id": "a", "MessageBody": "fail" },
        { "Id": "b", "MessageBody": "good" },
    ]);
    let (status, sent) = gateway.sqs("SendMessageBatch", "jobs", json!({ "Entries": entries })).await;
    assert_eq!((status, sent["Successful"].as_array().unwrap().len(), &sent["Failed"]), (200, 2, &json!([])));
    let dead = gateway.dead().await;
    assert_eq!((dead.as_array().unwrap().len(), &dead[0]["Body"]), (1, &json!("fail")));
    assert_eq!(dead[0]["MessageId"], sent["Successful"][0]["MessageId"]);
    assert_eq!(gateway.taken(1).await.len(), 1, "the good one came once");
    let deliveries = gateway.deliveries(|all| all.len() >= 2).await;
    assert!(deliveries.iter().all(|one| one["outcome"] == "ok"), "{deliveries:?}");
}

#[tokio::test]
async fn a_function_that_fails_has_its_messages_again_until_there_are_enough_tries() {
    let gateway = Gateway::start("crash", &["--in-memory"]).await;
    gateway.send("crash").await;
    let dead = gateway.dead().await;
    assert_eq!(dead[0]["Body"], "crash");
    let deliveries = gateway.deliveries(|all| all.len() >= 2).await;
    assert_eq!(deliveries.len(), 2, "as often as maxReceiveCount says");
    assert!(deliveries.iter().all(|one| one["outcome"] == "error"));
    let received = dead[0]["Attributes"]["ApproximateFirstReceiveTimestamp"].as_str().unwrap();
    let apart = deliveries[1]["startedAt"].as_u64().unwrap() - received.parse::<u64>().unwrap();
    assert!(apart >= 990, "the visibility timeout: {apart} ms");
}

#[tokio::test]
async fn a_message_waits_as_long_as_it_or_its_queue_says() {
    let gateway = Gateway::start("delay", &["--in-memory"]).await;
    let sent = async |queue, request| gateway.sqs("SendMessage", queue, request).await.0;
    let started = Instant::now();
    assert_eq!(sent("jobs", json!({ "MessageBody": "later", "DelaySeconds": 1 })).await, 200);
    assert_eq!(sent("local-Later", json!({ "MessageBody": "much later" })).await, 200);
    assert_eq!(sent("local-Later", json!({ "MessageBody": "now", "DelaySeconds": 0 })).await, 200);
    assert_eq!(sent("jobs", json!({ "MessageBody": "too late", "DelaySeconds": 901 })).await, 400);
    let received = gateway.sqs("ReceiveMessage", "local-Later", json!({ "MaxNumberOfMessages": 10 })).await.1;
    assert_eq!(received["Messages"].as_array().unwrap().len(), 1);
    assert_eq!(received["Messages"][0]["Body"], "now");
    assert_eq!(gateway.taken(1).await[0]["body"], "later");
    assert!(started.elapsed() >= Duration::from_secs(1));
    let attributes =
        gateway.sqs("GetQueueAttributes", "local-Later", json!({})).await.1["Attributes"].clone();
    assert_eq!(attributes["ApproximateNumberOfMessagesDelayed"], "1");
    assert_eq!(
        (&attributes["DelaySeconds"], &attributes["MessageRetentionPeriod"]),
        (&json!("900"), &json!("3600"))
    );
}

#[tokio::test]
async fn a_message_that_was_received_is_hidden_and_deleted_by_its_receipt() {
    let gateway = Gateway::start("receive", &["--in-memory"]).await;
    let receive = async |request: Value| gateway.sqs("ReceiveMessage", "local-Dead", request).await.1;
    assert_eq!(receive(json!({})).await["Messages"], json!([]));
    assert_eq!(gateway.sqs("SendMessage", "local-Dead", json!({ "MessageBody": "m" })).await.0, 200);
    let first = receive(json!({ "VisibilityTimeout": 0 })).await["Messages"][0].clone();
    let second = receive(json!({})).await["Messages"][0].clone();
    assert_eq!(first["MessageId"], second["MessageId"]);
    assert_eq!(second["Attributes"]["ApproximateReceiveCount"], "2");
    assert_eq!(receive(json!({})).await["Messages"], json!([]), "it is hidden");
    for (receipt, left) in [(&first["ReceiptHandle"], 1), (&second["ReceiptHandle"], 0)] {
        gateway.sqs("DeleteMessage", "local-Dead", json!({ "ReceiptHandle": receipt })).await;
        assert_eq!(gateway.queue("Dead").await["inFlight"], left);
    }
}

#[tokio::test]
async fn what_sqs_refuses_is_refused() {
    let gateway = Gateway::start("refused", &["--in-memory"]).await;
    let twice = json!({ "Entries": [{ "Id": "a", "MessageBody": "x" }, { "Id": "a", "MessageBody": "y" }] });
    for (operation, queue, request, kind) in [
        ("SendMessage", "nowhere", json!({ "MessageBody": "x" }), "com.amazonaws.sqs#QueueDoesNotExist"),
        ("SendMessage", "jobs", json!({ "MessageBody": "" }), "InvalidParameterValueException"),
        ("SendMessage", "jobs", json!({}), "InvalidParameterValueException"),
        ("SendMessageBatch", "jobs", json!({ "Entries": [] }), "InvalidParameterValueException"),
        ("SendMessageBatch", "jobs", twice, "BatchEntryIdsNotDistinct"),
        ("ReceiveMessage", "jobs", json!({ "MaxNumberOfMessages": 11 }), "InvalidParameterValueException"),
        ("PurgeQueue", "jobs", json!({}), "UnsupportedOperation"),
    ] {
        let (status, answer) = gateway.sqs(operation, queue, request).await;
        assert_eq!(status, 400, "{operation} {answer}");
        assert!(answer["__type"].as_str().unwrap().ends_with(kind), "{operation} {answer}");
    }
}

#[tokio::test]
async fn a_queue_fails_or_delivers_twice_when_it_is_told_to() {
    let gateway = Gateway::start("sqs-faults", &["--in-memory"]).await;
    for (error, status, kind) in [("throttle", 400, "RequestThrottled"), ("internal", 500, "InternalFailure")]
    {
        gateway.fault(json!({ "fault": "sqs", "error": error, "times": 1 })).await;
        let (answered, answer) = gateway.sqs("SendMessage", "jobs", json!({ "MessageBody": "lost" })).await;
        assert_eq!((answered, &answer["__type"]), (status, &json!(kind)));
    }
    gateway.fault(json!({ "fault": "sqs", "operation": "SendMessage", "repeat": true, "times": 1 })).await;
    gateway.send("twice").await;
    let taken = gateway.taken(2).await;
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0]["messageId"], taken[1]["messageId"]);
    assert!(taken.iter().all(|record| record["body"] == "twice"));
    let late = json!({ "fault": "sqs", "operation": "SendMessage", "lateMs": 700, "times": 1 });
    gateway.fault(late).await;
    let started = Instant::now();
    gateway.send("late").await;
    assert!(gateway.taken(3).await.iter().any(|record| record["body"] == "late"));
    assert!(started.elapsed() >= Duration::from_millis(700));
}
