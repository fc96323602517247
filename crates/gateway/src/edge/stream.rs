//! The stream of the rooms table.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use lambda_runtime::{LambdaEvent, service_fn};
use model::key::Key;
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Error;
use crate::failure::Failure;

/// Runs the Lambda runtime for the stream. An error makes the batch come again, as often as the event source says.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_stream(handler: impl AsyncFn(&[Key]) -> Result<(), Failure>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        on_records(&handler, event.payload).await
    }))
    .await
}

/// Handles one batch.
///
/// # Errors
/// When a record does not name its item, and the handler's own.
pub async fn on_records(
    handler: &impl AsyncFn(&[Key]) -> Result<(), Failure>,
    event: Event,
) -> Result<Value, Error> {
    let started = Instant::now();
    let keys = keys(event)?;
    // Boxed: the SDK's futures nest deeper than the compiler follows.
    let done = Box::pin(handler(&keys)).await;
    let (records, duration_ms) = (keys.len(), started.elapsed().as_secs_f64() * 1e3);
    match &done {
        Ok(()) => tracing::info!(records, duration_ms, "Batch handled"),
        Err(failure) => tracing::error!(records, duration_ms, %failure, "Batch failed"),
    }
    done.map(|()| json!({})).map_err(Error::from)
}

/// The keys of the items that were written.
fn keys(event: Event) -> Result<Vec<Key>, Failure> {
    let key = |record: EventRecord| {
        Ok(Key { pk: text(&record.change.keys, "pk")?, sk: text(&record.change.keys, "sk")? })
    };
    event.records.into_iter().map(key).collect()
}

fn text(keys: &Item, name: &'static str) -> Result<String, Failure> {
    match keys.inner().get(name) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(Failure::new("stream", format!("a record's key has no text {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::event;

    #[test]
    fn a_record_says_which_item_was_written() {
        let keys = keys(event("outbox")).unwrap();
        let [key] = keys.as_slice() else { panic!("{keys:?}") };
        assert!(key.pk.starts_with("ROOM#") && key.sk.starts_with("OWED#"), "{key:?}");
    }
}
