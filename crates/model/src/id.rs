//! Identifiers. Those that a client writes are checked before anything uses them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest id that a client may write, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// What is wrong with a text that should be an id; its `Display` says what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to 128 characters of A-Z a-z 0-9 _ . : = -")]
pub struct InvalidId;

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:=-".contains(&b))
}

macro_rules! checked_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 128 characters of `[A-Za-z0-9_.:=-]`.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_id(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

checked_id! {
    /// A participant's identity in a room.
    PeerId
}
checked_id! {
    /// A room; also the peer id of the SFU that serves it.
    RoomId
}

impl RoomId {
    /// The id of a new room, from 128 random bits: 32 hexadecimal digits.
    #[must_use]
    pub fn from_bits(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }

    /// Takes the text of a session's id, which [`crate::session::id`] makes of allowed characters only.
    pub(crate) fn of_session(text: String) -> Self {
        debug_assert!(is_id(&text), "a session's id is an id");
        Self(text)
    }

    /// The peer id under which the room's SFU signs what it sends.
    #[must_use]
    pub fn sfu_peer(&self) -> PeerId {
        PeerId(self.0.clone())
    }
}

impl From<PeerId> for RoomId {
    /// The room of an SFU that identifies as `peer`: an SFU's id is its room's id.
    fn from(peer: PeerId) -> Self {
        Self(peer.0)
    }
}

/// One socket, as API Gateway names it in `requestContext.connectionId`. Never taken from a body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// Wraps the id that API Gateway gave.
    #[must_use]
    pub fn new(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ConnectionId> for PeerId {
    /// The id of a client that has not chosen one: the letters of API Gateway's ids are among those of ours.
    fn from(connection: ConnectionId) -> Self {
        Self(connection.0)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The client's name for a request, repeated in the answer: 1 to 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RequestId(String);

impl RequestId {
    /// Takes a text of 1 to 64 characters (Unicode scalar values), else `None`.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        // Counting stops at 65: the text may be as long as a message.
        (1..=64).contains(&text.chars().take(65).count()).then_some(Self(text))
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_to_their_alphabet_and_length() {
        for good in ["a", "sfu-1795251110352", "A.b:c_d-9", "AdaZkdJ3IAMCKmg=", &"x".repeat(128)] {
            assert!(PeerId::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a/b", "é", "a#b", "a\n", &"x".repeat(129)] {
            assert_eq!(RoomId::try_from(bad.to_owned()), Err(InvalidId), "{bad}");
        }
    }

    #[test]
    fn a_request_id_is_counted_in_characters() {
        assert!(RequestId::new("é".repeat(64)).is_some());
        assert!(RequestId::new("é".repeat(65)).is_none());
        assert!(RequestId::new(String::new()).is_none());
    }
}
