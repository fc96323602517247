//! Tokens in sample events. One that is good for minutes would be expired in any file: those that a project of the
//! fixtures has signed are signed anew, as if that had been now.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use regex_lite::{Captures, Regex};
use serde_json::{Map, Value as Json};

/// The claims that are points in time, in seconds.
const TIMES: [&str; 5] = ["iat", "nbf", "exp", "create_time", "expire_time"];
/// A JWT whose signature has the length of HMAC-SHA256's. In JSON it stands as it is, also in JSON within JSON.
const JWT: &str = r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}";

/// The event with its tokens signed anew by the one of `secrets` that has signed them; others stay as they are.
///
/// # Errors
///
/// A sentence when that fails.
pub(super) fn renew(event: &str, secrets: &[String], now_seconds: u64) -> Result<String, String> {
    let tokens = Regex::new(JWT).map_err(|error| error.to_string())?;
    let renewed = tokens.replace_all(event, |found: &Captures<'_>| {
        let token = found.get(0).map(|token| token.as_str()).unwrap_or_default();
        let renewed = secrets.iter().find_map(|secret| renewed(token, secret, now_seconds));
        renewed.unwrap_or_else(|| token.to_owned())
    });
    Ok(renewed.into_owned())
}

/// The token with all its times moved, so that it was made now; `None` unless `secret` has signed it.
fn renewed(token: &str, secret: &str, now_seconds: u64) -> Option<String> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let key = DecodingKey::from_secret(secret.as_bytes());
    let mut claims = jsonwebtoken::decode::<Map<String, Json>>(token, &key, &validation).ok()?.claims;
    let later = now_seconds.checked_sub(claims.get("iat")?.as_u64()?)?;
    for name in TIMES {
        if let Some(time) = claims.get_mut(name) {
            *time = time.as_u64()?.checked_add(later)?.into();
        }
    }
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3cr";

    fn signed(claims: &Json, secret: &str) -> String {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    #[test]
    fn a_token_of_a_known_project_is_as_new() {
        let claims = json!({ "iss": "47000001", "iat": 1000, "exp": 1300, "expire_time": 1300 });
        let body = json!({ "data": { "token": signed(&claims, SECRET) } }).to_string();
        let event = json!({ "headers": { "a": signed(&claims, SECRET) }, "body": body }).to_string();
        let renewed = renew(&event, &["another".into(), SECRET.into()], 9000).unwrap();
        let expected = json!({ "iss": "47000001", "iat": 9000, "exp": 9300, "expire_time": 9300 });
        let body = json!({ "data": { "token": signed(&expected, SECRET) } }).to_string();
        let expected = json!({ "headers": { "a": signed(&expected, SECRET) }, "body": body });
        assert_eq!(serde_json::from_str::<Json>(&renewed).unwrap(), expected);
    }

    #[test]
    fn another_token_stays_as_it_is() {
        let event = json!([
            signed(&json!({ "iat": 1000, "exp": 1300 }), "another"),
            "a.b.c",
            signed(&json!({}), SECRET)
        ]);
        assert_eq!(renew(&event.to_string(), &[SECRET.into()], 9000).unwrap(), event.to_string());
    }
}
