//! Messages of a queue.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::time::Instant;

use super::Error;
use crate::failure::Failure;

/// Runs the Lambda runtime for a queue. A message that fails is named in the answer (`ReportBatchItemFailures`), so
/// that SQS delivers it again and the others not.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_queue(handler: impl AsyncFn(&str) -> Result<(), Failure>) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(on_messages(&handler, event.payload).await)
    }))
    .await
}

/// Handles the messages of one event.
pub async fn on_messages(
    handler: &impl AsyncFn(&str) -> Result<(), Failure>,
    event: SqsEvent,
) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    // Boxed: the SDK's futures nest deeper than the compiler follows.
    response.batch_item_failures = Box::pin(take(handler, event)).await;
    response
}

/// Takes the messages one by one; answers with those that failed.
async fn take(handler: &impl AsyncFn(&str) -> Result<(), Failure>, event: SqsEvent) -> Vec<BatchItemFailure> {
    let mut failed = Vec::new();
    for record in event.records {
        let started = Instant::now();
        let id = record.message_id.unwrap_or_default();
        let done = handler(&record.body.unwrap_or_default()).await;
        let duration_ms = started.elapsed().as_secs_f64() * 1e3;
        match done {
            Ok(()) => tracing::info!(message.id = id, duration_ms, "Message handled"),
            Err(failure) => {
                tracing::error!(message.id = id, duration_ms, %failure, "Message failed");
                let mut item = BatchItemFailure::default();
                item.item_identifier = id;
                failed.push(item);
            }
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::event;

    #[tokio::test]
    async fn only_the_messages_that_failed_are_named() {
        let mut event: SqsEvent = event("refill");
        for id in ["b", "c"] {
            let mut record = event.records[0].clone();
            record.message_id = Some(id.into());
            event.records.push(record);
        }
        let calls = std::cell::Cell::new(0);
        let handler = async |_: &str| {
            calls.set(calls.get() + 1);
            if calls.get() == 2 { Err(Failure::new("test", "failed")) } else { Ok(()) }
        };
        let failed: Vec<_> =
            take(&handler, event).await.into_iter().map(|item| item.item_identifier).collect();
        assert_eq!(failed, ["b"]);
    }
}
