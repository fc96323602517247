//! What is stored of a session itself.

use serde::{Deserialize, Serialize};

use super::project::ApiKey;
use crate::id::RoomId;
use crate::time::EpochMillis;

/// How the media of a session travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaMode {
    /// Through an SFU, which the session claims when its first publisher comes.
    Routed,
    /// From client to client: the session has no SFU.
    Relayed,
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
