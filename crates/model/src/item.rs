//! What the two tables hold, and under which keys (DESIGN §5).
//!
//! Attributes that a reader does not know are ignored and those it does not find are absent: old and new code
//! run side by side during a deployment.

use serde::{Deserialize, Serialize};

use crate::id::{PeerId, RoomId};
use crate::life::Life;
use crate::outcome::Holder;
use crate::path::UrlPath;
use crate::room::Status;
use crate::secret::SecretHash;
use crate::session::item::{InSession, SessionMember};
use crate::session::notice::{SessionConnection, Stay};
use crate::time::{EpochMillis, EpochSeconds};

/// The key of an item in the rooms table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// The partition of the pool.
pub const POOL: &str = "POOL";
/// The partition of the slots.
pub const SLOTS: &str = "SLOTS";

impl Key {
    /// The room itself.
    #[must_use]
    pub fn room(room: &RoomId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: "ROOM".into() }
    }

    /// The room's SFU.
    #[must_use]
    pub fn sfu(room: &RoomId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: "SFU".into() }
    }

    /// The session, if the room is one.
    #[must_use]
    pub fn session(session: &RoomId) -> Self {
        Self { pk: format!("ROOM#{session}"), sk: "SESSION".into() }
    }

    /// A reported issue, in a partition of its own: it is looked up by its name.
    #[must_use]
    pub fn issue(issue: &str) -> Self {
        Self { pk: format!("ISSUE#{issue}"), sk: "ISSUE".into() }
    }

    /// A member of the room.
    #[must_use]
    pub fn member(room: &RoomId, peer: &PeerId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: format!("PEER#{peer}") }
    }

    /// A claimed path: the lock that makes it unique, and the look-up.
    #[must_use]
    pub fn path(path: &UrlPath) -> Self {
        Self { pk: format!("PATH#{}", path.as_str()), sk: "PATH".into() }
    }

    /// The pool entry of a room.
    #[must_use]
    pub fn pool(room: &RoomId) -> Self {
        Self { pk: POOL.into(), sk: format!("ROOM#{room}") }
    }

    /// The entry of a room that will come into the pool when its SFU does.
    #[must_use]
    pub fn pending(room: &RoomId) -> Self {
        Self { pk: POOL.into(), sk: format!("PENDING#{room}") }
    }

    /// The count of refills, in a partition of its own: the pool's is read by every claim.
    #[must_use]
    pub fn refills() -> Self {
        Self { pk: "REFILLS".into(), sk: "REFILLS".into() }
    }

    /// A slot.
    #[must_use]
    pub fn slot(slot: Slot) -> Self {
        Self { pk: SLOTS.into(), sk: format!("SLOT#{}", slot.0) }
    }
}

/// The number of a slot: rooms have one of `0..MaxRooms` each, which is what makes the cap a hard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// A row of the connections table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Which socket.
    #[serde(flatten)]
    pub life: Life,
    /// Who it said it is, after a successful identify.
    #[serde(flatten)]
    pub identity: Option<Identity>,
    /// The hash of the token in the URL that it connected to; only an SFU has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu_token_hash: Option<SecretHash>,
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

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// How far it has come.
    pub status: Status,
    /// The path that claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_path: Option<UrlPath>,
    /// Its slot.
    pub slot: Slot,
    /// What its SFU has to prove that it knows.
    pub sfu_token_hash: SecretHash,
    /// When createRoom made it.
    pub created_at: EpochMillis,
    /// The session that claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<RoomId>,
    /// When it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<EpochMillis>,
    /// Since when its SFU has had no socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu_lost_at: Option<EpochMillis>,
    /// The room's lease, renewed by every identify of its SFU.
    pub expires_at: EpochSeconds,
}

/// The SFU of a room, while it has a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sfu {
    /// Its id, which is the room's.
    pub peer_id: PeerId,
    /// Its socket.
    #[serde(flatten)]
    pub life: Life,
    /// The room's slot, as in [`Identity::Sfu`].
    pub slot: Slot,
    /// What it announced.
    #[serde(default)]
    pub features: Vec<String>,
}

/// A peer's place in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its socket.
    #[serde(flatten)]
    pub life: Life,
    /// What lets a newer socket take the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_hash: Option<SecretHash>,
    /// When it identified.
    pub joined_at: EpochMillis,
    /// In a session: what its token says, and what it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionMember>,
    /// The connection's own end. In a session DynamoDB must not delete the item by itself, for its counter would not know:
    /// there the attribute is `leaseEndsAt`, and whoever comes across it later frees the place.
    #[serde(alias = "leaseEndsAt")]
    pub expires_at: EpochSeconds,
}

impl Sfu {
    /// Who its connection is, when it is found in the partition of `room`: its own, or that of the session that it serves.
    #[must_use]
    pub fn identity(self, room: &RoomId) -> Identity {
        let room_id = RoomId::from(self.peer_id);
        let serves = (room_id != *room).then(|| room.clone());
        Identity::Sfu { room_id, serves, slot: self.slot, features: self.features }
    }
}

impl Member {
    /// Who has the place of `peer` in `room`.
    #[must_use]
    pub fn holder(&self, peer: &PeerId, room: &RoomId) -> Holder {
        Holder { life: self.life.clone(), identity: self.identity(peer, room) }
    }

    /// Who its connection is.
    #[must_use]
    pub fn identity(&self, peer: &PeerId, room: &RoomId) -> Identity {
        let session = self.session.as_ref();
        Identity::Client {
            peer_id: peer.clone(),
            room_id: room.clone(),
            session: session.map(|session| InSession { role: session.role, since: self.joined_at }),
        }
    }

    /// The member as its session's others see it; `None` in a room that is no session.
    #[must_use]
    pub fn in_session(&self, peer: &PeerId) -> Option<SessionConnection> {
        let session = self.session.as_ref()?;
        let stay = Stay { connection_id: peer.clone(), creation_time: self.joined_at };
        Some(SessionConnection { stay, data: session.data.clone() })
    }
}

/// A claimed path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedPath {
    /// The room that has it.
    pub room_id: RoomId,
    /// The room's lease.
    pub expires_at: EpochSeconds,
}

/// A warm room: unclaimed with a live SFU ([`Key::pool`]), or pending ([`Key::pending`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolEntry {
    /// Which room.
    pub room_id: RoomId,
    /// Its slot, which a claim marks as claimed.
    pub slot: Slot,
    /// When it came into the pool, or was asked for.
    pub since: EpochMillis,
    /// The room's lease.
    pub expires_at: EpochSeconds,
}

/// How many rooms refills have started so far. Each writes the next number, so that of two that have counted the
/// same pool one starts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refills {
    /// The number.
    pub count: u64,
}

/// A slot in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldSlot {
    /// Its number.
    pub slot: Slot,
    /// The room that holds it.
    pub room_id: RoomId,
    /// When that room was claimed; absent while it is pending or unclaimed, which is what `MaxIdleRooms` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<EpochMillis>,
    /// The lease: the room's own, or shorter when its SFU is lost.
    pub expires_at: EpochSeconds,
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

    #[test]
    fn a_path_cannot_reach_into_another_partition() {
        let path = UrlPath::new("a#PATH".into()).unwrap();
        assert_eq!(Key::path(&path), Key { pk: "PATH#a#PATH".into(), sk: "PATH".into() });
    }
}
