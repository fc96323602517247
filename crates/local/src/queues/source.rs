//! Messages go to functions: what Lambda's pollers do.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::backlog::Message;
use super::{Queue, Queues, short};
use crate::aws::sqs;
use crate::lambda::{Invocation, Lambda};
use crate::template::names;
use crate::template::stack::EventSource;

/// Takes the messages of a queue to a function, batch by batch. Runs until it is dropped.
pub(crate) async fn poll(queues: Arc<Queues>, lambda: Arc<Lambda>, source: EventSource) {
    let Some(queue) = queues.by_arn(&source.queue).cloned() else { return };
    let (permits, source) = (Arc::new(Semaphore::new(source.concurrency)), Arc::new(source));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let visibility = queue.definition.visibility;
        let batch = queues.wait_and_receive(&queue, source.batch, visibility, None).await;
        let (queues, lambda) = (Arc::clone(&queues), Arc::clone(&lambda));
        let (source, queue) = (Arc::clone(&source), Arc::clone(&queue));
        tokio::spawn(async move {
            deliver(&queues, &lambda, &source, &queue, batch).await;
            drop(permit);
        });
    }
}

/// Invokes the function with a batch, and deletes the messages that it has dealt with. The others come again when
/// their visibility timeout is over.
async fn deliver(queues: &Queues, lambda: &Lambda, source: &EventSource, queue: &Queue, batch: Vec<Message>) {
    let invocation = Invocation {
        event: event(queue, &batch),
        route: queue.definition.logical.clone(),
        connection: None,
        size: batch.iter().map(|message| message.body.len()).sum(),
    };
    let answer = lambda.invoke(&source.function, invocation).await;
    let failed = match answer {
        Err(_) => Failed::All,
        Ok(payload) if source.partial => Failed::of(&payload),
        Ok(_) => Failed::These(HashSet::new()),
    };
    for message in &batch {
        if failed.has(&message.id) {
            let again = queue.definition.visibility;
            let text = format!("{} failed, comes again within {again:?}", short(message));
            queues.report(queue, true, text);
        } else {
            queue.delete(&message.receipt);
        }
    }
}

/// Which messages of a batch have failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    All,
    These(HashSet<String>),
}

impl Failed {
    /// Reads the answer of a function that names them. An answer that does not read, or an empty name, fails all, as
    /// at AWS; no answer, or none of them, none.
    pub(crate) fn of(payload: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Answer {
            batch_item_failures: Option<Vec<Item>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Item {
            item_identifier: String,
        }
        let Ok(answer) = serde_json::from_slice::<Option<Answer>>(payload) else { return Self::All };
        let items = answer.unwrap_or_default().batch_item_failures.unwrap_or_default();
        if items.iter().any(|item| item.item_identifier.is_empty()) {
            return Self::All;
        }
        Self::These(items.into_iter().map(|item| item.item_identifier).collect())
    }

    fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(id),
        }
    }
}

/// The event of a batch, as Lambda makes it.
fn event(queue: &Queue, batch: &[Message]) -> Bytes {
    let record = |message: &Message| {
        json!({
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": sqs::system_attributes(message),
            "messageAttributes": sqs::attributes_of_event(message),
            "md5OfBody": sqs::md5(message.body.as_bytes()),
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.definition.arn,
            "awsRegion": names::REGION,
        })
    };
    Bytes::from(json!({ "Records": batch.iter().map(record).collect::<Vec<_>>() }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_messages_that_failed_or_fails_all() {
        let these = |ids: &[&str]| Failed::These(ids.iter().map(|id| (*id).to_owned()).collect());
        for (payload, failed) in [
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, these(&["a"])),
            (r#"{"batchItemFailures":[]}"#, these(&[])),
            (r#"{"batchItemFailures":null}"#, these(&[])),
            ("{}", these(&[])),
            ("null", these(&[])),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, Failed::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, Failed::All),
            (r#"{"batchItemFailures":[{"other":"a"}]}"#, Failed::All),
            ("not JSON", Failed::All),
        ] {
            assert_eq!(Failed::of(payload.as_bytes()), failed, "{payload}");
        }
    }
}
