//! The encodings of messages, by their names.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The name of an encoding. It is stored with a member, since what others send to it is written by other functions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Encoding(Cow<'static, str>);

impl Encoding {
    /// That of PROTOCOL.md, of whoever has no other one stored.
    pub const JSON: Self = Self::new("json");

    /// Names one.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// Whether it is the one that is not stored.
    #[must_use]
    pub fn is_json(&self) -> bool {
        *self == Self::JSON
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::JSON
    }
}
