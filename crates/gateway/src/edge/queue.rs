//! Messages of a queue, for a function that is also a route of the HTTP API.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use model::http::{Answer, HttpError};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Error;
use super::http::{HttpCall, answer};
use crate::failure::Failure;

/// What may come. Only a queue's event has `Records`.
enum Incoming {
    Http(Box<ApiGatewayV2httpRequest>),
    Queue(SqsEvent),
}

impl Incoming {
    fn read(event: Value) -> Result<Self, serde_json::Error> {
        if event.get("Records").is_some() {
            SqsEvent::deserialize(event).map(Self::Queue)
        } else {
            ApiGatewayV2httpRequest::deserialize(event).map(|event| Self::Http(Box::new(event)))
        }
    }
}

/// Runs the Lambda runtime for a route of the HTTP API that also takes the messages of a queue. A message that fails
/// is named in the answer (`ReportBatchItemFailures`), so that SQS delivers it again and the others not.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_http_and_queue(
    route: impl AsyncFn(HttpCall) -> Result<Answer, HttpError>,
    message: impl AsyncFn() -> Result<(), Failure>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        // Boxed: the SDK's futures nest deeper than the compiler follows.
        match Incoming::read(event.payload)? {
            Incoming::Http(request) => Ok::<Value, Error>(Box::pin(answer(&route, *request)).await),
            Incoming::Queue(event) => {
                let failed = Box::pin(take(&message, event)).await;
                let mut response = SqsBatchResponse::default();
                response.batch_item_failures = failed;
                Ok(serde_json::to_value(response)?)
            }
        }
    }))
    .await
}

/// Takes the messages one by one; answers with those that failed.
async fn take(message: &impl AsyncFn() -> Result<(), Failure>, event: SqsEvent) -> Vec<BatchItemFailure> {
    let mut failed = Vec::new();
    for record in event.records {
        let started = Instant::now();
        let id = record.message_id.unwrap_or_default();
        let done = message().await;
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

    #[test]
    fn a_queues_event_is_told_from_a_request_by_its_records() {
        assert!(matches!(Incoming::read(event("create-room")).unwrap(), Incoming::Http(_)));
        let Incoming::Queue(event) = Incoming::read(event("create-room-refill")).unwrap() else {
            panic!("not a queue's");
        };
        assert_eq!(event.records.len(), 1);
    }

    #[tokio::test]
    async fn only_the_messages_that_failed_are_named() {
        let mut event: SqsEvent = event("create-room-refill");
        for id in ["b", "c"] {
            let mut record = event.records[0].clone();
            record.message_id = Some(id.into());
            event.records.push(record);
        }
        let calls = std::cell::Cell::new(0);
        let message = async || {
            calls.set(calls.get() + 1);
            if calls.get() == 2 { Err(Failure::new("test", "failed")) } else { Ok(()) }
        };
        let failed: Vec<_> =
            take(&message, event).await.into_iter().map(|item| item.item_identifier).collect();
        assert_eq!(failed, ["b"]);
    }
}
