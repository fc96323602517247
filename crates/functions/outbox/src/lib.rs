//! The stream of the rooms table: a change was written that a room has to be told of.

use std::collections::BTreeSet;
use std::time::Duration;

use gateway::app::App;
use gateway::failure::Failure;
use gateway::rooms;
use model::key::Key;
use model::outbox::PATIENCE;
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
    let mut owing = BTreeSet::new();
    let mut youngest = None;
    for keys in keys.chunks(READ) {
        for owed in app.store.owed(keys.to_vec(), app.clock.now()).await? {
            youngest = youngest.max(Some(owed.since));
            owing.insert(owed.room_id);
        }
    }
    let Some(since) = youngest else { return Ok(()) };
    let left = since.plus(PATIENCE).0.saturating_sub(app.clock.now().0);
    sleep(Duration::from_millis(left)).await;
    let mut result = Ok(());
    for room in owing {
        if let Err(failure) = rooms::outbox::tell(app, &room).await {
            tracing::error!(room.id = %room, %failure, "Room not told");
            result = Err(failure);
        }
    }
    result
}
