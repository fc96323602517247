//! What a write that can race comes to. Every loser has a name here, and whoever asked matches them all.

use crate::id::{PeerId, RoomId};
use crate::item::{Identity, Member, Sfu, Slot};
use crate::life::Life;
use crate::secret::SecretHash;
use crate::time::EpochMillis;

/// Somebody who has a place that somebody else wants.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its socket, as the place was seen.
    pub life: Life,
    /// Who it is.
    pub identity: Identity,
}

/// A client's identify.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// The peer is a member; an older life of it may have lost its place, and has to be told.
    Member {
        /// The life that was replaced.
        replaced: Option<Life>,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection is another peer or in another room.
    AlreadyIdentified,
    /// The room is unknown, or not claimed yet.
    RoomNotFound,
    /// The room is closed.
    RoomClosed,
    /// The token admits to another path than the room's.
    OtherPath,
    /// Somebody else is this peer, unless its socket is gone and nobody has noticed.
    PeerInUse(Holder),
    /// A newer life of this peer is there, unless it is gone in the same way.
    Superseded(Holder),
}

/// A client's identify in a session.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// The peer is a member.
    Member {
        /// Its place.
        member: Member,
        /// What was there before.
        before: Before,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection is another peer or in another room.
    AlreadyIdentified,
    /// No such session, or another project's.
    SessionNotFound,
    /// The session has as many members as it may have.
    LimitExceeded,
    /// The session is encrypted end to end, and the client is not ready for that.
    SecretMissing,
    /// Somebody else is this peer, unless its socket is gone and nobody has noticed.
    PeerInUse(Holder),
    /// A newer life of this peer is there, unless it is gone in the same way.
    Superseded(Holder),
}

/// What was in the place that somebody has entered.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody: the others have to be told who has come.
    Nobody,
    /// This very connection: it asks again.
    Itself,
    /// An older life of the same stay, which has lost its place and has to be told. Nobody else notices.
    Older(Life),
    /// Another stay, whose lease had ended and of whose end nobody was told.
    Expired(Life, EpochMillis),
}

/// The count of a signal.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Counted {
    /// It may go out, with this number, from this peer in this session.
    Signal {
        /// The session.
        session: RoomId,
        /// The sender.
        peer: PeerId,
        /// How many signals to all its socket has sent.
        seq: u64,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection is nobody yet.
    NotIdentified,
    /// The connection is in a room that is no session, or an SFU's.
    NotInSession,
    /// Its role does not allow it.
    RoleForbids,
    /// It has sent too many.
    TooMany,
}

/// Somebody is to be sent away.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Expelled {
    /// It has lost its place: it and the others have to be told.
    Gone(Life, Identity),
    /// Nobody of this id is there.
    NotThere,
}

/// An SFU's identify.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Served {
    /// The room has its SFU.
    Serving {
        /// An older life of the SFU that lost its place, and has to be told.
        replaced: Option<Life>,
        /// Where clients were told that the SFU is gone, and have to be told that it is back.
        returned: Option<RoomId>,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection is a client, or another room's SFU.
    AlreadyIdentified,
    /// No token, another room's, or no such room.
    Unauthorized,
    /// The room is over: it was closed, or its slot has been given away.
    RoomClosed,
    /// A newer life of this SFU is there, unless it is gone and nobody has noticed.
    Superseded(Holder),
}

/// A connection's end, as far as it touched a room.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Departed {
    /// It was still the peer's (or the SFU's) own: the room has to be told.
    Gone(Identity),
    /// It had not identified, or a newer life had taken its place, or somebody else was quicker: nobody is told.
    Nothing,
}

/// A `leave`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// The connection is nobody again; the room has to be told.
    Gone(Identity),
    /// The connection was nobody, or is gone.
    NotIdentified,
    /// A condition that only an SFU can have, from a client: nothing has changed.
    NotAnSfu,
    /// The SFU is no spare one, because too few warm rooms would be left: nothing has changed.
    RoomNeeded,
    /// The SFU is no spare one, because its room is claimed: nothing has changed.
    RoomClaimed,
}

/// A claim.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The path has this room, by this claim or an earlier one.
    Room(RoomId),
    /// The path has no room, and none is free.
    NoRoom,
}

/// A claim, and what it has seen of the pool.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it came to.
    pub claimed: Claimed,
    /// Warm rooms (unclaimed or pending) that are left, if this claim took one or found none to take; absent when
    /// the path had its room already.
    pub warm_left: Option<usize>,
}

/// A session's look for its SFU, and what it has seen of the pool.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct SfuClaim {
    /// What it came to.
    pub routed: Routed,
    /// Warm rooms that are left, if one was taken or none was found to take.
    pub warm_left: Option<usize>,
}

impl SfuClaim {
    /// One that had no need to look at the pool.
    pub fn none(routed: Routed) -> Self {
        Self { routed, warm_left: None }
    }
}

/// The SFU of a session.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Routed {
    /// It has this one, by this claim.
    Claimed(Sfu),
    /// It has this one, by somebody else's.
    Sfu(Sfu),
    /// It has one, which is away and may come back.
    Away,
    /// It has none, and none is free.
    NoRoom,
    /// It is a relayed one.
    Relayed,
    /// There is no such session.
    NoSession,
}

/// A room's reservation by createRoom.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The room is pending, with this slot.
    Room(Slot),
    /// Every slot is taken.
    TooManyRooms,
    /// Enough rooms are pending or unclaimed.
    TooManyIdleRooms,
}

/// What a newcomer may do about the member that has its peer's place.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// The place is this very connection's: identify again changes nothing.
    Own,
    /// The place may be taken.
    Replace,
    /// The member is somebody else.
    PeerInUse,
    /// The member is the same somebody, by a newer connection.
    Superseded,
}

impl Member {
    /// The rule of DESIGN §4: a place is taken only when it has expired, or by the holder of its resume token on
    /// a newer connection. Without a token a stranger could end anybody's call; without the order a slow older
    /// socket could push out the newer one.
    pub fn admits(&self, newcomer: &Life, resume: Option<&SecretHash>, now: EpochMillis) -> Admission {
        if self.life == *newcomer {
            Admission::Own
        } else if self.expires_at.expired(now) {
            Admission::Replace
        } else if resume.is_none() || self.resume_hash.as_ref() != resume {
            Admission::PeerInUse
        } else if *newcomer > self.life {
            Admission::Replace
        } else {
            Admission::Superseded
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ConnectionId;
    use crate::time::EpochSeconds;

    fn life(connected_at: u64, id: &str) -> Life {
        Life { connected_at: EpochMillis(connected_at), connection_id: ConnectionId::new(id.to_owned()) }
    }

    fn member(resume: Option<&str>) -> Member {
        Member {
            life: life(10, "m"),
            resume_hash: resume.map(SecretHash::of),
            joined_at: EpochMillis(11),
            session: None,
            expires_at: EpochSeconds(100),
        }
    }

    #[test]
    fn a_place_is_taken_by_its_holder_on_a_newer_connection_only() {
        let now = EpochMillis(50_000);
        let admits = |member: Member, life: &Life, resume: Option<&str>| {
            member.admits(life, resume.map(SecretHash::of).as_ref(), now)
        };
        assert_eq!(admits(member(None), &life(20, "n"), None), Admission::PeerInUse);
        assert_eq!(admits(member(None), &life(20, "n"), Some("t")), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &life(20, "n"), None), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &life(20, "n"), Some("u")), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &life(20, "n"), Some("t")), Admission::Replace);
        assert_eq!(admits(member(Some("t")), &life(5, "n"), Some("t")), Admission::Superseded);
        assert_eq!(admits(member(Some("t")), &life(10, "z"), Some("t")), Admission::Replace);
        assert_eq!(admits(member(Some("t")), &life(10, "a"), Some("t")), Admission::Superseded);
        assert_eq!(admits(member(None), &life(10, "m"), None), Admission::Own);
    }

    #[test]
    fn an_expired_place_is_anybodys() {
        let admission = member(Some("t")).admits(&life(5, "n"), None, EpochMillis(100_000));
        assert_eq!(admission, Admission::Replace);
    }
}
