//! `$disconnect`: a socket has closed.
//!
//! API Gateway delivers it as a best effort: late, twice, or never. What it does is therefore fenced by the
//! connection's life, and done as well by whoever else finds the socket gone.

use gateway::departure::Departures;
use gateway::edge::Disconnect;
use gateway::failure::Failure;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        Ok(Self { departures: Departures::from_env(&gateway::aws::load().await).await? })
    }
}

/// Frees the connection's place, if it still has one, and tells its room.
///
/// # Errors
/// When DynamoDB fails; the place is then freed by whoever posts to it next, or by its lease.
pub async fn disconnect(deps: &Deps, event: Disconnect) -> Result<(), Failure> {
    deps.departures.disconnected(&event.life, event.reason).await
}
