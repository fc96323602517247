//! SQS: the calls that programs make, in the JSON protocol.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};
use tokio::time::Instant;

use super::call::{Called, NO_ANSWER};
use super::reply::Reply;
use crate::faults::Sqs;
use crate::queues::backlog::Message;
use crate::queues::{Delivery, Queue, Queues};

/// The largest message, in bytes.
const BODY: usize = 1024 * 1024;
/// The longest delay of a message, in seconds.
const DELAY: u32 = 900;
/// The longest wait of a `ReceiveMessage`, in seconds.
const WAIT: u32 = 20;
/// The longest time for which a message is hidden, in seconds.
const VISIBILITY: u32 = 43_200;
/// The most messages of one call.
const BATCH: usize = 10;

/// Why a call is refused: the error's name, and a sentence.
type Refusal = (&'static str, String);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    #[serde(default)]
    id: String,
    message_body: String,
    #[serde(default)]
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendBatch {
    entries: Vec<Send>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Receive {
    max_number_of_messages: usize,
    wait_time_seconds: Option<u32>,
    visibility_timeout: Option<u32>,
}

impl Default for Receive {
    fn default() -> Self {
        Self { max_number_of_messages: 1, wait_time_seconds: None, visibility_timeout: None }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    queue_url: String,
}

/// Answers a call, with whatever fault is due.
pub(crate) async fn answer(queues: &Queues, called: &Called<'_>) -> Reply {
    let mut delivery = Delivery::ONCE;
    if let Some(mut struck) = called.struck(called.operation, Sqs::text) {
        struck.hold(struck.fault.delay()).await;
        if struck.fault.is_timeout() {
            tokio::time::sleep(NO_ANSWER).await;
        }
        if let Some(failure) = struck.fault.failure() {
            return failure;
        }
        delivery.copies += usize::from(struck.fault.repeat);
        delivery.late = struck.fault.late();
    }
    match execute(queues, called.operation, called.body, delivery).await {
        Ok(answer) => Reply::ok(answer.to_string()),
        Err((kind, message)) => Reply::failure(StatusCode::BAD_REQUEST, kind, &message),
    }
}

async fn execute(queues: &Queues, operation: &str, body: &[u8], delivery: Delivery) -> Result<Json, Refusal> {
    let Named { queue_url } = read(body)?;
    let missing =
        || ("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.".to_owned());
    let queue = queues.by_url(&queue_url).ok_or_else(missing)?;
    match operation {
        "SendMessage" => send(queues, queue, read(body)?, delivery),
        "SendMessageBatch" => send_batch(queues, queue, read(body)?, delivery),
        "ReceiveMessage" => receive(queues, queue, &read(body)?).await,
        "DeleteMessage" => {
            let Delete { receipt_handle } = read(body)?;
            // One that is gone is as good as deleted.
            queue.delete(&receipt_handle);
            Ok(json!({}))
        }
        "GetQueueAttributes" => Ok(json!({ "Attributes": attributes(queue) })),
        _ => Err((
            "com.amazonaws.sqs#UnsupportedOperation",
            "here are SendMessage, SendMessageBatch, ReceiveMessage, DeleteMessage and GetQueueAttributes"
                .into(),
        )),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))
}

fn invalid(why: &str) -> Refusal {
    ("com.amazon.coral.service#InvalidParameterValueException", why.to_owned())
}

/// A number of seconds, if it is given, within its limit.
fn seconds(name: &str, given: Option<u32>, most: u32) -> Result<Option<Duration>, Refusal> {
    match given {
        Some(number) if number > most => Err(invalid(&format!("{name} must be from 0 to {most}"))),
        Some(number) => Ok(Some(Duration::from_secs(number.into()))),
        None => Ok(None),
    }
}

fn send(queues: &Queues, queue: &Queue, request: Send, delivery: Delivery) -> Result<Json, Refusal> {
    let Sent { id, md5 } = sent(queues, queue, request, delivery)?;
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5 }))
}

struct Sent {
    id: String,
    md5: String,
}

fn sent(queues: &Queues, queue: &Queue, request: Send, delivery: Delivery) -> Result<Sent, Refusal> {
    let delay = seconds("DelaySeconds", request.delay_seconds, DELAY)?;
    if request.message_body.is_empty() {
        return Err(invalid("MessageBody must not be empty"));
    }
    if request.message_body.len() > BODY {
        return Err(invalid(&format!("a message may have {BODY} bytes")));
    }
    let md5 = md5(request.message_body.as_bytes());
    let message = queues.send(queue, request.message_body, request.message_attributes, delay, delivery);
    Ok(Sent { id: message.id, md5 })
}

fn send_batch(
    queues: &Queues,
    queue: &Queue,
    request: SendBatch,
    delivery: Delivery,
) -> Result<Json, Refusal> {
    let ids: HashSet<_> = request.entries.iter().map(|entry| entry.id.as_str()).collect();
    if request.entries.is_empty() || request.entries.len() > BATCH {
        return Err(invalid(&format!("a batch has 1 to {BATCH} entries")));
    }
    if ids.len() < request.entries.len() || ids.contains("") {
        return Err((
            "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
            "each entry needs an Id of its own".into(),
        ));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in request.entries {
        let own = entry.id.clone();
        match sent(queues, queue, entry, delivery) {
            Ok(Sent { id, md5 }) => {
                successful.push(json!({ "Id": own, "MessageId": id, "MD5OfMessageBody": md5 }));
            }
            Err((_, message)) => {
                let code = "InvalidParameterValue";
                failed.push(json!({ "Id": own, "SenderFault": true, "Code": code, "Message": message }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

async fn receive(queues: &Queues, queue: &Arc<Queue>, request: &Receive) -> Result<Json, Refusal> {
    let most = request.max_number_of_messages;
    if !(1..=BATCH).contains(&most) {
        return Err(invalid(&format!("MaxNumberOfMessages must be from 1 to {BATCH}")));
    }
    let wait = seconds("WaitTimeSeconds", request.wait_time_seconds, WAIT)?.unwrap_or(queue.definition.wait);
    let visibility = seconds("VisibilityTimeout", request.visibility_timeout, VISIBILITY)?
        .unwrap_or(queue.definition.visibility);
    let taken = queues.wait_and_receive(queue, most, visibility, Some(Instant::now() + wait)).await;
    let shown = |message: &Message| {
        json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "Body": message.body,
            "MD5OfBody": md5(message.body.as_bytes()),
            "Attributes": system_attributes(message),
            "MessageAttributes": message.attributes,
        })
    };
    Ok(json!({ "Messages": taken.iter().map(shown).collect::<Vec<_>>() }))
}

fn attributes(queue: &Queue) -> Json {
    let (definition, counts) = (&queue.definition, queue.counts());
    let redrive = definition.redrive.as_ref().map(|redrive| {
        json!({ "deadLetterTargetArn": redrive.target, "maxReceiveCount": redrive.max_receives }).to_string()
    });
    let known = [
        ("QueueArn", Some(definition.arn.clone())),
        ("ApproximateNumberOfMessages", Some(counts.visible.to_string())),
        ("ApproximateNumberOfMessagesDelayed", Some(counts.delayed.to_string())),
        ("ApproximateNumberOfMessagesNotVisible", Some(counts.in_flight.to_string())),
        ("DelaySeconds", Some(definition.delay.as_secs().to_string())),
        ("VisibilityTimeout", Some(definition.visibility.as_secs().to_string())),
        ("MessageRetentionPeriod", Some(definition.retention.as_secs().to_string())),
        ("ReceiveMessageWaitTimeSeconds", Some(definition.wait.as_secs().to_string())),
        ("RedrivePolicy", redrive),
    ];
    known
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect::<Map<_, _>>()
        .into()
}

/// What SQS itself knows of a message.
pub(crate) fn system_attributes(message: &Message) -> Json {
    json!({
        "ApproximateReceiveCount": message.receives.to_string(),
        "SentTimestamp": message.sent_at.to_string(),
        "SenderId": "local",
        "ApproximateFirstReceiveTimestamp": message.first_received_at.unwrap_or_default().to_string(),
    })
}

/// A message's own attributes as an event has them: other names than in the API, and lists that are always there.
pub(crate) fn attributes_of_event(message: &Message) -> Json {
    let one = |attribute: &Json| {
        let lists = [("stringListValues", json!([])), ("binaryListValues", json!([]))];
        let values =
            [("dataType", "DataType"), ("stringValue", "StringValue"), ("binaryValue", "BinaryValue")];
        let values =
            values.into_iter().filter_map(|(here, there)| Some((here, attribute.get(there)?.clone())));
        let shown = lists.into_iter().chain(values).map(|(name, value)| (name.to_owned(), value));
        Json::Object(shown.collect())
    };
    let given = message.attributes.as_object().into_iter().flatten();
    Json::Object(given.map(|(name, attribute)| (name.clone(), one(attribute))).collect::<Map<_, _>>())
}

/// The digest with which SQS shows that a text has arrived whole.
pub(crate) fn md5(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
