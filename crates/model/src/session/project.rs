//! A project: whoever holds its keys may make sessions, and tokens that admit to them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The shortest secret that a project may have, in bytes: RFC 7518 §3.2 wants as many bits as SHA-256 has.
pub const MIN_SECRET_BYTES: usize = 32;

/// How long the text of a UUID is.
const UUID_BYTES: usize = 36;

/// What is wrong with a text that should be an API key; its `Display` says what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("8 decimal digits, or a UUID")]
pub struct InvalidApiKey;

/// The public name of a project: 8 decimal digits, as `OpenTok` gives them, or a UUID, as Vonage does (the
/// `application_id` of its tokens). Two keys are the same if they are so byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKey(String);

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl ApiKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ApiKey {
    type Error = InvalidApiKey;

    fn try_from(text: String) -> Result<Self, InvalidApiKey> {
        let is_number = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || is_uuid(&text) { Ok(Self(text)) } else { Err(InvalidApiKey) }
    }
}

impl From<ApiKey> for String {
    fn from(key: ApiKey) -> Self {
        key.0
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A project's keys, as its secret in Secrets Manager holds them: `{"apiKey", "secret", "publicKey"?}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// Its public name.
    pub api_key: ApiKey,
    /// What tokens are signed with (T1, HS256): at least [`MIN_SECRET_BYTES`] bytes.
    #[serde(deserialize_with = "long_enough")]
    pub secret: String,
    /// What tokens are checked with that the project's own private key signed (RS256): an RSA public key in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

/// A secret, unless it is one that could be guessed. An empty one would let anybody sign.
fn long_enough<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let secret = String::deserialize(value)?;
    if secret.len() < MIN_SECRET_BYTES {
        return Err(serde::de::Error::custom("a project's secret has at least 32 bytes"));
    }
    Ok(secret)
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Project").field("api_key", &self.api_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "12345678-90ab-4cde-8f01-234567890ABC";

    #[test]
    fn an_api_key_is_eight_digits_or_a_uuid() {
        for good in ["47000001", "00000000", UUID] {
            let key = ApiKey::try_from(good.to_owned()).unwrap();
            assert_eq!((key.as_str(), key.to_string().as_str()), (good, good));
        }
        let bad = [
            "",
            "4700000",
            "470000011",
            "4700000a",
            "٤٧٠٠٠٠٠١",
            "../47000",
            "12345678-90ab-4cde-8f01-234567890AB",
            "12345678-90ab-4cde-8f01-234567890ABCD",
            "12345678-90ab-4cde-8f01-234567890ABg",
            "12345678 90ab-4cde-8f01-234567890ABC",
            "1234567890ab-4cde-8f01-234567890ABC--",
            "--------90ab-4cde-8f01-234567890ABCD",
        ];
        for bad in bad {
            assert_eq!(ApiKey::try_from(bad.to_owned()), Err(InvalidApiKey), "{bad}");
        }
    }

    #[test]
    fn json_is_checked_too() {
        assert!(serde_json::from_str::<ApiKey>("\"47000001\"").is_ok());
        assert!(serde_json::from_str::<ApiKey>("\"nope\"").is_err());
    }

    #[test]
    fn a_project_is_stored_under_the_models_names() {
        let secret = "s".repeat(32);
        let stored = format!(r#"{{"apiKey":"47000001","secret":"{secret}","publicKey":"pem"}}"#);
        let project: Project = serde_json::from_str(&stored).unwrap();
        assert_eq!((project.secret.as_str(), project.public_key.as_deref()), (secret.as_str(), Some("pem")));
        assert_eq!(serde_json::to_string(&project).unwrap(), stored);
        let without = Project { public_key: None, ..project };
        assert!(!serde_json::to_string(&without).unwrap().contains("publicKey"));
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() {
        for secret in [String::new(), "s".repeat(31)] {
            let stored = format!(r#"{{"apiKey":"47000001","secret":"{secret}"}}"#);
            assert!(serde_json::from_str::<Project>(&stored).is_err());
        }
    }

    #[test]
    fn debug_output_holds_nothing_secret() {
        let project = Project {
            api_key: ApiKey::try_from("47000001".to_owned()).unwrap(),
            secret: "hidden-secret".to_owned(),
            public_key: Some("hidden-key".to_owned()),
        };
        assert!(!format!("{project:?}").contains("hidden"));
    }
}
