//! `handshake`: one SDP or some ICE candidates, on their way between a client and the room's SFU.

use std::borrow::Cow;

use serde::Serialize;

use crate::id::{PeerId, RoomId};
use crate::stamp::Stamp;

/// The longest `sdp` text, in UTF-8 bytes: escaped and in its envelope it still fits one frame of 32 KB.
pub const MAX_SDP_BYTES: usize = 24_576;
/// The longest candidate, in bytes of its JSON text.
pub const MAX_CANDIDATE_BYTES: usize = 4_096;
/// The most candidates in a batch.
pub const MAX_CANDIDATES: usize = 64;
/// The feature that an SFU must have announced before batches are sent in its room.
pub const CANDIDATES_FEATURE: &str = "candidates";
/// The field by which the gateway tells an SFU on whose socket a handshake came. A client's message does not have it.
pub const STAMP: &str = "stamp";

/// What the gateway reads of a handshake. All else, `remotePeerId` included, passes through unread.
#[derive(PartialEq, Eq)]
pub struct Handshake<'a> {
    /// Who says it sends this; checked against the connection.
    pub sender: PeerId,
    /// Where it goes.
    pub direction: Direction,
    /// Which connection it is about.
    pub kind: Kind,
    /// Whether its description offers to send audio or video.
    pub sends_media: bool,
    /// Whether it holds `candidates`, a batch.
    pub batch: bool,
    /// The `data` as it was sent.
    pub text: &'a str,
}

impl Handshake<'_> {
    /// What the receiver gets, if it came from the connection `by`. A client gets the `data` as it was sent. An SFU is told
    /// the sender's socket besides, which it has from nobody else: the object's first member, all else byte for byte.
    #[must_use]
    pub fn relayed(&self, by: &Stamp) -> Cow<'_, str> {
        #[derive(Serialize)]
        struct Stamped<'a> {
            stamp: &'a Stamp,
        }
        match (&self.direction, self.text.strip_prefix('{')) {
            (Direction::ToSfu(_), Some(members)) => {
                // A number and a string under string keys: nothing here can fail to serialise.
                let mut text = serde_json::to_string(&Stamped { stamp: by }).unwrap_or_default();
                text.pop();
                // An object that reads as a handshake has members.
                Cow::Owned(text + "," + members)
            }
            (Direction::ToSfu(_) | Direction::ToPeer(..), _) => Cow::Borrowed(self.text),
        }
    }
}

impl std::fmt::Debug for Handshake<'_> {
    /// Without its text: that is SDP and addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake")
            .field("sender", &self.sender)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

/// Which of a client's connections to its SFU a handshake is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one by which the client sends.
    Producer,
    /// One by which it receives.
    Consumer,
}

/// Where a handshake goes. The message tells; the connection's kind must agree.
#[derive(Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client: to the SFU of this room.
    ToSfu(RoomId),
    /// From an SFU: to this peer of this room.
    ToPeer(RoomId, PeerId),
}

impl Direction {
    /// The room that the message passes through.
    #[must_use]
    pub fn room(&self) -> &RoomId {
        match self {
            Self::ToSfu(room) | Self::ToPeer(room, _) => room,
        }
    }
}
