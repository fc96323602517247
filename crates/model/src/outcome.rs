//! What a write that can race comes to. Every loser has a name here, and whoever asked matches them all.

use serde::{Deserialize, Serialize};

use crate::connection::{Identity, Socket};
use crate::departure::Departure;
use crate::id::{PeerId, RoomId};
use crate::member::{Holder, Member, Reach};
use crate::room::Slot;
use crate::session::event::StreamEvent;
use crate::session::stream::{StreamId, Unchanged};
use crate::sfu::Sfu;
use crate::stamp::Stamp;
use crate::time::EpochMillis;

/// A client's identify, in a room or a session.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// The peer is a member.
    Member {
        /// Its place.
        member: Member,
        /// Who had it before.
        previous: PreviousHolder,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection is another peer or in another room.
    AlreadyIdentified,
    /// The room is unknown, or not claimed yet; the session is unknown, or another project's.
    RoomNotFound,
    /// The room is closed.
    RoomClosed,
    /// The token, or the ticket, admits to another path than the room's.
    OtherPath,
    /// The session has as many members as it may have.
    LimitExceeded,
    /// Its person has joined too often.
    TooOften,
    /// Its person is on as many sockets as it may be: these, unless some are gone and nobody has noticed.
    SocketsExceeded(Vec<Holder>),
    /// The session is encrypted end to end, and the client is not ready for that.
    SecretMissing,
    /// Somebody else is this peer, unless its socket is gone and nobody has noticed.
    PeerInUse(Holder),
    /// A newer connection of this peer is there, unless it is gone in the same way.
    Superseded(Holder),
    /// This peer's socket is lost, and its place is held for somebody else.
    Held,
}

/// Who had the place that a peer has joined.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum PreviousHolder {
    /// Nobody.
    Nobody,
    /// This very connection: it asks again.
    Itself,
    /// An older connection of the same stay, which has lost its place and has to be told. Nobody else notices.
    Older(Socket),
    /// The same stay, which was away. Nobody notices.
    Away,
    /// An earlier stay of the same member, whose socket was lost. The others have been told of its end.
    Lost,
    /// Another stay, whose lease had ended and of whose end nobody was told.
    Expired(Box<Ended>),
    /// The stay of another client of the same user's, which was away. It has ended by this, of which nobody was told.
    Succeeded(Box<Ended>),
}

/// Whether a connection may send something now.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum RateLimited {
    /// It may.
    Allowed {
        /// The session that it is in.
        session: RoomId,
        /// Who it is.
        peer: PeerId,
        /// How many signals to all it has sent, this one included if it is to all.
        seq: u64,
    },
    /// The connection is gone, or was never there.
    ConnectionGone,
    /// The connection has not identified yet.
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
    Gone(Box<Ended>, Reach),
    /// It was gone already, and its place is held for it no more. Nobody has to be told.
    Forgotten,
    /// Nobody of this id is there.
    NotThere,
}

/// An SFU's identify.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Served {
    /// The room has its SFU.
    Serving {
        /// An older connection of the SFU that lost its place, and has to be told.
        replaced: Option<Stamp>,
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
    /// A newer connection of this SFU is there, unless it is gone and nobody has noticed.
    Superseded(Holder),
}

/// A connection's end, as far as it touched a room.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Departed {
    /// It was still the peer's (or the SFU's) own: the room has to be told.
    Gone(Ended),
    /// It had not identified, or a newer connection had taken its place, or somebody else was quicker: nobody is told.
    Nothing,
}

/// A `leave`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// The connection has a place no more; the room has to be told.
    Gone(Ended),
    /// The connection had not identified, or is gone.
    NotIdentified,
    /// A condition that only an SFU can have, from a client: nothing has changed.
    NotAnSfu,
    /// The SFU is no spare one, because too few warm rooms would be left: nothing has changed.
    RoomNeeded,
    /// The SFU is no spare one, because its room is claimed: nothing has changed.
    RoomClaimed,
}

/// The claim of an SFU by a page or a session, and what it has seen of the pool.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it came to.
    pub claimed: Claimed,
    /// Warm rooms (unclaimed or pending) that are left, if this claim took one or found none to take.
    pub warm_left: Option<usize>,
}

/// What a claim came to.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The room is the claimant's, by this claim.
    Taken(RoomId, Option<Sfu>),
    /// The room is the claimant's, by an earlier claim.
    Serving(RoomId, Option<Sfu>),
    /// The claimant has no room, and none is free.
    NoRoom,
    /// The session is a relayed one, which has no SFU.
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

/// What became of something that was sent to one connection.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery {
    /// API Gateway took it.
    Delivered,
    /// The receiver is gone. If its place was freed by this, its end is here, and its room has to be told.
    Gone(Option<Ended>),
    /// The receiver's socket takes no more for now.
    Busy,
    /// It is over the 128 KB that a message may have.
    TooLarge,
}

/// A signal that is to be kept for a member that is away.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is in the mailbox.
    Kept,
    /// The mailbox is full: the member will be told that something is missing.
    Full,
    /// The member is back on another socket.
    Closed,
}

/// A stay, or an SFU's signaling, that has ended.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The connection that it ended with.
    pub stamp: Stamp,
    /// Who it was, and where.
    pub identity: Identity,
    /// Why.
    pub reason: Departure,
    /// When, by the clock of the function that has ended it.
    pub at: EpochMillis,
    /// The streams that have ended with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamId>,
}

/// A change of a member's streams.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum StreamsChanged {
    /// They have changed: the member as it is now, and what has become of the stream.
    Changed(Box<Member>, StreamEvent),
    /// They are as they were: the member, and why.
    Unchanged(Box<Member>, Unchanged),
    /// The member is not there, or on another socket by now.
    NotThere,
}
