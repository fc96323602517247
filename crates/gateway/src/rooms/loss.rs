//! A socket is lost: its stay ends, or is kept for its member while the grace runs.

use futures::StreamExt as _;
use futures::stream;
use model::connection::Identity;
use model::departure::Departure;
use model::id::{PeerId, RoomId};
use model::member::Member;
use model::outcome::{Departed, Ended};
use model::stamp::Stamp;
use model::timer::{Place, Task, Timer};

use crate::app::App;
use crate::failure::Failure;

/// How many stays that are overdue, or whose leases have ended, are ended by one who comes across them.
const SWEPT: usize = 20;
/// How many places of recipients that are gone are freed at once: in a session they all contend for its count.
pub(crate) const CONCURRENT_RELEASES: usize = 4;

/// What the loss of a socket came to.
#[must_use]
#[derive(Debug)]
pub(crate) enum Lost {
    /// The stay has ended: the room has to be told.
    Ended(Ended),
    /// The member is away. Nobody is told.
    Away,
    /// Somebody else was quicker, or has the place by now: nobody is told.
    Nothing,
}

/// The socket of somebody in a room was found closed.
pub(crate) async fn found_gone(app: &App, stamp: &Stamp, identity: Identity) -> Result<Lost, Failure> {
    if let Some(lost) = keep(app, stamp, &identity).await? {
        return Ok(lost);
    }
    Ok(lost(app.store.depart(stamp, identity, app.clock.now()).await?))
}

/// The socket of a connection is closed. Who closed it on purpose is not waited for, not even if its place is kept by now.
///
/// Race: a client may identify at the same moment. Its stay ends as soon as it has begun, and its place is not kept.
pub(crate) async fn closed(app: &App, stamp: &Stamp, reason: Departure) -> Result<Lost, Failure> {
    if reason == Departure::Lost && app.timers.keep_places() {
        let row = app.store.connection(&stamp.connection_id).await?;
        if let Some(identity) = row.as_ref().and_then(|row| row.identity.as_ref())
            && let Some(lost) = keep(app, stamp, identity).await?
        {
            return Ok(lost);
        }
        return Ok(lost(app.store.disconnect_known(stamp, row, reason, app.clock.now()).await?));
    }
    ended(app, stamp, reason).await
}

/// The socket of a connection is closed, and its place is not kept.
pub(crate) async fn ended(app: &App, stamp: &Stamp, reason: Departure) -> Result<Lost, Failure> {
    Ok(lost(app.store.disconnect(stamp, reason, app.clock.now()).await?))
}

fn lost(departed: Departed) -> Lost {
    match departed {
        Departed::Gone(ended) => Lost::Ended(ended),
        Departed::Nothing => Lost::Nothing,
    }
}

/// Keeps the place of a client that has given a resume token, for as long as the grace is; `None` if it is not to be kept.
///
/// The timer comes before the place: were it set after, and the function died in between, the others would hear of the end
/// only from whoever reads the member next. A timer whose place is not kept does nothing; a place without a timer is not kept.
async fn keep(app: &App, stamp: &Stamp, identity: &Identity) -> Result<Option<Lost>, Failure> {
    let grace = app.timers.grace(identity);
    let Identity::Client { peer_id, room_id, resumption: Some(_), .. } = identity else { return Ok(None) };
    if grace.is_zero() {
        return Ok(None);
    }
    let now = app.clock.now();
    let member = app.store.member(room_id, peer_id, now).await?;
    let Some(member) = member.filter(|member| member.stamp == *stamp && member.resume_hash.is_some()) else {
        return Ok(None);
    };
    if member.away_until.is_some() {
        return Ok((!member.is_overdue(now)).then_some(Lost::Nothing));
    }
    let due_at = now.plus(grace);
    let key = Place { room_id: room_id.clone(), peer_id: peer_id.clone() };
    let timer = Timer { task: Task::ReconnectGrace { key, fence: stamp.clone() }, due_at };
    if let Err(failure) = app.timers.set(&timer, now).await {
        tracing::error!(connection.id = %stamp.connection_id, %failure, "Timer not set");
        return Ok(None);
    }
    let kept = app.store.keep(stamp, identity, due_at, now).await?;
    Ok(Some(if kept { Lost::Away } else { Lost::Nothing }))
}

/// Ends a stay that is not waited for any more.
pub(super) async fn end(app: &App, stamp: &Stamp, identity: Identity) -> Result<Option<Ended>, Failure> {
    match app.store.depart(stamp, identity, app.clock.now()).await? {
        Departed::Gone(ended) => Ok(Some(ended)),
        Departed::Nothing => Ok(None),
    }
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
