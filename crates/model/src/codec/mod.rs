//! How messages look on a socket. Use cases take [`Request`]s and answer with [`Notice`]s, and know nothing of it.

pub mod json;

use std::fmt;

use crate::encoding::Encoding;
use crate::error::Error;
use crate::id::RequestId;
use crate::notice::Notice;
use crate::request::{Action, Request};

/// An encoding of what goes over a socket.
pub trait Codec: Sync {
    /// Its name.
    fn encoding(&self) -> Encoding;

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

/// The encodings that a function can write.
#[derive(Clone, Copy)]
pub struct Codecs(&'static [&'static dyn Codec]);

impl Codecs {
    /// Takes one codec for each encoding.
    #[must_use]
    pub const fn new(codecs: &'static [&'static dyn Codec]) -> Self {
        Self(codecs)
    }

    /// Writes a notice in an encoding; `None` if it is none of these.
    #[must_use]
    pub fn encode(&self, encoding: &Encoding, notice: &Notice) -> Option<String> {
        let codec = self.0.iter().find(|codec| codec.encoding() == *encoding)?;
        Some(codec.encode(notice))
    }
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|codec| codec.encoding())).finish()
    }
}
