//! `$connect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use model::stamp::Stamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Error, stamp};
use crate::failure::Failure;

/// A socket that wants to open.
pub struct Connect {
    /// Which one.
    pub stamp: Stamp,
    /// The `Origin` header, which browsers always send.
    pub origin: Option<String>,
    /// The `token` of the URL, which an SFU is started with.
    pub token: Option<String>,
    /// The `ticket` of the URL, which lets a client in.
    pub ticket: Option<String>,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

/// Whether the socket may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// Its origin is not on the list: 403.
    Forbidden,
    /// It has no ticket, or none that is good: 401.
    Unauthorized,
}

impl Connect {
    fn read(event: ApiGatewayWebsocketProxyRequest) -> Result<Self, Failure> {
        // One that does not read is there all the same, and on no list.
        let origin = event.headers.get("origin");
        let origin = origin.map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned());
        let parameter = |name| event.query_string_parameters.first(name).map(str::to_owned);
        let (token, ticket) = (parameter("token"), parameter("ticket"));
        Ok(Self { stamp: stamp(event.request_context)?, origin, token, ticket })
    }
}

/// Runs the Lambda runtime for `$connect`. The event is never logged whole: it may hold an SFU's token, or a ticket.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_connects(
    handler: impl AsyncFn(Connect) -> Result<Admission, Failure>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| {
        on_connect(&handler, event.payload).await
    }))
    .await
}

/// Handles one `$connect`.
///
/// # Errors
/// When the event does not say which socket it is about.
pub async fn on_connect(
    handler: &impl AsyncFn(Connect) -> Result<Admission, Failure>,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<Value, Error> {
    let started = Instant::now();
    let connect = Connect::read(event)?;
    let connection = connect.stamp.connection_id.clone();
    let admission = handler(connect).await;
    let status = match &admission {
        Ok(Admission::Admitted) => 200,
        Ok(Admission::Forbidden) => 403,
        Ok(Admission::Unauthorized) => 401,
        Err(failure) => {
            tracing::error!(%failure, connection.id = %connection, route = "$connect", "Connection not written");
            500
        }
    };
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(connection.id = %connection, route = "$connect", status, duration_ms, "Connect answered");
    Ok(json!({ "statusCode": status }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::golden::event;

    #[test]
    fn a_browser_has_an_origin_and_an_sfu_has_a_token() {
        let browser = Connect::read(event("connect")).unwrap();
        assert!(browser.origin.is_some() && browser.token.is_none());
        let sfu = Connect::read(event("connect-sfu")).unwrap();
        assert!(sfu.origin.is_none());
        assert_eq!(sfu.token.unwrap().len(), 64);
        assert_eq!(sfu.stamp.connected_at.0, 1_795_251_810_352);
    }

    #[test]
    fn an_origin_that_does_not_read_is_not_absent() {
        let mut event: ApiGatewayWebsocketProxyRequest = event("connect");
        event.headers.insert("origin", "https://élsewhere.example".parse().unwrap());
        assert!(Connect::read(event).unwrap().origin.is_some());
    }

    #[test]
    fn an_event_without_its_connection_is_refused() {
        let mut event: ApiGatewayWebsocketProxyRequest = event("connect");
        event.request_context.connection_id = None;
        assert!(Connect::read(event).unwrap_err().to_string().contains("connectionId"));
    }
}
