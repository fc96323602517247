//! What a room is made with.

use std::net::SocketAddr;
use std::time::Duration;

use model::id::RoomId;

/// The room's own facts and times.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The SFU's own room, whose id is the SFU's peer id too. People may be in it as in a session, which has
    /// another.
    pub room: RoomId,
    /// What the candidates say: UDP and TCP on the same port. Packets are handed in as having arrived at the
    /// first.
    pub addresses: Vec<SocketAddr>,
    /// How long a room that has been used may stand empty.
    pub room_idle: Duration,
    /// How long a room that nobody ever came to is kept before the pool is asked whether it needs it.
    pub pool_idle: Duration,
    /// How long a peer whose signaling broke is kept.
    pub peer_grace: Duration,
    /// How long the first media of a stream may take, from when it was published.
    pub first_media: Duration,
    /// How long nothing may come of a stream after that, while its publisher's connection is up.
    pub media_gap: Duration,
    /// How long the first identify may take.
    pub identify_limit: Duration,
    /// How long the room may be without its gateway.
    pub gateway_limit: Duration,
}

impl Settings {
    /// The default times.
    #[must_use]
    pub fn new(room: RoomId, addresses: Vec<SocketAddr>) -> Self {
        Self {
            room,
            addresses,
            room_idle: Duration::from_mins(5),
            pool_idle: Duration::from_mins(30),
            peer_grace: Duration::from_secs(15),
            first_media: Duration::from_secs(30),
            media_gap: Duration::from_mins(1),
            identify_limit: Duration::from_mins(1),
            gateway_limit: Duration::from_mins(10),
        }
    }
}
