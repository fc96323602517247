//! What only a session's members are told.

use serde::Serialize;

use super::{Capabilities, MediaMode};
use crate::id::PeerId;
use crate::notice::Departure;
use crate::time::EpochMillis;

/// One stay of a peer in a session. Two stays of the same peer differ in `creation_time`: events may overtake each other,
/// and clients merge by the pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// The peer's id, which stays the same when it comes back on another socket.
    pub connection_id: PeerId,
    /// Since when.
    pub creation_time: EpochMillis,
}

/// Somebody in a session, as the others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionConnection {
    /// Who, and since when.
    #[serde(flatten)]
    pub stay: Stay,
    /// What the token says about it.
    pub data: String,
}

/// What `identified` says in a session only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InSession {
    /// The client itself.
    pub connection: SessionConnection,
    /// What its role allows.
    pub capabilities: Capabilities,
    /// The classes that its streams begin with.
    pub layout_class_list: Vec<String>,
    /// The others, or the last of them that did not fit into one message.
    pub connections: Vec<SessionConnection>,
    /// How media travels.
    pub media_mode: MediaMode,
    /// Whether media is encrypted end to end.
    pub e2ee: bool,
}

/// Why a stay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Destroyed {
    /// The client left.
    ClientDisconnected,
    /// A moderator, or the project's server, ended it.
    ForceDisconnected,
    /// Its socket broke.
    NetworkDisconnected,
}

impl From<Departure> for Destroyed {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Left => Self::ClientDisconnected,
            Departure::Lost => Self::NetworkDisconnected,
            Departure::Forced => Self::ForceDisconnected,
        }
    }
}

/// A signal as it is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// What receivers filter by.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub data: String,
    /// Who says it; the project's server is nobody.
    pub from: Option<PeerId>,
    /// How many signals to all the sender's socket has sent, this one (if it is to all) included. The server's have none.
    pub seq: Option<u64>,
    /// The only one whom it is for, unless it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<PeerId>,
}
