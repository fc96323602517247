//! What a signal may be: a type and a text, for everybody in a session or for one connection.

use crate::id::PeerId;

/// The longest type, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;
/// The longest data, in bytes of UTF-8. OpenTok's documents say 8 KB; its JavaScript client counts 8,190.
pub const MAX_DATA_BYTES: usize = 8192;

/// A signal, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What receivers filter by; may be empty.
    pub kind: String,
    /// The text; may be empty.
    pub data: String,
}

/// `signal {type?, data?, to?}`
#[derive(Debug, PartialEq, Eq)]
pub struct SendSignal {
    /// What is to be sent.
    pub signal: Signal,
    /// The only receiver; absent when it is for all.
    pub to: Option<PeerId>,
}

/// Why a text cannot be a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSignal {
    /// The type is over [`MAX_TYPE_BYTES`].
    TypeTooLong,
    /// The type has a character other than `A-Z a-z 0-9 - _ ~`.
    TypeAlphabet,
    /// The data is over [`MAX_DATA_BYTES`].
    DataTooLong,
}

impl Signal {
    /// Checks a type and a text.
    ///
    /// # Errors
    /// [`InvalidSignal`] says what is wrong.
    pub fn new(kind: String, data: String) -> Result<Self, InvalidSignal> {
        if kind.len() > MAX_TYPE_BYTES {
            Err(InvalidSignal::TypeTooLong)
        } else if !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)) {
            Err(InvalidSignal::TypeAlphabet)
        } else if data.len() > MAX_DATA_BYTES {
            Err(InvalidSignal::DataTooLong)
        } else {
            Ok(Self { kind, data })
        }
    }
}
