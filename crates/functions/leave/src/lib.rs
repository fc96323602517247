//! `leave`: a client or an SFU goes on purpose, and may identify again on the same socket.

use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use model::error::Error;

/// Frees the sender's place and tells its room. An SFU closes its room with it.
///
/// # Errors
/// `connection_not_found` before an identify; `bad_message` for a malformed envelope.
pub async fn leave(departures: &Departures, call: Call<'_>) -> Result<Reply, Error> {
    call.request.action()?;
    departures.left(call.life).await?;
    Ok(Reply::Ack)
}
