//! Keys of peers and connections. None is ever given out twice, so one that outlives what it named finds
//! nothing.

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
