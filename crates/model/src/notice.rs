//! Everything that the gateway itself says on a socket. Each has a `type`; a receiver ignores those that it
//! does not know.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::departure::Departure;
use crate::error::Error;
use crate::id::{ConnectionId, PeerId, RequestId, RoomId};
use crate::roster::Listed;
use crate::session::member::{SessionConnection, Stay};
use crate::session::notice::{Destroyed, IdentifiedInSession, ReceivedSignal};
use crate::session::otc::Otc;
use crate::session::stream::MutedStream;
use crate::session::stream::{
    ForwardedStream, ListedStream, NamedStream, PropertyChange, StreamId, StreamInfo,
};
use crate::stamp::Stamp;
use crate::time::EpochMillis;

/// A message of the gateway's own.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Notice {
    /// The connection is what it said it is.
    Identified(Box<Identified>),
    /// A request with a `requestId` succeeded.
    Ack {
        /// Which one.
        request_id: RequestId,
    },
    /// A request failed.
    Error {
        /// Which one, if it had a name.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        /// HTTP's meaning.
        status: u16,
        /// For programs.
        code: &'static str,
        /// For people.
        message: String,
        /// In a session: what OpenTok calls the error.
        #[serde(skip_serializing_if = "Option::is_none")]
        otc: Option<Otc>,
    },
    /// The answer to `{"action":"ping"}`.
    Pong {
        /// Which one, if it had a name.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// A client is gone: to the SFU and every other member.
    ClientDisconnect {
        /// Who.
        client_id: PeerId,
        /// The connection that ended, so that a newer one of the same peer is not announced as gone.
        #[serde(flatten)]
        stamp: Stamp,
        /// In a session: when the stay that has ended began.
        #[serde(skip_serializing_if = "Option::is_none")]
        creation_time: Option<EpochMillis>,
        /// Whether it meant to go.
        reason: Departure,
        /// To an SFU: the client has begun another stay on that very socket.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        rejoined: bool,
    },
    /// The SFU's signaling is gone.
    SfuDisconnect {
        /// The room.
        room_id: RoomId,
        /// How long to wait for `sfuConnect` before claiming a room anew, in milliseconds; 0 when the SFU left
        /// for good.
        claim_after_ms: u64,
    },
    /// The SFU's signaling is back.
    SfuConnect {
        /// The room.
        room_id: RoomId,
    },
    /// To a newcomer of a session, before `identified`: connections and streams that do not fit into that.
    Connections {
        /// Who is there.
        connections: Vec<SessionConnection>,
        /// Which streams there are.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        streams: Vec<ListedStream>,
    },
    /// Somebody has come into the session.
    ConnectionCreated {
        /// Who.
        connection: SessionConnection,
        /// It was let in as who had the place before, and lost it: only the bearer of the same proof is.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        resumed: bool,
    },
    /// Somebody is gone from the session.
    ConnectionDestroyed {
        /// Which stay of whom.
        connection: Stay,
        /// Which streams have ended with it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        streams: Vec<StreamId>,
        /// Why.
        reason: Destroyed,
    },
    /// The answer to a publish.
    Published {
        /// The stream.
        stream: StreamInfo,
        /// The version of its publisher's streams.
        version: u64,
        /// The request, if it had a name.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Somebody else in the session publishes a stream.
    StreamCreated {
        /// The stream.
        stream: StreamInfo,
        /// The version of its publisher's streams.
        version: u64,
    },
    /// Streams have ended.
    StreamDestroyed {
        /// Which ones.
        stream_ids: Vec<StreamId>,
        /// Why.
        reason: Destroyed,
        /// The version of their publisher's streams; absent when its stay has ended, too.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// A stream is not what it was.
    StreamPropertyChanged {
        /// Which one.
        stream: NamedStream,
        /// What is new.
        changes: Vec<PropertyChange>,
        /// The version of its publisher's streams.
        version: u64,
    },
    /// A moderator, or the project's server, has muted streams, or lets streams begin with sound again.
    MuteForced {
        /// Whether streams begin without sound from now on; absent when one stream was muted, of which its publisher hears.
        #[serde(skip_serializing_if = "Option::is_none")]
        active: Option<bool>,
        /// The version of the session's mute, with `active`.
        #[serde(skip_serializing_if = "Option::is_none")]
        mute_version: Option<u64>,
        /// The streams that have lost their sound by that.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        streams: Vec<MutedStream>,
    },
    /// To an SFU: all streams of one client.
    Streams {
        /// Whose.
        client_id: PeerId,
        /// The socket that has its place.
        #[serde(flatten)]
        stamp: Stamp,
        /// When its stay began.
        creation_time: EpochMillis,
        /// The version: an older one of the same stay is out of date.
        version: u64,
        /// All that there are.
        streams: Vec<ForwardedStream>,
    },
    /// To an SFU: what a client wants of somebody's stream.
    Subscription {
        /// Who wants it.
        client_id: PeerId,
        /// The socket that it has asked on.
        #[serde(flatten)]
        stamp: Stamp,
        /// Which stream.
        stream_id: StreamId,
        /// Its sound.
        has_audio: bool,
        /// Its pictures.
        has_video: bool,
    },
    /// Somebody in the session, or the project's server, says something.
    Signal {
        /// What.
        signal: ReceivedSignal,
    },
    /// To a member of a session that was away, before `identified`: the signals that came meanwhile.
    Kept {
        /// In the order in which they came.
        signals: Vec<ReceivedSignal>,
        /// How many more there were that could not be kept.
        #[serde(skip_serializing_if = "is_zero")]
        missed: u64,
    },
    /// A `reportIssue` is stored.
    IssueReported {
        /// Under this name, a UUID.
        issue_id: String,
        /// The request, if it had a name.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// To an SFU: those whom it has asked for and who are members of its room.
    Roster {
        /// Who.
        peers: Vec<Listed>,
        /// The request, if it had a name.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// To a socket that is about to be closed: do not reconnect.
    GoAway {
        /// Why.
        reason: GoAway,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The answer to an identify.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identified {
    /// Who the connection now is.
    pub peer_id: PeerId,
    /// Where.
    pub room_id: RoomId,
    /// The connection's own id.
    pub connection_id: ConnectionId,
    /// When to have a new socket: API Gateway cuts every socket at two hours.
    pub reconnect_before: EpochMillis,
    /// For `RTCPeerConnection`.
    pub ice_servers: Box<RawValue>,
    /// What the room's SFU announced.
    pub features: Vec<String>,
    /// In a session: what only those have.
    #[serde(flatten)]
    pub session: Option<IdentifiedInSession>,
    /// The request, if it had a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// Why a socket is closed by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GoAway {
    /// A newer connection of the same peer took its place.
    Replaced,
    /// A moderator, or the project's server, ended the connection.
    #[serde(rename = "forceDisconnected")]
    ForceDisconnected,
}

impl Notice {
    /// What the sender of a failed request is told.
    #[must_use]
    pub fn error(error: &Error, otc: Option<Otc>) -> Self {
        Self::Error {
            request_id: None,
            status: error.status(),
            code: error.code(),
            message: error.message(),
            otc,
        }
    }

    /// The same notice as the answer to a request of this name.
    #[must_use]
    pub fn answering(mut self, name: Option<RequestId>) -> Self {
        match &mut self {
            Self::Identified(identified) => identified.request_id = name,
            Self::Error { request_id, .. }
            | Self::Pong { request_id }
            | Self::Published { request_id, .. }
            | Self::Roster { request_id, .. }
            | Self::IssueReported { request_id, .. } => {
                *request_id = name;
            }
            Self::Ack { .. }
            | Self::ClientDisconnect { .. }
            | Self::SfuDisconnect { .. }
            | Self::SfuConnect { .. }
            | Self::Connections { .. }
            | Self::Kept { .. }
            | Self::ConnectionCreated { .. }
            | Self::ConnectionDestroyed { .. }
            | Self::StreamCreated { .. }
            | Self::StreamDestroyed { .. }
            | Self::StreamPropertyChanged { .. }
            | Self::MuteForced { .. }
            | Self::Streams { .. }
            | Self::Subscription { .. }
            | Self::Signal { .. }
            | Self::GoAway { .. } => {}
        }
        self
    }

    /// The message as it goes over the wire.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and a RawValue under string keys: nothing here can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> RoomId {
        RoomId::try_from("r".to_owned()).unwrap()
    }

    fn peer() -> PeerId {
        PeerId::try_from("p".to_owned()).unwrap()
    }

    #[test]
    fn notices_look_as_documented() {
        let connection_id = ConnectionId::new("c=".into());
        let stamp = Stamp { connected_at: EpochMillis(7), connection_id: connection_id.clone() };
        let request_id = RequestId::new("1".into());
        let cases = [
            (
                Notice::Identified(Box::new(Identified {
                    peer_id: peer(),
                    room_id: room(),
                    connection_id,
                    reconnect_before: EpochMillis(5),
                    ice_servers: RawValue::from_string(r#"[{"urls":"stun:s"}]"#.into()).unwrap(),
                    features: vec![],
                    session: None,
                    request_id: None,
                })),
                r#"{"type":"identified","peerId":"p","roomId":"r","connectionId":"c=","reconnectBefore":5,"iceServers":[{"urls":"stun:s"}],"features":[]}"#,
            ),
            (Notice::Ack { request_id: request_id.clone().unwrap() }, r#"{"type":"ack","requestId":"1"}"#),
            (
                Notice::error(&Error::RoomClosed, None).answering(request_id),
                r#"{"type":"error","requestId":"1","status":410,"code":"room_closed","message":"Room is closed"}"#,
            ),
            (Notice::Pong { request_id: None }, r#"{"type":"pong"}"#),
            (
                Notice::ClientDisconnect {
                    client_id: peer(),
                    stamp: stamp.clone(),
                    creation_time: None,
                    reason: Departure::Left,
                    rejoined: false,
                },
                r#"{"type":"clientDisconnect","clientId":"p","connectedAt":7,"connectionId":"c=","reason":"left"}"#,
            ),
            (
                Notice::ClientDisconnect {
                    client_id: peer(),
                    stamp: stamp.clone(),
                    creation_time: Some(EpochMillis(8)),
                    reason: Departure::Left,
                    rejoined: true,
                },
                r#"{"type":"clientDisconnect","clientId":"p","connectedAt":7,"connectionId":"c=","creationTime":8,"reason":"left","rejoined":true}"#,
            ),
            (
                Notice::SfuDisconnect { room_id: room(), claim_after_ms: 5000 },
                r#"{"type":"sfuDisconnect","roomId":"r","claimAfterMs":5000}"#,
            ),
            (Notice::SfuConnect { room_id: room() }, r#"{"type":"sfuConnect","roomId":"r"}"#),
            (
                Notice::Roster {
                    peers: [(None, false), (Some(EpochMillis(8)), true)]
                        .map(|(creation_time, away)| {
                            let (id, stamp) = (peer(), stamp.clone());
                            Listed { id, stamp, creation_time, away, streams: None }
                        })
                        .into(),
                    request_id: RequestId::new("2".into()),
                },
                r#"{"type":"roster","peers":[{"id":"p","stamp":{"connectedAt":7,"connectionId":"c="}},{"id":"p","stamp":{"connectedAt":7,"connectionId":"c="},"creationTime":8,"away":true}],"requestId":"2"}"#,
            ),
            (Notice::GoAway { reason: GoAway::Replaced }, r#"{"type":"goAway","reason":"replaced"}"#),
        ];
        for (notice, json) in cases {
            assert_eq!(notice.to_json(), json);
        }
    }
}
