//! `$disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use model::departure::Departure;
use model::stamp::Stamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Error, stamp};
use crate::failure::Failure;

/// A socket that has closed.
#[derive(Debug)]
pub struct Disconnect {
    /// Which one.
    pub stamp: Stamp,
    /// What its close code tells.
    pub reason: Departure,
}

impl Disconnect {
    fn read(event: ApiGatewayWebsocketProxyRequest) -> Result<Self, Failure> {
        let reason = Departure::of_close_code(event.request_context.disconnect_status_code);
        Ok(Self { stamp: stamp(event.request_context)?, reason })
    }
}

/// Runs the Lambda runtime for `$disconnect`. Nobody reads its answer.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_disconnects(
    handler: impl AsyncFn(Disconnect) -> Result<(), Failure>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| {
        on_disconnect(&handler, event.payload).await
    }))
    .await
}

/// Handles one `$disconnect`.
///
/// # Errors
/// When the event does not say which socket it is about, and the handler's own.
pub async fn on_disconnect(
    handler: &impl AsyncFn(Disconnect) -> Result<(), Failure>,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<Value, Error> {
    let started = Instant::now();
    let disconnect = Disconnect::read(event)?;
    let connection = disconnect.stamp.connection_id.clone();
    // Boxed: the SDK's futures nest deeper than the compiler follows.
    let done = Box::pin(handler(disconnect)).await;
    if let Err(failure) = &done {
        tracing::error!(%failure, connection.id = %connection, route = "$disconnect", "Departure failed");
    }
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(connection.id = %connection, route = "$disconnect", duration_ms, "Disconnect handled");
    // An error makes the invocation a failed one, which the alarm on errors counts.
    done.map(|()| json!({ "statusCode": 200 })).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::event;

    #[test]
    fn the_close_code_is_read_and_may_be_absent() {
        assert_eq!(Disconnect::read(event("disconnect")).unwrap().reason, Departure::Left);
        assert_eq!(Disconnect::read(event("disconnect-lost")).unwrap().reason, Departure::Lost);
        let mut event: ApiGatewayWebsocketProxyRequest = event("disconnect");
        event.request_context.disconnect_status_code = None;
        assert_eq!(Disconnect::read(event).unwrap().reason, Departure::Lost);
    }
}
