//! The timer queue: something is due.

use gateway::app::App;
use gateway::failure::Failure;
use gateway::rooms::departure;
use model::timer::{Task, Timer};

/// Does what is due, under the fence that the timer was set with. One that comes early, as its next hop, is set again.
///
/// # Errors
/// When the message does not read, or DynamoDB or the queue fails; the message comes again.
pub async fn timer(app: &App, message: &str) -> Result<(), Failure> {
    let timer: Timer = serde_json::from_str(message)
        .map_err(|error| Failure::new("timer", format!("the message does not read: {error}")))?;
    let now = app.clock.now();
    if timer.hop(now).is_some() {
        return app.timers.set(&timer, now).await;
    }
    match timer.task {
        Task::ReconnectGrace { key, fence } => {
            departure::grace_over(app, &key.room_id, &key.peer_id, &fence).await
        }
    }
}
