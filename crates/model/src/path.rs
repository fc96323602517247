//! `urlPath`: the page that a call belongs to.

use serde::{Deserialize, Serialize};

/// The longest `urlPath`, in UTF-8 bytes. With its prefix it stays well under DynamoDB's 2,048-byte key.
pub const MAX_PATH_BYTES: usize = 1024;

/// The path of the page that loads the client. Compared byte for byte: no decoding, no case, no slashes added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UrlPath(String);

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidPath {
    /// The text is empty.
    Empty,
    /// The text has more than [`MAX_PATH_BYTES`].
    TooLong,
}

impl UrlPath {
    /// Takes a text of 1 to [`MAX_PATH_BYTES`] bytes.
    ///
    /// # Errors
    /// [`InvalidPath`] for the others.
    pub fn new(text: String) -> Result<Self, InvalidPath> {
        match text.len() {
            0 => Err(InvalidPath::Empty),
            1..=MAX_PATH_BYTES => Ok(Self(text)),
            _ => Err(InvalidPath::TooLong),
        }
    }

    /// The path as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
