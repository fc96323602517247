//! One socket's life, and which of two is the newer.

use serde::{Deserialize, Serialize};

use crate::id::ConnectionId;
use crate::time::EpochMillis;

/// One connection, as `requestContext` describes it on every event, `$disconnect` included.
///
/// Lives are ordered by `(connectedAt, connectionId)`: the newer one is the greater. Two sockets that opened
/// in the same millisecond are told apart by their ids, so that every function picks the same winner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// When API Gateway accepted the socket; never a client's clock.
    pub connected_at: EpochMillis,
    /// API Gateway's name of the socket.
    pub connection_id: ConnectionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(connected_at: u64, id: &str) -> Life {
        Life { connected_at: EpochMillis(connected_at), connection_id: ConnectionId::new(id.to_owned()) }
    }

    #[test]
    fn the_later_socket_is_the_newer_and_a_tie_is_decided_by_id() {
        assert!(life(2, "a") > life(1, "z"));
        assert!(life(1, "b") > life(1, "a"));
    }
}
