//! A member of a session: what it has beside a room's member, and what the others see of it.

use serde::{Deserialize, Serialize};

use super::role::Role;
use crate::id::PeerId;
use crate::secret::SecretHash;
use crate::time::EpochMillis;

/// What a connection's row says of the session that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSession {
    /// What its token allows.
    pub role: Role,
    /// When its stay began, maybe on an earlier socket.
    pub since: EpochMillis,
}

/// What a member of a session has beside a member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionMember {
    /// What it may do.
    pub role: Role,
    /// What its token says about it, to everybody.
    pub data: String,
    /// The classes that its streams begin with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layout_classes: Vec<String>,
    /// It hears nothing of others who come and go.
    #[serde(default)]
    pub suppressed: bool,
}

impl SessionMember {
    /// The hash of what its token signs of it, its role and its data; `None` without data, which would be anybody's. That
    /// it is of the project and for the session is proved before anybody is let in.
    #[must_use]
    pub fn signed(&self) -> Option<SecretHash> {
        // Numbers and texts: nothing here can fail to serialise.
        let identity = || serde_json::to_string(&(self.role, &self.data)).unwrap_or_default();
        (!self.data.is_empty()).then(|| SecretHash::of(identity()))
    }
}

/// One stay of a peer in a session, as clients know it. Two stays of the same peer differ in `creation_time`: events
/// may arrive out of order, and clients merge them by the pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// The peer's id, which stays the same when it comes back on another socket.
    pub connection_id: PeerId,
    /// Since when.
    pub creation_time: EpochMillis,
}

/// A member of a session, as the others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionConnection {
    /// Who, and since when.
    #[serde(flatten)]
    pub stay: Stay,
    /// What the token says about it.
    pub data: String,
}
