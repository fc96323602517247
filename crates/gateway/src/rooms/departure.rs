//! A stay ends: its place is freed, and its room is told. Whoever notices it comes here: `$disconnect`, `leave`, any function
//! whose post is answered 410, a moderator, and whoever wants a place and probes the socket that has it.

use futures::StreamExt as _;
use futures::stream;
use model::departure::Departure;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::member::{Holder, Member};
use model::notice::{GoAway, Notice};
use model::outcome::{Delivery, Departed, Ended, Expelled, Left};
use model::stamp::Stamp;
use rand::seq::SliceRandom as _;

use super::broadcast::{Announcement, CONCURRENT_RELEASES, announce};
use crate::app::App;
use crate::failure::Failure;
use crate::sockets::Found;

/// How many places whose leases have ended are freed by one newcomer, and how many members of a full session are probed.
const SWEPT: usize = 20;

/// What a probe of a place's holder has found.
#[must_use]
#[derive(Debug)]
pub enum Probe {
    /// The holder is there.
    Held,
    /// API Gateway did not say whether the holder is there: it is asked too much.
    Unknown,
    /// The holder was gone, and its stay was ended by this: the room has yet to be told.
    Ended(Ended),
    /// The holder was gone, and somebody else has freed the place, or has it.
    Changed,
}

/// The socket of `stamp` is closed, or was found closed.
///
/// # Errors
/// When DynamoDB fails: before the place is freed, or when it is freed and the room cannot be read to be told. A notice that
/// cannot be delivered is logged and is no error.
pub async fn disconnected(app: &App, stamp: &Stamp, reason: Departure) -> Result<(), Failure> {
    match app.store.disconnect(stamp, app.clock.now()).await? {
        Departed::Nothing => Ok(()),
        Departed::Gone(identity) => {
            announce_ended(app, &Ended { stamp: stamp.clone(), identity, reason }).await
        }
    }
}

/// The client or SFU of `stamp` leaves on purpose and keeps its socket. Once its place is free it has left, whether or not
/// the room could be told.
///
/// # Errors
/// `connection_not_found` when it has not identified.
pub async fn left(app: &App, stamp: &Stamp) -> Result<(), Error> {
    announce_left(app, stamp, app.store.leave(stamp, app.clock.now()).await?).await
}

/// As [`left`], for an SFU that leaves only if its room is unclaimed and `keep` other warm rooms remain.
///
/// # Errors
/// `room_claimed` or `room_needed` when it has to stay, `bad_message` to a client, `connection_not_found` when it has not
/// identified.
pub async fn left_if_spare(app: &App, stamp: &Stamp, keep: usize) -> Result<(), Error> {
    announce_left(app, stamp, app.store.leave_if_spare(stamp, keep, app.clock.now()).await?).await
}

async fn announce_left(app: &App, stamp: &Stamp, left: Left) -> Result<(), Error> {
    match left {
        Left::NotIdentified => Err(Error::ConnectionNotFound),
        Left::NotAnSfu => Err(Error::BadMessage { field: "ifSpare", allowed: "is for SFUs" }),
        Left::RoomNeeded => Err(Error::RoomNeeded),
        Left::RoomClaimed => Err(Error::RoomClaimed),
        Left::Gone(identity) => {
            let ended = Ended { stamp: stamp.clone(), identity, reason: Departure::Left };
            if let Err(failure) = announce_ended(app, &ended).await {
                tracing::error!(room.id = %ended.identity.room(), %failure, "Room not told");
            }
            Ok(())
        }
    }
}

/// Ends somebody's stay in a session: its place is freed, it hears why, its socket is closed and the others are told.
///
/// # Errors
/// When DynamoDB fails: before the place is freed, or when it is free and the room cannot be read to be told. Its media may
/// then go on until the SFU hears of it in another way.
pub async fn forced(app: &App, session: &RoomId, peer: &PeerId) -> Result<Delivery, Failure> {
    let ended = match app.store.expel(session, peer, app.clock.now()).await? {
        Expelled::NotThere => return Ok(Delivery::Gone(None)),
        Expelled::Gone(stamp, identity) => Ended { stamp, identity, reason: Departure::Forced },
    };
    let ((), announced) =
        futures::join!(send_away(app, &ended.stamp, GoAway::ForceDisconnected), announce_ended(app, &ended));
    announced?;
    Ok(Delivery::Delivered)
}

/// Tells a socket that has lost its place not to come back, and closes it. That this fails changes nothing for anybody else.
pub async fn send_away(app: &App, stamp: &Stamp, reason: GoAway) {
    let go_away = Notice::GoAway { reason }.to_json();
    if let Err(failure) = app.sockets.post(&stamp.connection_id, &go_away).await {
        tracing::warn!(connection.id = %stamp.connection_id, %failure, "Connection not told to go");
    }
    if let Err(failure) = app.sockets.close(&stamp.connection_id).await {
        tracing::warn!(connection.id = %stamp.connection_id, %failure, "Connection not closed");
    }
}

/// Asks for the socket of somebody whose place somebody else wants. If it is gone, its stay ends as `$disconnect` would have
/// ended it, but for the room, which the caller tells.
///
/// Race: the holder may come back on another socket, leave, or be ended by `$disconnect` or by another newcomer. The place is
/// freed only as it was seen, and only whoever frees it tells the room: [`Probe::Changed`] to all others.
///
/// # Errors
/// When the question fails, so that nothing is known of the holder, or the departure does.
pub async fn probe(app: &App, holder: &Holder) -> Result<Probe, Failure> {
    let Holder { stamp, identity } = holder;
    match app.sockets.find(&stamp.connection_id).await? {
        Found::Open => Ok(Probe::Held),
        Found::Busy => Ok(Probe::Unknown),
        Found::Gone => match app.store.depart(stamp, identity.clone(), app.clock.now()).await? {
            Departed::Nothing => Ok(Probe::Changed),
            Departed::Gone(identity) => {
                Ok(Probe::Ended(Ended { stamp: stamp.clone(), identity, reason: Departure::Lost }))
            }
        },
    }
}

/// Tells a room of an end.
///
/// # Errors
/// When DynamoDB cannot say who is there.
pub async fn announce_ended(app: &App, ended: &Ended) -> Result<(), Failure> {
    announce(app, ended.identity.room(), vec![Announcement::ended(ended, app.sfu_grace)]).await
}

/// Tells a room of ends. That they have ended stands, whether or not it could be told.
pub async fn announce_all_ended(app: &App, room: &RoomId, ended: &[Ended]) {
    if ended.is_empty() {
        return;
    }
    let announcements = ended.iter().map(|ended| Announcement::ended(ended, app.sfu_grace)).collect();
    if let Err(failure) = announce(app, room, announcements).await {
        tracing::error!(room.id = %room, %failure, "Room not told");
    }
}

/// Frees places of a session whose holders are gone: API Gateway dropped their `$disconnect`, and nobody has posted to them
/// since. Those are at most 20 whose leases have ended; if there are none, those among 20 members, taken at random, whose
/// sockets are not there when probed. Answers how many.
///
/// # Errors
/// When DynamoDB fails.
pub async fn sweep(app: &App, session: &RoomId) -> Result<usize, Failure> {
    let mut roster = app.store.roster(session, app.clock.now()).await?;
    if roster.expired.is_empty() {
        roster.members.shuffle(&mut rand::rng());
        let probed = roster.members.into_iter().take(SWEPT).map(|(peer, member)| async move {
            match app.sockets.find(&member.stamp.connection_id).await {
                Ok(Found::Gone) => Some((peer, member)),
                Ok(Found::Open | Found::Busy) => None,
                Err(failure) => {
                    tracing::warn!(connection.id = %member.stamp.connection_id, %failure, "Member not probed");
                    None
                }
            }
        });
        let gone = stream::iter(probed).buffer_unordered(SWEPT).filter_map(async |gone| gone);
        roster.expired = gone.collect().await;
    }
    Ok(release(app, session, roster.expired).await)
}

/// Frees at most 20 places of members that are gone, and tells the session; answers how many.
pub(super) async fn release(app: &App, session: &RoomId, gone: Vec<(PeerId, Member)>) -> usize {
    let released = gone.into_iter().take(SWEPT).map(|(peer, member)| async move {
        let identity = member.identity(&peer, session);
        match app.store.depart(&member.stamp, identity, app.clock.now()).await {
            Ok(Departed::Gone(identity)) => {
                Some(Ended { stamp: member.stamp, identity, reason: Departure::Lost })
            }
            Ok(Departed::Nothing) => None,
            Err(failure) => {
                tracing::error!(connection.id = %member.stamp.connection_id, %failure, "Place not freed");
                None
            }
        }
    });
    let released = stream::iter(released).buffer_unordered(CONCURRENT_RELEASES);
    let ended: Vec<_> = released.filter_map(async |ended| ended).collect().await;
    // The recipients are looked up again: who has come since may have found them in its list.
    announce_all_ended(app, session, &ended).await;
    ended.len()
}
