//! `leave`: a client or an SFU goes on purpose, and may identify again on the same socket.

use gateway::config;
use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use model::error::Error;
use model::leave::Leave;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
    /// `IdleRooms`: a spare SFU may leave if so many warm rooms remain.
    pub idle_rooms: usize,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let departures = Departures::from_env(&gateway::aws::load().await).await?;
        Ok(Self { departures, idle_rooms: config::number("IDLE_ROOMS")? })
    }
}

/// Frees the sender's place and tells its room. An SFU closes its room with it; if it says `ifSpare`, only while the
/// room is unclaimed and the pool can do without.
///
/// # Errors
/// `connection_not_found` before an identify; `room_claimed` or `room_needed` to an SFU that is no spare one;
/// `bad_message` for a malformed envelope, or for a client's `ifSpare`.
pub async fn leave(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    match Leave::parse(call.request)? {
        Leave::Anyway => deps.departures.left(call.life).await?,
        Leave::IfSpare => deps.departures.left_if_spare(call.life, deps.idle_rooms).await?,
    }
    Ok(Reply::Ack)
}
