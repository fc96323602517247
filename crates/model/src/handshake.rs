//! `handshake`: one SDP or some ICE candidates, on their way between a client and the room's SFU.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::id::{PeerId, RoomId};
use crate::json::Object;
use crate::session::Rate;
use crate::session::stream::{MAX_STREAMS, StreamId};
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
/// Between two handshakes of one person to other clients, in the long run.
pub const TO_CLIENTS_INTERVAL: Duration = Duration::from_millis(200);
/// How many of them may come at once: two connections that begin, each with an offer or an answer, and 40 candidates that
/// are sent one by one.
pub const TO_CLIENTS_BURST: u32 = 100;

/// How often one person may send a handshake to another client, which has no other protection. An SFU sees to itself.
#[must_use]
pub fn to_clients() -> Rate {
    Rate::every(TO_CLIENTS_INTERVAL, TO_CLIENTS_BURST)
}

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
    /// What an SFU gets, or a client from its SFU, if it came from the connection `by`. A client gets the `data` as it was sent.
    /// An SFU is told the sender's socket besides, which it has from nobody else: the object's first member, all else byte
    /// for byte.
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

    /// What a client gets from another client: the fields of the protocol and nothing else, so that a handshake is no signal.
    ///
    /// # Errors
    /// `bad_message`, which names a field that is not what two clients say to each other.
    pub fn between_clients(&self) -> Result<String, Error> {
        let Ok(object) = Object::parse(self.text) else {
            return Err(Error::BadMessage { field: "data", allowed: "must be an object" });
        };
        if object.has(STAMP) {
            return Err(Error::BadMessage { field: STAMP, allowed: "is the gateway's" });
        }
        let receiver = match &self.direction {
            Direction::ToPeer(_, receiver) => Some(receiver),
            Direction::ToSfu(_) => None,
        };
        let streams: Option<BTreeMap<String, StreamId>> = field(&object, "streams", STREAMS)?;
        let own = |streams: &BTreeMap<String, StreamId>| {
            streams.len() <= MAX_STREAMS && streams.values().all(|id| *id.peer() == self.sender)
        };
        if !streams.as_ref().is_none_or(own) {
            return Err(Error::BadMessage { field: "streams", allowed: STREAMS });
        }
        let known = BetweenClients {
            kind: self.kind,
            sender: &self.sender,
            receiver,
            room_id: self.direction.room(),
            negotiation: field(&object, "negotiation", "must be a whole number")?,
            streams,
            description: field(&object, "description", "must have a type and an sdp")?,
            candidate: field(&object, "candidate", "must be an RTCIceCandidateInit")?,
            candidates: field(&object, "candidates", "must each be an RTCIceCandidateInit")?,
        };
        // Numbers and strings under string keys: nothing here can fail to serialise.
        Ok(serde_json::to_string(&known).unwrap_or_default())
    }
}

const STREAMS: &str = "must name streams of the sender's own, by mid";

/// A field of an object that was read before.
fn field<T: DeserializeOwned>(
    object: &Object<'_>,
    field: &'static str,
    allowed: &'static str,
) -> Result<Option<T>, Error> {
    let raw = object.get(field).map_err(|_| Error::BadMessage { field, allowed: "is given twice" })?;
    let read = raw.map(|raw| serde_json::from_str(raw.get()));
    read.transpose().map_err(|_| Error::BadMessage { field, allowed })
}

/// All that one client says to another.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BetweenClients<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    sender: &'a PeerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a PeerId>,
    room_id: &'a RoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    negotiation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<BTreeMap<String, StreamId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<IceCandidate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<Vec<IceCandidate>>,
}

/// An `RTCSessionDescriptionInit`.
#[derive(Serialize, Deserialize)]
struct Description {
    #[serde(rename = "type")]
    kind: String,
    sdp: String,
}

/// An `RTCIceCandidateInit`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IceCandidate {
    #[serde(default)]
    candidate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sdp_mid: Option<String>,
    #[serde(default, rename = "sdpMLineIndex", skip_serializing_if = "Option::is_none")]
    sdp_m_line_index: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username_fragment: Option<String>,
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

/// Which of a client's connections a handshake is about: to its SFU, or from one client to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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
    /// From an SFU, or from a client of a relayed session: to this peer of this room.
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
