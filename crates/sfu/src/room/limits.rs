//! What one client, or all of them, may use up. Beyond a limit something is dropped, and nothing ends.

use std::time::Duration;

/// Peers in a room.
pub(crate) const MAX_PEERS: usize = 64;
/// Those of them whose connection has never come up: more than join in the second that it takes.
pub(crate) const MAX_UNPROVEN: usize = 32;
/// Places that have ended, and ids whose first offer was bad, that are remembered.
pub(crate) const MAX_REMEMBERED: usize = 256;
/// Media sections of a producer's description, those of closed tracks included.
pub(crate) const MAX_SECTIONS: usize = 32;
/// Tracks that a producer sends at a time; more are not forwarded.
pub(crate) const MAX_TRACKS: usize = 8;
/// Streams of a session that one peer publishes at a time.
pub(crate) const MAX_STREAMS: usize = 8;
/// Members of a session whose streams and subscriptions are known: those who are at the SFU, and as many who are
/// about to come, or were there.
pub(crate) const MAX_MEMBERS: usize = 2 * MAX_PEERS;
/// Streams that one member has subscribed to before the gateway has said that they are there.
pub(crate) const MAX_UNKNOWN_STREAMS: usize = 16;
/// Encodings of one video.
pub(crate) const MAX_LAYERS: usize = 4;
/// The longest description that the gateway relays (`model::handshake::MAX_SDP_BYTES`).
pub(crate) const MAX_SDP_BYTES: usize = 24_576;
/// A consumer connection is replaced when its description has grown beyond this with tracks that came and
/// went.
pub(crate) const MAX_OFFER_BYTES: usize = 16_384;
/// The largest RTP payload that is forwarded: with the largest header and the tag of SRTP it still fits an
/// Ethernet frame, and str0m's buffer.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1_400;
/// The longest message on a data channel.
pub(crate) const MAX_CHANNEL_MESSAGE: usize = 16 * 1024;
/// Messages that wait for one peer's data channel; the oldest is dropped.
pub(crate) const MAX_CHANNEL_QUEUE: usize = 256;
/// Source addresses that lead to one connection.
pub(crate) const MAX_ROUTES: usize = 16;
/// Messages that wait for the gateway, or for its `ack`; the oldest is dropped.
pub(crate) const MAX_SIGNALS: usize = 1_024;
/// Fingerprints of a peer's earlier producer connections that are remembered.
pub(crate) const MAX_FINGERPRINTS: usize = 8;

/// Chat messages and features of one peer: so many at once …
pub(crate) const CHANNEL_BURST: u32 = 30;
/// … and one more in each of these.
pub(crate) const CHANNEL_PACE: Duration = Duration::from_millis(100);
/// Descriptions of one peer: so many at once …
pub(crate) const SIGNAL_BURST: u32 = 40;
/// … and one more in each of these.
pub(crate) const SIGNAL_PACE: Duration = Duration::from_millis(250);
