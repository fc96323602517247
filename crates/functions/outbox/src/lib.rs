//! The stream of the rooms table: a change was written that a room has to be told of.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway::app::App;
use gateway::failure::Failure;
use gateway::rooms;
use model::key::Key;
use model::outbox::{Owed, PATIENCE};
use tokio::time::sleep;

/// How many items one batched read takes.
const READ: usize = 100;

/// Tells rooms of changes of which whoever made them has not told everybody. Most often all of them are settled by the time
/// that the stream has brought them here, and one read finds that out.
///
/// Race: who made a change may still be telling of it, and has [`PATIENCE`] first. If both tell of it, nobody minds.
///
/// # Errors
/// When DynamoDB fails, or a room could not be told of everything; the stream brings the same changes again.
pub async fn outbox(app: &App, keys: &[Key]) -> Result<(), Failure> {
    let owed = still_owed(app, keys).await?;
    let Some(since) = owed.iter().map(|owed| owed.since).max() else { return Ok(()) };
    let left = since.plus(PATIENCE).0.saturating_sub(app.clock.now().0);
    sleep(Duration::from_millis(left)).await;
    let rooms: BTreeSet<_> = owed.into_iter().map(|owed| owed.room_id).collect();
    for room in rooms {
        if let Err(failure) = rooms::outbox::tell(app, &room).await {
            tracing::error!(room.id = %room, %failure, "Room not told");
        }
    }
    // Another function may have taken over meanwhile, and may die as well.
    match still_owed(app, keys).await?.len() {
        0 => Ok(()),
        left => Err(Failure::new("outbox", format!("changes that are still owed: {left}"))),
    }
}

async fn still_owed(app: &App, keys: &[Key]) -> Result<Vec<Owed>, Failure> {
    let mut owed = Vec::new();
    for keys in keys.chunks(READ) {
        owed.append(&mut app.store.owed(keys.to_vec(), app.clock.now()).await?);
    }
    Ok(owed)
}
