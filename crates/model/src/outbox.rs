//! What a room has yet to be told. The transaction that changes a place writes it down, and whoever has told everybody deletes
//! it: should that function die, somebody else tells what is left.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::id::{PeerId, RoomId};
use crate::member::Member;
use crate::outcome::Ended;
use crate::session::event::StreamEvent;
use crate::session::stream::Mute;
use crate::session::stream::StreamId;
use crate::stamp::Stamp;
use crate::time::{EpochMillis, EpochSeconds};

/// How long a change is left to the function that tells of it. What it has not told by then is told by others.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long it is tried to tell of a change. A socket that takes nothing for so long is beyond help.
const KEPT: Duration = Duration::from_mins(5);

/// A change that a room has yet to be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// Where.
    pub room_id: RoomId,
    /// What has changed.
    pub change: Change,
    /// Since when a function tells of it, by that function's clock: the one that has made it, or one that has taken over.
    pub since: EpochMillis,
    /// When it is told no more.
    pub expires_at: EpochSeconds,
}

/// What has changed in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// A stay, or an SFU's signaling, has ended.
    Ended {
        /// Whose, and why.
        ended: Ended,
        /// What the socket speaks that has to be closed, of somebody who was sent away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        close: Option<Encoding>,
    },
    /// A stay in a session has begun.
    Created {
        /// Whose.
        peer_id: PeerId,
        /// When, which tells it from the peer's other stays.
        joined_at: EpochMillis,
        /// Whether it was let in as who had the place before, and lost it.
        #[serde(default)]
        resumed: bool,
    },
    /// Somebody's streams have changed.
    Streams {
        /// Whose.
        peer_id: PeerId,
        /// When its stay began.
        joined_at: EpochMillis,
        /// The version that they have with this change.
        version: u64,
        /// The stream.
        stream_id: StreamId,
        /// What has become of it.
        event: StreamEvent,
    },
    /// The session's mute was switched on or off. Whoever tells of it also mutes what it concerns.
    Muted {
        /// The mute.
        mute: Mute,
    },
    /// The room has an SFU, on this socket.
    SfuConnected {
        /// The socket.
        sfu: Stamp,
    },
}

impl Owed {
    /// A change that is made now.
    #[must_use]
    pub fn new(room_id: RoomId, change: Change, now: EpochMillis) -> Self {
        Self { room_id, change, since: now, expires_at: now.plus(KEPT).seconds() }
    }

    /// Whether it is left to others than the function that has told of it so far.
    #[must_use]
    pub fn is_overdue(&self, now: EpochMillis) -> bool {
        self.since.plus(PATIENCE) <= now
    }
}

impl Change {
    /// The end of a stay that leaves no socket behind, or of an SFU's signaling.
    #[must_use]
    pub fn ended(ended: &Ended) -> Self {
        Self::Ended { ended: ended.clone(), close: None }
    }

    /// One of a member's streams has changed; `member` is it with the change.
    #[must_use]
    pub fn streams(member: &Member, stream_id: &StreamId, event: StreamEvent) -> Self {
        Self::Streams {
            peer_id: stream_id.peer().clone(),
            joined_at: member.joined_at,
            version: member.streams.version,
            stream_id: stream_id.clone(),
            event,
        }
    }

    /// Its name in its room: that of no other change.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Ended { ended, .. } => format!("ENDED#{}#{}", ended.stamp.connection_id, ended.at.0),
            Self::Created { peer_id, joined_at, .. } => format!("CREATED#{peer_id}#{}", joined_at.0),
            Self::Streams { peer_id, joined_at, version, .. } => {
                format!("STREAMS#{peer_id}#{}#{version}", joined_at.0)
            }
            Self::Muted { mute } => format!("MUTED#{}", mute.version),
            Self::SfuConnected { sfu } => format!("SFU#{}", sfu.connection_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Identity;
    use crate::departure::Departure;
    use crate::id::ConnectionId;
    use crate::session::notice::Destroyed;
    use crate::session::stream::PropertyChange;

    #[test]
    fn a_change_reads_as_it_was_written_and_its_time_counts() {
        let stamp = Stamp { connected_at: EpochMillis(7), connection_id: ConnectionId::new("c=".into()) };
        let peer_id = PeerId::try_from("p".to_owned()).unwrap();
        let room_id = RoomId::try_from("r".to_owned()).unwrap();
        let identity = Identity::Client {
            peer_id: peer_id.clone(),
            room_id: room_id.clone(),
            session: None,
            resumption: None,
        };
        let ended = Ended {
            stamp: stamp.clone(),
            identity,
            reason: Departure::Forced,
            at: EpochMillis(9),
            streams: vec![],
        };
        let forced = Change::Ended { ended, close: Some(Encoding::JSON) };
        let created = Change::Created { peer_id: peer_id.clone(), joined_at: EpochMillis(8), resumed: true };
        let streams = [
            StreamEvent::Created,
            StreamEvent::Muted,
            StreamEvent::Destroyed(Destroyed::MediaStopped),
            StreamEvent::Changed(vec![PropertyChange::HasAudio { old_value: true, new_value: false }]),
        ];
        let streams = streams.map(|event| Change::Streams {
            peer_id: peer_id.clone(),
            joined_at: EpochMillis(8),
            version: 3,
            stream_id: StreamId::from_bits(1, peer_id.clone()),
            event,
        });
        let excluded = vec![StreamId::from_bits(2, peer_id.clone())];
        let muted = Change::Muted { mute: Mute::default().next(true, excluded) };
        let others = [forced, created, muted, Change::SfuConnected { sfu: stamp }];
        for change in others.into_iter().chain(streams) {
            let owed = Owed::new(room_id.clone(), change, EpochMillis(1_000));
            let text = serde_json::to_string(&owed).unwrap();
            assert_eq!(serde_json::from_str::<Owed>(&text).unwrap(), owed, "{text}");
            assert!(!owed.is_overdue(EpochMillis(5_999)) && owed.is_overdue(EpochMillis(6_000)));
        }
    }
}
