//! Tokens and tickets for the local gateway: JWTs signed with the secret of its template.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::clock::now_ms;
use crate::secrets::file;

/// What a token says.
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    /// Epoch seconds.
    exp: u64,
    /// Epoch seconds.
    iat: u64,
    sub: String,
    path: String,
    #[serde(rename = "peerId", skip_serializing_if = "Option::is_none")]
    peer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

impl Claims {
    pub(crate) fn new(
        sub: String,
        path: String,
        peer_id: Option<String>,
        role: Option<String>,
        ttl: Duration,
    ) -> Self {
        let now = now_ms() / 1_000;
        Self { exp: now.saturating_add(ttl.as_secs()), iat: now, sub, path, peer_id, role }
    }
}

/// What a ticket says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ticket {
    /// Epoch seconds.
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Ticket {
    pub(crate) fn new(path: Option<String>, session: Option<String>, ttl: Duration) -> Self {
        Self { exp: (now_ms() / 1_000).saturating_add(ttl.as_secs()), path, session }
    }
}

/// Signs `claims` with the first key of the secret in `folder`: the one called `name`, or the only one with keys.
///
/// # Errors
///
/// A sentence that says what is missing.
pub(crate) fn mint(folder: &Path, name: Option<&str>, claims: &impl Serialize) -> Result<String, String> {
    let stored = file::of_template(folder)?;
    // A secret of another kind, such as a TURN server's, holds no keys.
    let holds_keys = |text: &&String| serde_json::from_str::<Map<String, Json>>(text).is_ok();
    let mut with_keys = stored.values().filter(holds_keys);
    let found = match (name, with_keys.next(), with_keys.next()) {
        (Some(name), ..) => stored.get(name),
        (None, only, None) => only,
        (None, ..) => None,
    };
    let secret = found.ok_or_else(|| {
        format!(
            "{} has no secret to sign with: start the gateway once with it, make run PARAMETERS=\"AuthMode=token\"",
            folder.display()
        )
    })?;
    let keys: Map<String, Json> =
        serde_json::from_str(secret).map_err(|_| "the secret is no JSON object of keys".to_owned())?;
    let (kid, key) = keys
        .iter()
        .find_map(|(kid, key)| Some((kid, key.as_str()?)))
        .ok_or_else(|| "the secret holds no key".to_owned())?;
    let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

    use super::*;

    #[test]
    fn a_token_names_its_key_and_is_valid_under_it() {
        let folder = std::env::temp_dir().join(format!("arbiter-local-{}", crate::ids::task()));
        std::fs::create_dir_all(&folder).unwrap();
        let claims = Claims::new("u".into(), "/a".into(), Some("p".into()), None, Duration::from_mins(1));
        assert!(mint(&folder, None, &claims).unwrap_err().contains("make run"));
        std::fs::write(folder.join("secrets.json"), r#"{"A": "text", "S": "{\"k1\":\"0123456789abcdef\"}"}"#)
            .unwrap();
        let token = mint(&folder, None, &claims).unwrap();
        assert_eq!(decode_header(&token).unwrap().kid.as_deref(), Some("k1"));
        let key = DecodingKey::from_secret(b"0123456789abcdef");
        let read = decode::<Json>(&token, &key, &Validation::new(Algorithm::HS256)).unwrap().claims;
        assert_eq!(
            (read["path"].as_str(), read["peerId"].as_str(), read.get("role")),
            (Some("/a"), Some("p"), None)
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
