//! Signaling as it is read and written: `docs/PROTOCOL.md` (the gateway's messages) and `docs/MEDIA.md` (the
//! clients').

use std::collections::{BTreeMap, BTreeSet};

use model::id::{PeerId, RoomId};
use model::stamp::Stamp;
use model::time::EpochMillis;
use serde::{Deserialize, Serialize};

use super::ids::StreamId;
use super::limits::MAX_STREAMS;
use super::room_identity::RoomIdentity;
use super::sdp::Refused;

/// Anything that the gateway sends: its own messages, and handshakes as clients sent them.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Incoming {
    /// About a client's own connection.
    Producer(Handshake),
    /// About the connection on which a client receives another peer.
    Consumer(Handshake),
    /// A client's signaling is gone.
    ClientDisconnect {
        client_id: PeerId,
        /// The socket that had the place; earlier gateways do not say when it opened.
        #[serde(flatten)]
        ended: Option<Stamp>,
        /// In a session: when the stay that has ended began; earlier gateways do not say it, nor the next.
        #[serde(default)]
        creation_time: Option<EpochMillis>,
        #[serde(default)]
        reason: Reason,
        /// The client has begun another stay on that very socket.
        #[serde(default)]
        rejoined: bool,
    },
    /// All that a member publishes, after a change.
    Streams {
        client_id: PeerId,
        #[serde(flatten)]
        stamp: Stamp,
        /// When its stay began; earlier gateways do not say it.
        #[serde(default)]
        creation_time: Option<EpochMillis>,
        version: u64,
        streams: Vec<Published>,
    },
    /// What a member receives of a stream from now on.
    Subscription {
        client_id: PeerId,
        #[serde(flatten)]
        stamp: Stamp,
        stream_id: StreamId,
        has_audio: bool,
        has_video: bool,
    },
    /// Who is there of those who were asked for.
    Roster { request_id: String, peers: Vec<Listed> },
    /// A request succeeded.
    Ack { request_id: String },
    /// A request failed.
    Error {
        #[serde(default)]
        request_id: Option<String>,
        status: u16,
        #[serde(default)]
        code: String,
    },
    /// Types of later versions.
    #[serde(other)]
    Unknown,
}

/// Whether API Gateway says itself, in a frame without a type, that it has refused a message or that the function died
/// over one. Which one it does not say: the `requestId` there is none of ours.
pub(crate) fn is_refusal(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Frame {
        #[serde(rename = "message")]
        _message: String,
        #[serde(rename = "connectionId")]
        _connection_id: String,
    }
    serde_json::from_str::<Frame>(text).is_ok()
}

/// Whether a client meant to leave. The original gateway gave no reason, and its clients never come back.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    Lost,
    #[default]
    #[serde(other)]
    Left,
}

/// A member of the room.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: PeerId,
    /// The socket that has its place.
    pub(crate) stamp: Stamp,
    /// When its stay began, in a session; earlier gateways do not say it.
    #[serde(default, rename = "creationTime")]
    pub(crate) creation_time: Option<EpochMillis>,
    /// That socket is gone, and the place is kept.
    #[serde(default)]
    pub(crate) away: bool,
    /// How often what it publishes has changed; absent from who publishes nothing.
    #[serde(default)]
    pub(crate) version: Option<u64>,
    /// All that it publishes.
    #[serde(default)]
    pub(crate) streams: Vec<Published>,
}

/// A stream of a member's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    pub(crate) stream_id: StreamId,
    pub(crate) has_audio: bool,
    pub(crate) has_video: bool,
}

/// A client's handshake. Its candidates are not read: the SFU is ICE-lite, and learns where a client is from
/// the client's own checks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handshake {
    pub(crate) sender: PeerId,
    pub(crate) room_id: RoomId,
    #[serde(default)]
    pub(crate) remote_peer_id: Option<PeerId>,
    /// The socket that it came over: the gateway's word, which no client can say. Earlier gateways do not say it.
    #[serde(default)]
    pub(crate) stamp: Option<Stamp>,
    #[serde(default)]
    pub(crate) negotiation: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) description: Option<Description>,
    /// The streams that the sections belong to, by `mid`.
    #[serde(default)]
    streams: Option<serde_json::Value>,
    /// `explicit`: the sender receives what it has subscribed to, and nothing else.
    #[serde(default)]
    subscriptions: Option<serde_json::Value>,
}

/// What a client's offer says of the session's streams, beside its description.
pub(crate) struct Terms {
    /// The streams that its sections belong to, by `mid`.
    pub(crate) streams: BTreeMap<String, StreamId>,
    /// The client receives only what it has subscribed to.
    pub(crate) explicit: bool,
}

/// What the SFU offers: a description, and the streams that its sections belong to, by `mid`.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) sdp: String,
    pub(crate) streams: BTreeMap<String, StreamId>,
}

impl Handshake {
    /// The number of the offer; anything but a whole number counts as absent.
    pub(crate) fn number(&self) -> Option<u64> {
        self.negotiation.as_ref().and_then(serde_json::Value::as_u64)
    }

    /// What is said of streams. Nobody can say anything of a stream of another's.
    pub(crate) fn terms(&self) -> Result<Terms, Refused> {
        let streams = self.streams.as_ref().map(BTreeMap::<String, StreamId>::deserialize);
        let streams = streams.transpose().map_err(|_| Refused::NotOwnStream)?.unwrap_or_default();
        if !streams.values().all(|stream| stream.is_of(&self.sender)) {
            return Err(Refused::NotOwnStream);
        }
        if streams.values().collect::<BTreeSet<_>>().len() > MAX_STREAMS {
            return Err(Refused::TooManyStreams);
        }
        let explicit = self.subscriptions.as_ref().is_some_and(|word| word == "explicit");
        Ok(Terms { streams, explicit })
    }
}

/// An `RTCSessionDescriptionInit`.
#[derive(Deserialize, Serialize)]
pub(crate) struct Description {
    #[serde(rename = "type")]
    pub(crate) kind: DescriptionKind,
    #[serde(default)]
    pub(crate) sdp: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DescriptionKind {
    Offer,
    Answer,
    Rollback,
    #[serde(other)]
    Other,
}

/// A handshake to a client.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing<'a> {
    r#type: &'static str,
    sender: &'a RoomId,
    receiver: &'a PeerId,
    room_id: &'a RoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_peer_id: Option<&'a PeerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negotiation: Option<u64>,
    description: Description,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    streams: BTreeMap<String, StreamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refusal>,
}

/// Why an offer was not taken.
#[derive(Serialize)]
struct Refusal {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, T> {
    action: &'static str,
    request_id: &'a str,
    data: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AskRoster<'a> {
    room_id: &'a RoomId,
    peers: &'a [PeerId],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unpublish<'a> {
    room_id: &'a RoomId,
    stream_id: &'a StreamId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Leave {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    if_spare: bool,
}

/// The answer to a client's offer.
pub(crate) fn answer(
    id: &str,
    identity: &RoomIdentity,
    peer: &PeerId,
    number: Option<u64>,
    sdp: String,
) -> String {
    let description = Description { kind: DescriptionKind::Answer, sdp };
    request(id, "handshake", to_producer(identity, peer, number, description))
}

/// The refusal of a client's offer, which the client is to roll back.
pub(crate) fn refusal(
    id: &str,
    identity: &RoomIdentity,
    peer: &PeerId,
    number: Option<u64>,
    why: Refused,
) -> String {
    let description = Description { kind: DescriptionKind::Rollback, sdp: String::new() };
    let refused = Some(Refusal { code: why.code(), message: why.to_string() });
    request(id, "handshake", Outgoing { refused, ..to_producer(identity, peer, number, description) })
}

fn to_producer<'a>(
    identity: &'a RoomIdentity,
    peer: &'a PeerId,
    number: Option<u64>,
    description: Description,
) -> Outgoing<'a> {
    Outgoing {
        r#type: "producer",
        sender: identity.sender(),
        receiver: peer,
        room_id: identity.room(),
        remote_peer_id: None,
        negotiation: number,
        description,
        streams: BTreeMap::new(),
        refused: None,
    }
}

/// An offer of another peer's media.
pub(crate) fn offer(
    id: &str,
    identity: &RoomIdentity,
    (peer, remote): (&PeerId, &PeerId),
    number: u64,
    Offer { sdp, streams }: Offer,
) -> String {
    let description = Description { kind: DescriptionKind::Offer, sdp };
    request(
        id,
        "handshake",
        Outgoing {
            r#type: "consumer",
            sender: identity.sender(),
            receiver: peer,
            room_id: identity.room(),
            remote_peer_id: Some(remote),
            negotiation: Some(number),
            description,
            streams,
            refused: None,
        },
    )
}

/// Leaves the room; with `if_spare`, only if the pool does not need it.
pub(crate) fn leave(id: &str, if_spare: bool) -> String {
    request(id, "leave", Leave { if_spare })
}

/// Asks who of these is there.
pub(crate) fn roster(id: &str, identity: &RoomIdentity, peers: &[PeerId]) -> String {
    request(id, "roster", AskRoster { room_id: identity.room(), peers })
}

/// No media comes of a stream.
pub(crate) fn unpublish(id: &str, identity: &RoomIdentity, stream_id: &StreamId) -> String {
    request(id, "unpublish", Unpublish { room_id: identity.room(), stream_id })
}

fn request<T: Serialize>(request_id: &str, action: &'static str, data: T) -> String {
    // Strings and numbers under string keys: nothing here can fail to serialise.
    serde_json::to_string(&Envelope { action, request_id, data }).unwrap_or_default()
}
