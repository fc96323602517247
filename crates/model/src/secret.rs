//! Secrets that are stored only as hashes.

use std::fmt;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a secret, as 64 lower-case hexadecimal digits. The secrets are long and random (an SFU's token:
/// 256 bits; a resume token: made up by the client's SDK), so that a plain hash is enough.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(String);

impl SecretHash {
    /// Hashes `secret`.
    #[must_use]
    pub fn of(secret: impl AsRef<[u8]>) -> Self {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(secret.as_ref()) {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for SecretHash {
    /// Compares in a time that does not depend on where the two differ.
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.bytes().zip(other.0.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What a client makes up and keeps, to prove on a later socket that it is the same peer: 16 to 128 characters.
/// Only its hash leaves this type.
pub struct ResumeToken(String);

impl ResumeToken {
    /// Takes a text of 16 to 128 characters, else `None`.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        (16..=128).contains(&text.chars().take(129).count()).then_some(Self(text))
    }

    /// What is stored and compared.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        let hash = serde_json::to_string(&SecretHash::of("abc")).unwrap();
        assert_eq!(hash, "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    }

    #[test]
    fn equal_means_equal_everywhere() {
        assert_eq!(SecretHash::of("a"), SecretHash::of("a"));
        assert_ne!(SecretHash::of("a"), SecretHash::of("b"));
        assert_ne!(SecretHash(String::new()), SecretHash::of("b"));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let token = ResumeToken::new("sixteen characters".to_owned()).unwrap();
        assert!(!format!("{token:?} {:?}", token.hash()).contains("sixteen"));
    }

    #[test]
    fn a_resume_token_is_long_enough_to_be_one() {
        assert!(ResumeToken::new("x".repeat(15)).is_none());
        assert!(ResumeToken::new("x".repeat(16)).is_some());
        assert!(ResumeToken::new("x".repeat(129)).is_none());
    }
}
