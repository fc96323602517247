//! A socket is lost: its stay ends, or is kept for its member while the grace runs.

use std::time::Duration;

use model::connection::Identity;
use model::departure::Departure;
use model::outcome::{Departed, Ended};
use model::stamp::Stamp;
use model::time::EpochMillis;
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
    let (grace, now) = (app.timers.reconnect_grace, app.clock.now());
    let departed = app.store.depart(stamp, identity, grace, now).await?;
    Ok(lost(app, stamp, departed, Departure::Lost, now).await)
}

/// The socket of a connection is closed. Who closed it on purpose is not waited for.
pub(crate) async fn closed(app: &App, stamp: &Stamp, reason: Departure) -> Result<Lost, Failure> {
    let now = app.clock.now();
    let grace = match reason {
        Departure::Lost => app.timers.reconnect_grace,
        Departure::Left | Departure::Forced => Duration::ZERO,
    };
    let departed = app.store.disconnect(stamp, grace, now).await?;
    Ok(lost(app, stamp, departed, reason, now).await)
}

async fn lost(app: &App, stamp: &Stamp, departed: Departed, reason: Departure, now: EpochMillis) -> Lost {
    match departed {
        Departed::Gone(identity) => Lost::Ended(Ended { stamp: stamp.clone(), identity, reason }),
        Departed::Nothing | Departed::Away(Identity::Sfu { .. }, _) => Lost::Nothing,
        Departed::Away(Identity::Client { peer_id, room_id, .. }, due_at) => {
            let key = Place { room_id, peer_id };
            let timer = Timer { task: Task::ReconnectGrace { key, fence: stamp.clone() }, due_at };
            // The place is kept already; without a timer it is freed by whoever reads it when the grace is over.
            if let Err(failure) = app.timers.set(&timer, now).await {
                tracing::error!(connection.id = %stamp.connection_id, %failure, "Timer not set");
            }
            Lost::Away
        }
    }
}
