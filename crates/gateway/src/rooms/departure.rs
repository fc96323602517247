//! A stay ends: its place is freed, and its room is told. Whoever notices it comes here: `$disconnect`, `leave`, any function
//! whose post is answered 410, a moderator, and whoever wants a place and probes the socket that has it.

use futures::StreamExt as _;
use futures::stream;
use model::connection::{Identity, Socket};
use model::departure::Departure;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::member::{Holder, Member, Reach};
use model::notice::{GoAway, Notice};
use model::outcome::{Delivery, Departed, Ended, Expelled, Left};
use model::stamp::Stamp;
use rand::seq::SliceRandom as _;

use super::broadcast::{Announcement, CONCURRENT_RELEASES, broadcast, recipients};
use super::delivery::encode;
use super::loss::{self, Lost};
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
    /// API Gateway did not say whether the holder is there: it answered 429.
    Unknown,
    /// The holder is away, and may come back.
    Away,
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
    match loss::closed(app, stamp, reason).await? {
        Lost::Ended(ended) => announce_ended(app, &ended).await,
        Lost::Away | Lost::Nothing => Ok(()),
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
    let member = match app.store.expel(session, peer, app.clock.now()).await? {
        Expelled::NotThere => return Ok(Delivery::Gone(None)),
        Expelled::Gone(member) => *member,
    };
    let identity = member.identity(peer, session);
    let reach = member.reach();
    let ended = Ended { stamp: member.stamp, identity, reason: Departure::Forced };
    let told = async {
        if let Reach::Socket(socket) = &reach {
            send_away(app, socket, GoAway::ForceDisconnected).await;
        }
    };
    let ((), announced) = futures::join!(told, announce_ended(app, &ended));
    announced?;
    Ok(Delivery::Delivered)
}

/// Tells a socket that has lost its place not to come back, and closes it. That this fails changes nothing for anybody else.
pub async fn send_away(app: &App, socket: &Socket, reason: GoAway) {
    let connection = &socket.stamp.connection_id;
    let posted = async {
        let text = encode(app.codecs, &socket.encoding, &Notice::GoAway { reason })?;
        app.sockets.post(connection, &text).await
    };
    if let Err(failure) = posted.await {
        tracing::warn!(connection.id = %connection, %failure, "Connection not told to go");
    }
    if let Err(failure) = app.sockets.close(connection).await {
        tracing::warn!(connection.id = %connection, %failure, "Connection not closed");
    }
}

/// Probes the holder of a place that somebody else wants. If its socket is gone, its stay ends as `$disconnect` would
/// have ended it, but for the room, which the caller tells.
///
/// Race: the holder may come back on another socket, leave, or be ended by `$disconnect` or by another newcomer. The place is
/// freed only as it was seen, and only whoever frees it tells the room: [`Probe::Changed`] to all others.
///
/// # Errors
/// When the probe fails, so that nothing is known of the holder, or the departure does.
pub async fn probe(app: &App, holder: &Holder) -> Result<Probe, Failure> {
    let Holder { stamp, identity, away_until } = holder;
    match away_until {
        Some(until) if *until > app.clock.now() => return Ok(Probe::Away),
        Some(_) => {
            let ended = end(app, stamp, identity.clone()).await?;
            return Ok(ended.map_or(Probe::Changed, Probe::Ended));
        }
        None => {}
    }
    match app.sockets.find(&stamp.connection_id).await? {
        Found::Open => Ok(Probe::Held),
        Found::Busy => Ok(Probe::Unknown),
        Found::Gone => Ok(match loss::found_gone(app, stamp, identity.clone()).await? {
            Lost::Ended(ended) => Probe::Ended(ended),
            Lost::Away => Probe::Away,
            Lost::Nothing => Probe::Changed,
        }),
    }
}

/// A member's grace is over. If it has not come back, its stay ends, and the room is told.
///
/// Race: it may come back at the same moment, or whoever reads it ends its stay. What is known of it counts only as long as the
/// place is that of the same connection.
pub async fn grace_over(app: &App, room: &RoomId, peer: &PeerId, fence: &Stamp) -> Result<(), Failure> {
    match app.store.member(room, peer, app.clock.now()).await? {
        Some(member) if member.stamp == *fence => end_if_overdue(app, room, peer, &member).await,
        Some(_) | None => Ok(()),
    }
}

/// Ends the stay of a member that has been away for longer than its grace, and tells the room: the timer that should have done
/// so is late, or never came.
pub async fn end_if_overdue(app: &App, room: &RoomId, peer: &PeerId, member: &Member) -> Result<(), Failure> {
    if !member.is_overdue(app.clock.now()) {
        return Ok(());
    }
    match end(app, &member.stamp, member.identity(peer, room)).await? {
        Some(ended) => announce_ended(app, &ended).await,
        None => Ok(()),
    }
}

/// Ends a stay that is not waited for any more.
async fn end(app: &App, stamp: &Stamp, identity: Identity) -> Result<Option<Ended>, Failure> {
    match app.store.depart(stamp, identity, app.clock.now()).await? {
        Departed::Gone(identity) => {
            Ok(Some(Ended { stamp: stamp.clone(), identity, reason: Departure::Lost }))
        }
        Departed::Nothing => Ok(None),
    }
}

/// Looks up who is in a room, and tells them. Some stays that are overdue are ended on the way, and announced in turn; the
/// others have timers of their own.
///
/// # Errors
/// When DynamoDB cannot say who is there. A notice that cannot be delivered is logged and is no error.
pub(super) async fn announce(
    app: &App,
    room: &RoomId,
    announcements: Vec<Announcement>,
) -> Result<(), Failure> {
    let mut roster = app.store.roster(room, app.clock.now()).await?;
    let overdue = std::mem::take(&mut roster.overdue);
    broadcast(app, room, recipients(room, roster), announcements).await;
    let ended = release(app, room, overdue).await;
    if ended.is_empty() {
        return Ok(());
    }
    let announcements = ended.iter().map(|ended| Announcement::ended(ended, app.sfu_grace)).collect();
    match app.store.roster(room, app.clock.now()).await {
        Ok(roster) => broadcast(app, room, recipients(room, roster), announcements).await,
        Err(failure) => {
            for Ended { stamp, .. } in &ended {
                tracing::error!(room.id = %room, connection.id = %stamp.connection_id, %failure, "Room not told");
            }
        }
    }
    Ok(())
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
/// since. Those are at most 20 whose leases or graces have ended; if there are none, those among 20 members, taken at random,
/// whose sockets are not there when probed. Answers how many.
pub async fn sweep(app: &App, session: &RoomId) -> Result<usize, Failure> {
    let mut roster = app.store.roster(session, app.clock.now()).await?;
    let mut gone = std::mem::take(&mut roster.overdue);
    gone.append(&mut roster.expired);
    let ended = if gone.is_empty() {
        roster.members.shuffle(&mut rand::rng());
        let present = roster.members.into_iter().filter(|(_, member)| member.reach() != Reach::None);
        let probed = present.take(SWEPT).map(|(peer, member)| async move {
            match app.sockets.find(&member.stamp.connection_id).await {
                Ok(Found::Gone) => Some((peer, member)),
                Ok(Found::Open | Found::Busy) => None,
                Err(failure) => {
                    tracing::warn!(connection.id = %member.stamp.connection_id, %failure, "Member not probed");
                    None
                }
            }
        });
        let probed = stream::iter(probed).buffer_unordered(SWEPT).filter_map(async |gone| gone);
        let lost = probed.collect::<Vec<_>>().await.into_iter().map(|(peer, member)| async move {
            match loss::found_gone(app, &member.stamp, member.identity(&peer, session)).await {
                Ok(Lost::Ended(ended)) => Some(ended),
                Ok(Lost::Away | Lost::Nothing) => None,
                Err(failure) => {
                    tracing::error!(connection.id = %member.stamp.connection_id, %failure, "Place not freed");
                    None
                }
            }
        });
        stream::iter(lost)
            .buffer_unordered(CONCURRENT_RELEASES)
            .filter_map(async |ended| ended)
            .collect()
            .await
    } else {
        release(app, session, gone).await
    };
    announce_all_ended(app, session, &ended).await;
    Ok(ended.len())
}

/// Frees the places of at most 20 members that are gone; answers with their ends, of which the room has yet to be told.
pub(super) async fn release(app: &App, room: &RoomId, gone: Vec<(PeerId, Member)>) -> Vec<Ended> {
    let released = gone.into_iter().take(SWEPT).map(|(peer, member)| async move {
        end(app, &member.stamp, member.identity(&peer, room)).await.unwrap_or_else(|failure| {
            tracing::error!(connection.id = %member.stamp.connection_id, %failure, "Place not freed");
            None
        })
    });
    stream::iter(released)
        .buffer_unordered(CONCURRENT_RELEASES)
        .filter_map(async |ended| ended)
        .collect()
        .await
}
