//! `leave`: a client or an SFU goes on purpose, and may identify again on the same socket.

use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use model::error::Error;

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

/// Frees the sender's place and tells its room. An SFU closes its room with it.
///
/// # Errors
/// `connection_not_found` before an identify; `bad_message` for a malformed envelope.
pub async fn leave(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    call.request.action()?;
    deps.departures.left(call.life).await?;
    Ok(Reply::Ack)
}
