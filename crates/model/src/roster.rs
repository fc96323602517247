//! `roster`: an SFU asks which of its people are members of its room, and on which sockets.

use serde::Serialize;

use crate::id::{PeerId, RoomId};
use crate::member::{Member, Reach};
use crate::session::stream::ForwardedStream;
use crate::stamp::Stamp;
use crate::time::EpochMillis;

/// How many peers an SFU may ask for at once: as many as it serves.
pub const MAX_ASKED: usize = 64;

/// What an SFU asks.
#[derive(Debug, PartialEq, Eq)]
pub struct AskRoster {
    /// The room that it serves; checked against the connection.
    pub room: RoomId,
    /// Whom it asks for: at most [`MAX_ASKED`].
    pub peers: Vec<PeerId>,
}

/// A member, as an SFU is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Who.
    pub id: PeerId,
    /// The socket that has its place, or had it when it went away.
    pub stamp: Stamp,
    /// In a session: when its stay began.
    #[serde(rename = "creationTime", skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<EpochMillis>,
    /// Its place is kept while its socket is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub away: bool,
    /// Its streams, once it has published any.
    #[serde(flatten)]
    pub streams: Option<ListedStreams>,
}

/// The streams of a member, as an SFU is told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedStreams {
    /// Grows with each change.
    pub version: u64,
    /// All that there are.
    pub streams: Vec<ForwardedStream>,
}

impl Listed {
    /// The member that is `peer`.
    #[must_use]
    pub fn of(peer: PeerId, member: Member) -> Self {
        let away = member.reach() == Reach::None;
        let streams = &member.streams;
        let streams = (streams.version > 0)
            .then(|| ListedStreams { version: streams.version, streams: streams.forwarded() });
        let creation_time = member.session.is_some().then_some(member.joined_at);
        Self { id: peer, stamp: member.stamp, creation_time, away, streams }
    }
}
