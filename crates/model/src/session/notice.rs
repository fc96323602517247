//! What only a session's members are told.

use serde::{Deserialize, Serialize};

use super::member::SessionConnection;
use super::record::MediaMode;
use super::role::Capabilities;
use super::stream::{Dimensions, Stream, StreamId, VideoType};
use crate::departure::Departure;
use crate::id::PeerId;
use crate::time::EpochMillis;

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
    /// How media travels.
    pub media_mode: MediaMode,
    /// Whether media is encrypted end to end.
    pub e2ee: bool,
}

/// A stream, as clients know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamInfo {
    /// Which one.
    pub stream_id: StreamId,
    /// Whose it is.
    pub connection_id: PeerId,
    /// When it was published.
    pub creation_time: EpochMillis,
    /// What its publisher calls it.
    pub name: String,
    /// Whether it has sound.
    pub has_audio: bool,
    /// Whether it has pictures.
    pub has_video: bool,
    /// What the pictures come from.
    pub video_type: VideoType,
    /// How large they are, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_dimensions: Option<Dimensions>,
    /// Its layout classes.
    pub layout_class_list: Vec<String>,
}

impl StreamInfo {
    /// The stream of this id.
    #[must_use]
    pub fn of(id: &StreamId, stream: &Stream) -> Self {
        let stream = stream.clone();
        Self {
            stream_id: id.clone(),
            connection_id: id.peer().clone(),
            creation_time: stream.since,
            name: stream.name,
            has_audio: stream.has_audio,
            has_video: stream.has_video,
            video_type: stream.video_type,
            video_dimensions: stream.dimensions,
            layout_class_list: stream.layout_class_list,
        }
    }
}

/// A stream in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedStream {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamInfo,
    /// The version of its publisher's streams with which it is so.
    pub version: u64,
}

/// A stream, as far as an SFU has to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForwardedStream {
    /// Which one.
    pub stream_id: StreamId,
    /// Whether its sound is forwarded.
    pub has_audio: bool,
    /// Whether its pictures are.
    pub has_video: bool,
}

/// A stream by nothing but its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedStream {
    /// Which one.
    pub stream_id: StreamId,
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

/// A signal as its receivers get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceivedSignal {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<PeerId>,
}
