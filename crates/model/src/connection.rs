//! A connection: one socket, and who it said it is.

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::id::{PeerId, RoomId};
use crate::person::PersonId;
use crate::resumption::Resumption;
use crate::room::Slot;
use crate::secret::SecretHash;
use crate::session::member::InSession;
use crate::stamp::Stamp;
use crate::ticket::Admits;
use crate::time::EpochSeconds;

/// A socket that can be posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Which one.
    pub stamp: Stamp,
    /// What its client speaks.
    pub encoding: Encoding,
}

/// A socket whose client speaks JSON, as all SFUs do.
impl From<Stamp> for Socket {
    fn from(stamp: Stamp) -> Self {
        Self { stamp, encoding: Encoding::JSON }
    }
}

/// A row of the connections table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Which socket.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Who it said it is, after a successful identify.
    #[serde(flatten)]
    pub identity: Option<Identity>,
    /// The hash of the token in the URL that it connected to; only an SFU has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu_token_hash: Option<SecretHash>,
    /// The room that the ticket in its URL admits to (`ConnectTickets=yes`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admits: Option<Admits>,
    /// Whom its rates are counted for, since it has been a client; also after a `leave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The person is on another socket too, or was a moment ago: its signals are counted at its account, and not here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Somewhat after API Gateway's limit of two hours.
    pub expires_at: EpochSeconds,
}

/// Who a connection is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Identity {
    /// A participant.
    Client {
        /// Who.
        peer_id: PeerId,
        /// Where.
        room_id: RoomId,
        /// In a session: since when, and as what.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<InSession>,
        /// What lets it have its place again when this socket is lost; absent if it gave no resume token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resumption: Option<Resumption>,
    },
    /// The room's media process.
    Sfu {
        /// Its own room, and with that its peer id.
        room_id: RoomId,
        /// The session that has claimed its room; absent when a path has, or nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serves: Option<RoomId>,
        /// The room's slot, so that losing the SFU needs no further read.
        slot: Slot,
        /// What it announced.
        #[serde(default)]
        features: Vec<String>,
    },
}

impl Identity {
    /// The room that the connection is in: an SFU's is the session that it serves, if it serves one.
    #[must_use]
    pub fn room(&self) -> &RoomId {
        match self {
            Self::Sfu { serves: Some(session), .. } => session,
            Self::Client { room_id, .. } | Self::Sfu { room_id, serves: None, .. } => room_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_reads_with_and_without_an_identity() {
        let bare = r#"{"connectedAt":1,"connectionId":"c=","expiresAt":9,"aLaterAttribute":true}"#;
        assert_eq!(serde_json::from_str::<Connection>(bare).unwrap().identity, None);
        let client = r#"{"connectedAt":1,"connectionId":"c=","expiresAt":9,"kind":"client","peerId":"p","roomId":"r"}"#;
        let client: Connection = serde_json::from_str(client).unwrap();
        assert_eq!(client.identity.unwrap().room().as_str(), "r");
    }
}
