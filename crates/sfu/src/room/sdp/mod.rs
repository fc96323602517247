//! Session descriptions: RFC 8866's text, read as RFC 8829 says that an offer and an answer are to be read.
//!
//! str0m's reader is strict about what WebRTC allows and its clients do not all write. So nothing that a client wrote
//! reaches it: [`Description`] is what the client said, [`Places`] writes that anew in str0m's terms, and puts the
//! client's own words into str0m's answer.
//!
//! | file | what it knows |
//! |---|---|
//! | `lines` | the text: lines, sections, attributes |
//! | `description` | what a client's description says |
//! | `codecs` | the payload types of a section |
//! | `places` | the same in str0m's terms, and back |
//! | `own` | the tracks in the SFU's own offers |

mod codecs;
mod description;
mod lines;
mod own;
mod places;

pub(crate) use self::codecs::{Agreed, H264};
pub(crate) use self::description::{Description, Section, Transport};
pub(crate) use self::own::with_tracks;
pub(crate) use self::places::Places;

/// Why a description is of no use to the SFU. The client is told, in these words (`docs/MEDIA.md`).
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
    #[error("the room is full")]
    RoomFull,
}

impl Refused {
    /// The word for programs.
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
            Self::RoomFull => "room_full",
        }
    }
}
