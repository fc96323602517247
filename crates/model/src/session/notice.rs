//! What only a session's members are told.

use serde::{Deserialize, Serialize};

use super::member::SessionConnection;
use super::record::MediaMode;
use super::role::Capabilities;
use super::stream::ListedStream;
use crate::departure::Departure;
use crate::id::PeerId;

/// What `identified` says in a session only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentifiedInSession {
    /// The client itself.
    pub connection: SessionConnection,
    /// What its role allows.
    pub capabilities: Capabilities,
    /// The classes that its streams begin with.
    pub layout_class_list: Vec<String>,
    /// The others, or the last of them that did not fit into one message.
    pub connections: Vec<SessionConnection>,
    /// The streams that there are, those of the client itself too, or the last of them likewise.
    pub streams: Vec<ListedStream>,
    /// What is published now begins without sound.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
    /// The version of the session's mute; absent if there was none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute_version: Option<u64>,
    /// How media travels.
    pub media_mode: MediaMode,
    /// Whether media is encrypted end to end.
    pub e2ee: bool,
}

/// Why a stay or a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destroyed {
    /// The client left.
    ClientDisconnected,
    /// A moderator, or the project's server, ended it.
    ForceDisconnected,
    /// Its socket broke.
    NetworkDisconnected,
    /// Of a stream: a moderator ended it.
    ForceUnpublished,
    /// Of a stream: its media never came, or came no more.
    MediaStopped,
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

/// A signal as its receivers get it, and as it is kept for those who are away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedSignal {
    /// That of no other signal: one that comes again has the same.
    pub id: String,
    /// What receivers filter by.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub data: String,
    /// Who sent it; absent when the project's server did.
    pub from: Option<PeerId>,
    /// How many signals to all the sender's socket has sent, this one (if it is to all) included. The server's have
    /// none.
    pub seq: Option<u64>,
    /// The only one whom it is for, unless it is for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PeerId>,
}
