//! Why a description is refused.

/// The client is sent these messages (`docs/MEDIA.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the description is longer than 24,576 bytes")]
    TooLong,
    #[error("the description has more than 32 media sections")]
    TooManySections,
    #[error("the description is not SDP (RFC 8866)")]
    Unreadable,
    #[error("two media sections have the same mid")]
    MidTwice,
    #[error("no media section can be taken: see the codecs and protocols of docs/MEDIA.md")]
    NothingToTake,
    #[error("no a=ice-ufrag and a=ice-pwd for the sections that can be taken")]
    NoIce,
    #[error("ICE lite on both sides cannot connect")]
    IceLite,
    #[error("no SHA-256 fingerprint for the sections that can be taken")]
    NoFingerprint,
    #[error("the description contradicts itself, or the one before it")]
    Inconsistent,
    #[error("`streams` is not a map from a mid to the id of a stream of the sender's own")]
    NotOwnStream,
    #[error("`streams` names more than 8 streams")]
    TooManyStreams,
    #[error("the room is full")]
    RoomFull,
}

impl Refused {
    /// The `code` that goes with the message.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooManySections => "too_many_sections",
            Self::Unreadable => "unreadable",
            Self::MidTwice => "mid_twice",
            Self::NothingToTake => "nothing_to_take",
            Self::NoIce => "no_ice",
            Self::IceLite => "ice_lite",
            Self::NoFingerprint => "no_fingerprint",
            Self::Inconsistent => "inconsistent",
            Self::NotOwnStream => "not_own_stream",
            Self::TooManyStreams => "too_many_streams",
            Self::RoomFull => "room_full",
        }
    }
}
