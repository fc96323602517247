//! `$default`: the keepalive, and every message that no other route takes.

use gateway::edge::Reply;
use model::error::Error;
use model::notice::Notice;
use model::request::Request;

/// Answers `ping` by `pong`. API Gateway cuts a socket after 10 minutes without a message, and a quiet call has
/// nothing else to say.
///
/// # Errors
/// `unknown_action` for anything else.
pub fn default(request: &Request<'_>) -> Result<Reply, Error> {
    if matches!(request, Request::Ping) {
        Ok(Reply::Notice(Notice::Pong { request_id: None }))
    } else {
        Err(Error::UnknownAction)
    }
}
