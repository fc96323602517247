//! `$default`: the keepalive, and every message that no other route takes.

use gateway::edge::{Call, Reply};
use model::error::Error;
use model::notice::Notice;

/// Answers `ping` by `pong`. API Gateway cuts a socket after 10 minutes without a message, and a quiet call has
/// nothing else to say.
///
/// # Errors
/// `unknown_action` for anything else.
#[expect(clippy::unused_async, reason = "a route is async, this one has nothing to wait for")]
pub async fn default(call: Call<'_>) -> Result<Reply, Error> {
    match call.request.action()?.as_deref() {
        Some("ping") => Ok(Reply::Notice(Notice::Pong { request_id: call.request_id })),
        Some(_) | None => Err(Error::UnknownAction),
    }
}
