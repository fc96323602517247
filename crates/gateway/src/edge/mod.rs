//! The edge: an event of API Gateway, or of a queue, becomes a typed call, an outcome becomes its answer. Here, and
//! only here, a failure is logged, once.
//!
//! Connection facts come from `requestContext` only.

mod connect;
mod disconnect;
mod http;
mod message;
mod queue;
mod refusals;
mod rest;
mod stream;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequestContext;
use model::id::ConnectionId;
use model::stamp::Stamp;
use model::time::EpochMillis;

use crate::failure::Failure;

pub use connect::{Admission, Connect, on_connect, serve_connects};
pub use disconnect::{Disconnect, on_disconnect, serve_disconnects};
pub use http::{HttpCall, on_http, serve_http};
pub use lambda_runtime::Error;
pub use message::{Reply, Respond, on_message, serve_messages, serve_messages_in};
pub use queue::{on_messages, serve_queue};
pub use refusals::Refusals;
pub use rest::{RestCall, on_rest, serve_rest};
pub use stream::{on_records, serve_stream};

/// Which socket an event is about.
fn stamp(context: ApiGatewayWebsocketProxyRequestContext) -> Result<Stamp, Failure> {
    let missing = |what| Failure::new("event", format!("requestContext has no {what}"));
    let connected_at = u64::try_from(context.connected_at).ok().filter(|at| *at > 0);
    Ok(Stamp {
        connected_at: EpochMillis(connected_at.ok_or_else(|| missing("connectedAt"))?),
        connection_id: ConnectionId::new(context.connection_id.ok_or_else(|| missing("connectionId"))?),
    })
}

#[cfg(test)]
mod golden {
    //! The sample events, as the functions read them.

    use lambda_http::Request;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    /// An event of the HTTP API as its functions get it.
    pub(super) fn request(event: &Value) -> Request {
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }

    /// An event with a change.
    pub(super) fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut event = event(name);
        change(&mut event);
        event
    }

    /// Reads `events/<name>.json`.
    pub(super) fn event<T: DeserializeOwned>(name: &str) -> T {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}
