//! `leave`: a client or an SFU goes on purpose, and may identify again on the same socket.

use gateway::app::App;
use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::rooms::departure;
use gateway::rooms::sender::Sender;
use model::error::Error;
use model::leave::Leave;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// `IdleRooms`: a spare SFU may leave if so many warm rooms remain.
    pub idle_rooms: usize,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let app = App::from_env(&gateway::aws::load().await).await?;
        Ok(Self { app, idle_rooms: config::number("IDLE_ROOMS")? })
    }
}

/// Frees the sender's place and tells its room. An SFU closes its room with it; if it says `ifSpare`, only while the
/// room is unclaimed and the pool can do without.
///
/// # Errors
/// `connection_not_found` before an identify; `room_claimed` or `room_needed` to an SFU that is no spare one;
/// `bad_message` for a client's `ifSpare`.
pub async fn leave(deps: &Deps, sender: &Sender<'_>, leave: Leave) -> Result<Reply, Error> {
    match leave {
        Leave::Anyway => departure::left(&deps.app, sender.stamp()).await?,
        Leave::IfSpare => departure::left_if_spare(&deps.app, sender.stamp(), deps.idle_rooms).await?,
    }
    Ok(Reply::Ack)
}
