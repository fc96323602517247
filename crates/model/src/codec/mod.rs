//! How messages look on a socket. Use cases take [`Request`]s and answer with [`Notice`]s, and know nothing of it.

pub mod json;

use crate::error::Error;
use crate::id::RequestId;
use crate::notice::Notice;
use crate::request::{Action, Request};

/// An encoding of what goes over a socket.
pub trait Codec: Sync {
    /// Reads a message; one that does not read says why in [`Message::request`].
    fn decode<'a>(&self, text: &'a str) -> Message<'a>;

    /// Writes a notice.
    fn encode(&self, notice: &Notice) -> String;
}

/// A message of a client or an SFU.
#[derive(Debug)]
pub struct Message<'a> {
    /// The request's name, which the answer repeats.
    pub request_id: Option<RequestId>,
    /// What was asked for, as far as that could be read.
    pub action: Option<Action>,
    /// The request.
    pub request: Result<Request<'a>, Error>,
}
