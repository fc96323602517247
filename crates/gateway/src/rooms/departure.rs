//! A stay ends: its place is freed, and its room is told. Whoever notices it comes here: `$disconnect`, `leave`, any function
//! whose post is answered 410, a moderator, and whoever wants a place and probes the socket that has it.

use futures::StreamExt as _;
use futures::stream;
use model::departure::Departure;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::member::{Holder, Member, Reach};
use model::notice::GoAway;
use model::outcome::{Delivery, Ended, Expelled, Left};
use model::stamp::Stamp;
use rand::seq::SliceRandom as _;

use super::broadcast::{Announcement, broadcast, recipients};
use super::loss::{self, CONCURRENT_RELEASES, Lost};
use super::{delivery, outbox};
use crate::app::App;
use crate::failure::Failure;
use crate::machine;
use crate::sockets::Found;

/// How many members of a full session are probed.
const PROBED: usize = 20;

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

/// The socket of `stamp` is lost, and no grace is given to its client: it was found closed before it could hear that it has its
/// place, or the gateway closes it.
///
/// # Errors
/// As for [`disconnected`].
pub async fn disconnected_for_good(app: &App, stamp: &Stamp) -> Result<(), Failure> {
    match loss::ended(app, stamp, Departure::Lost).await? {
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
    announce_left(app, app.store.leave(stamp, app.clock.now()).await?).await
}

/// As [`left`], for an SFU that leaves only if its room is unclaimed and `keep` other warm rooms remain.
///
/// # Errors
/// `room_claimed` or `room_needed` when it has to stay, `bad_message` to a client, `connection_not_found` when it has not
/// identified.
pub async fn left_if_spare(app: &App, stamp: &Stamp, keep: usize) -> Result<(), Error> {
    announce_left(app, app.store.leave_if_spare(stamp, keep, app.clock.now()).await?).await
}

async fn announce_left(app: &App, left: Left) -> Result<(), Error> {
    match left {
        Left::NotIdentified => Err(Error::ConnectionNotFound),
        Left::NotAnSfu => Err(Error::BadMessage { field: "ifSpare", allowed: "is for SFUs" }),
        Left::RoomNeeded => Err(Error::RoomNeeded),
        Left::RoomClaimed => Err(Error::RoomClaimed),
        Left::Gone(ended) => {
            if let Err(failure) = announce_ended(app, &ended).await {
                tracing::error!(room.id = %ended.identity.room(), %failure, "Room not told");
            }
            Ok(())
        }
    }
}

/// Ends somebody's stay in a session: its place is freed, it hears why, its socket is closed and the others are told. Who is
/// lost has no place any more that it could come back to.
///
/// # Errors
/// When DynamoDB fails: before the place is freed, or when it is free and the room cannot be read to be told. Its media may
/// then go on until the SFU hears of it in another way.
pub async fn forced(app: &App, session: &RoomId, peer: &PeerId) -> Result<Delivery, Failure> {
    let (ended, reach) = match app.store.expel(session, peer, app.clock.now()).await? {
        Expelled::NotThere => return Ok(Delivery::Gone(None)),
        Expelled::Forgotten => return Ok(Delivery::Delivered),
        Expelled::Gone(ended, reach) => (ended, reach),
    };
    // First, since who has been told to go is owed nothing more.
    let gone = match &reach {
        Reach::Socket(socket) => delivery::send_away(app, socket, GoAway::ForceDisconnected).await,
        Reach::None => true,
    };
    let mut announcement = Announcement::ended(&ended, app.sfu_grace);
    if !gone {
        // It is still owed its end.
        announcement = announcement.told_again();
    }
    announce(app, session, vec![announcement]).await?;
    Ok(Delivery::Delivered)
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
            let ended = loss::end(app, stamp, identity.clone()).await?;
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
        Some(member) if member.stamp == *fence => {
            end_if_overdue(app, room, peer, &member).await?;
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}

/// Ends the stay of a member that has been away for longer than its grace, and tells the room: the timer that should have done
/// so is late, or never came. Answers whether this has ended it.
pub async fn end_if_overdue(
    app: &App,
    room: &RoomId,
    peer: &PeerId,
    member: &Member,
) -> Result<bool, Failure> {
    if !member.is_overdue(app.clock.now()) {
        return Ok(false);
    }
    let Some(ended) = loss::end(app, &member.stamp, member.identity(peer, room)).await? else {
        return Ok(false);
    };
    announce_ended(app, &ended).await?;
    Ok(true)
}

/// Looks up who is in a room, and tells them. What others have left undone there is done on the way.
///
/// # Errors
/// When DynamoDB cannot say who is there. A notice that cannot be delivered is logged and is no error.
async fn announce(app: &App, room: &RoomId, announcements: Vec<Announcement>) -> Result<(), Failure> {
    let roster = app.store.roster(room, app.clock.now()).await?;
    broadcast(app, room, recipients(room, &roster), announcements).await;
    outbox::catch_up(app, room, roster).await;
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
        roster.members.shuffle(&mut machine::chance());
        let present = roster.members.into_iter().filter(|(_, member)| member.reach() != Reach::None);
        let probed = present.take(PROBED).map(|(peer, member)| async move {
            match app.sockets.find(&member.stamp.connection_id).await {
                Ok(Found::Gone) => Some((peer, member)),
                Ok(Found::Open | Found::Busy) => None,
                Err(failure) => {
                    tracing::warn!(connection.id = %member.stamp.connection_id, %failure, "Member not probed");
                    None
                }
            }
        });
        let probed = stream::iter(probed).buffer_unordered(PROBED).filter_map(async |gone| gone);
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
        loss::release(app, session, gone).await
    };
    announce_all_ended(app, session, &ended).await;
    Ok(ended.len())
}
