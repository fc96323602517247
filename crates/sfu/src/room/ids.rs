//! Keys of peers and connections, and the ids of streams. No key is ever given out twice, so one that outlives
//! what it named finds nothing.

use model::id::PeerId;
use serde::{Deserialize, Serialize};

/// A peer's place in the room, from its first offer until it is removed. A peer that comes again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerKey(pub(crate) u64);

/// A WebRTC connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LinkId(pub(crate) u64);

/// Two peers of whom one receives the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) source: PeerKey,
    pub(crate) receiver: PeerKey,
}

/// A stream of a session: 8 letters and digits, `~`, and the id of the peer that publishes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct StreamId(String);

impl StreamId {
    /// Who publishes it.
    pub(crate) fn publisher(&self) -> Option<PeerId> {
        PeerId::try_from(self.0.split_once('~')?.1.to_owned()).ok()
    }

    pub(crate) fn is_of(&self, peer: &PeerId) -> bool {
        self.0.split_once('~').is_some_and(|(_, publisher)| publisher == peer.as_str())
    }
}

/// What is wrong with a text that should be a stream's id.
#[derive(Debug, thiserror::Error)]
#[error("8 of A-Z a-z 0-9, ~ and a peer id")]
pub(crate) struct InvalidStreamId;

impl TryFrom<String> for StreamId {
    type Error = InvalidStreamId;

    fn try_from(text: String) -> Result<Self, InvalidStreamId> {
        let name = text.split_once('~').map(|(name, _)| name);
        let named =
            name.is_some_and(|name| name.len() == 8 && name.bytes().all(|b| b.is_ascii_alphanumeric()));
        let id = Self(text);
        (named && id.publisher().is_some()).then_some(id).ok_or(InvalidStreamId)
    }
}
