//! A socket is lost: its stay ends, or is kept for its member while the grace runs.

use model::connection::Identity;
use model::departure::Departure;
use model::outcome::{Departed, Ended};
use model::stamp::Stamp;
use model::timer::{Place, Task, Timer};

use crate::app::App;
use crate::failure::Failure;

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
    let departed = app.store.depart(stamp, identity, app.clock.now()).await?;
    Ok(lost(stamp, departed, Departure::Lost))
}

/// The socket of a connection is closed. Who closed it on purpose is not waited for, not even if its place is kept by now.
///
/// Race: a client may identify at the same moment. Its stay ends as soon as it has begun, and its place is not kept.
pub(crate) async fn closed(app: &App, stamp: &Stamp, reason: Departure) -> Result<Lost, Failure> {
    if reason == Departure::Lost && !app.timers.reconnect_grace.is_zero() {
        let row = app.store.connection(&stamp.connection_id).await?;
        if let Some(identity) = row.and_then(|row| row.identity)
            && let Some(lost) = keep(app, stamp, &identity).await?
            && app.store.forget(stamp, &identity).await?
        {
            return Ok(lost);
        }
    }
    Ok(lost(stamp, app.store.disconnect(stamp, app.clock.now()).await?, reason))
}

fn lost(stamp: &Stamp, departed: Departed, reason: Departure) -> Lost {
    match departed {
        Departed::Gone(identity) => Lost::Ended(Ended { stamp: stamp.clone(), identity, reason }),
        Departed::Nothing => Lost::Nothing,
    }
}

/// Keeps the place of a client that has given a resume token, for `ReconnectGraceSeconds`; `None` if it is not to be kept.
///
/// The timer comes before the place: were it set after, and the function died in between, the others would hear of the end
/// only from whoever reads the member next. A timer whose place is not kept does nothing.
async fn keep(app: &App, stamp: &Stamp, identity: &Identity) -> Result<Option<Lost>, Failure> {
    let grace = app.timers.reconnect_grace;
    let Identity::Client { peer_id, room_id, .. } = identity else { return Ok(None) };
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
        // Whoever reads the place when the grace is over frees it.
        tracing::error!(connection.id = %stamp.connection_id, %failure, "Timer not set");
    }
    let kept = app.store.keep(stamp, identity, due_at, now).await?;
    Ok(Some(if kept { Lost::Away } else { Lost::Nothing }))
}
