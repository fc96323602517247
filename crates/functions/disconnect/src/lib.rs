//! `$disconnect`: a socket has closed.
//!
//! API Gateway delivers it as a best effort: late, twice, or never. What it does is therefore fenced by the
//! connection's stamp, and done as well by whoever else finds the socket gone.

use gateway::app::App;
use gateway::edge::Disconnect;
use gateway::failure::Failure;
use gateway::rooms::departure;

/// Frees the connection's place, if it still has one, and tells its room.
///
/// # Errors
/// When DynamoDB fails; the place is then freed by whoever posts to it next, or by its lease.
pub async fn disconnect(app: &App, event: Disconnect) -> Result<(), Failure> {
    departure::disconnected(app, &event.stamp, event.reason).await
}
