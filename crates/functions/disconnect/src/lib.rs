//! `$disconnect`: a socket has closed.
//!
//! API Gateway delivers it as a best effort: late, twice, or never. What it does is therefore fenced by the
//! connection's life, and done as well by whoever else finds the socket gone.

use gateway::departure::Departures;
use gateway::edge::Disconnect;
use gateway::failure::Failure;

/// Frees the connection's place, if it still has one, and tells its room.
///
/// # Errors
/// When DynamoDB fails; the place is then freed by whoever posts to it next, or by its lease.
pub async fn disconnect(departures: &Departures, event: Disconnect) -> Result<(), Failure> {
    departures.disconnected(&event.life, event.reason).await
}
