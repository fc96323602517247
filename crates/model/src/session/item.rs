//! What the rooms table holds of sessions, and a connection's row in one.

use serde::{Deserialize, Serialize};

use super::{ApiKey, MediaMode, Role};
use crate::id::{PeerId, RoomId};
use crate::time::{EpochMillis, EpochSeconds};

/// A client's connection in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSession {
    /// What its token allows.
    pub role: Role,
    /// When its stay began, maybe on an earlier socket.
    pub since: EpochMillis,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The project that made it.
    pub api_key: ApiKey,
    /// How its media travels.
    pub media_mode: MediaMode,
    /// Whether its media is encrypted end to end.
    pub e2ee: bool,
    /// How many members it has. It changes only in the transaction that puts a member or deletes one.
    pub connections: u32,
    /// The room whose SFU it has claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu_room: Option<RoomId>,
    /// When it was made.
    pub created_at: EpochMillis,
}

/// An issue that a client has reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// Where.
    pub session_id: RoomId,
    /// By whom.
    pub connection_id: PeerId,
    /// What it says.
    pub text: String,
    /// When.
    pub reported_at: EpochMillis,
    /// Then it is deleted.
    pub expires_at: EpochSeconds,
}

/// What a member of a session has more.
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
