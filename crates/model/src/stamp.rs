//! A connection's stamp: which socket, and which of two is the newer.

use serde::{Deserialize, Serialize};

use crate::id::ConnectionId;
use crate::time::EpochMillis;

/// One connection, as `requestContext` describes it on every event, `$disconnect` included. It is the fencing token of all
/// that is written for a connection.
///
/// Stamps are ordered by `(connectedAt, connectionId)`: the newer one is the greater. Two sockets that opened in the same
/// millisecond are told apart by their ids, so that every function picks the same winner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    /// When API Gateway accepted the socket; never a client's clock.
    pub connected_at: EpochMillis,
    /// API Gateway's name of the socket.
    pub connection_id: ConnectionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(connected_at: u64, id: &str) -> Stamp {
        Stamp { connected_at: EpochMillis(connected_at), connection_id: ConnectionId::new(id.to_owned()) }
    }

    #[test]
    fn the_later_socket_is_the_newer_and_a_tie_is_decided_by_id() {
        assert!(stamp(2, "a") > stamp(1, "z"));
        assert!(stamp(1, "b") > stamp(1, "a"));
    }
}
