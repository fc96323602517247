//! The claims of a client's JWT, HS256 (`OpenTok`) or RS256 (Vonage).

use serde::Deserialize;

use super::claims::{Claims, Signed};
use super::lifetime::{Lifetime, numeric_date};
use crate::time::EpochSeconds;

/// The claims as they stand in the JWT. One that is given twice is an error. `create_time` and `expire_time`, which npm
/// `opentok` adds, say nothing new.
#[derive(Deserialize)]
pub struct JwtClaims {
    iss: Option<String>,
    ist: Option<String>,
    application_id: Option<String>,
    scope: Option<String>,
    session_id: Option<String>,
    role: Option<String>,
    // `data` is what the Ruby SDK writes.
    #[serde(alias = "data")]
    connection_data: Option<String>,
    // Ours, with the name that it has in the tokens of `AuthMode`.
    #[serde(rename = "peerId")]
    peer_id: Option<String>,
    initial_layout_class_list: Option<Classes>,
    #[serde(default, deserialize_with = "numeric_date")]
    iat: Option<EpochSeconds>,
    #[serde(default, deserialize_with = "numeric_date")]
    nbf: Option<EpochSeconds>,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: Option<EpochSeconds>,
}

/// Layout classes: one text with blanks between them, or (Python's `vonage-video`) a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Classes {
    Joined(String),
    List(Vec<String>),
}

impl Classes {
    fn joined(self) -> String {
        match self {
            Self::Joined(text) => text,
            Self::List(classes) => classes.join(" "),
        }
    }
}

impl JwtClaims {
    /// The same, in the form that all tokens end as.
    #[must_use]
    pub fn into_claims(self, signed: Signed) -> Claims {
        Claims {
            api_key: match signed {
                Signed::BySecret => self.iss.filter(|_| self.ist.as_deref() == Some("project")),
                Signed::ByPrivateKey => self.application_id,
            },
            scope: self.scope,
            session_id: self.session_id,
            role: self.role,
            connection_data: self.connection_data.unwrap_or_default(),
            peer_id: self.peer_id,
            layout_classes: self.initial_layout_class_list.map(Classes::joined).unwrap_or_default(),
            lifetime: Lifetime { issued_at: self.iat, not_before: self.nbf, expires_at: self.exp },
        }
    }
}

impl std::fmt::Debug for JwtClaims {
    /// Claims are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwtClaims(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, signed: Signed) -> Claims {
        serde_json::from_str::<JwtClaims>(json).unwrap().into_claims(signed)
    }

    #[test]
    fn opentok_names_the_project_as_issuer() {
        let claims = read(
            r#"{"iss":"47000001","ist":"project","iat":1,"exp":3,"create_time":1,"expire_time":3,"nonce":0.5,
                "session_id":"s","role":"moderator","scope":"session.connect","connection_data":"d","peerId":"p",
                "initial_layout_class_list":"a b","application_id":"other"}"#,
            Signed::BySecret,
        );
        let lifetime = Lifetime {
            issued_at: Some(EpochSeconds(1)),
            not_before: None,
            expires_at: Some(EpochSeconds(3)),
        };
        let expected = Claims {
            api_key: Some("47000001".to_owned()),
            scope: Some("session.connect".to_owned()),
            session_id: Some("s".to_owned()),
            role: Some("moderator".to_owned()),
            connection_data: "d".to_owned(),
            peer_id: Some("p".to_owned()),
            layout_classes: "a b".to_owned(),
            lifetime,
        };
        assert!(claims == expected);
    }

    #[test]
    fn a_token_of_an_account_is_no_clients() {
        for ist in [r#","ist":"account""#, ""] {
            let json = format!(r#"{{"iss":"47000001","application_id":"47000001"{ist}}}"#);
            assert_eq!(read(&json, Signed::BySecret).api_key, None);
        }
    }

    #[test]
    fn vonage_names_the_project_as_application() {
        let json = r#"{"application_id":"a","iss":"b","ist":"project","data":"d","nbf":2,"initial_layout_class_list":["a","b c"]}"#;
        let claims = read(json, Signed::ByPrivateKey);
        assert_eq!(claims.api_key.as_deref(), Some("a"));
        assert_eq!(claims.connection_data, "d");
        assert_eq!(claims.layout_classes, "a b c");
        assert_eq!(claims.lifetime.not_before, Some(EpochSeconds(2)));
    }

    #[test]
    fn null_is_absent() {
        let claims = read(
            r#"{"role":null,"connection_data":null,"initial_layout_class_list":null,"exp":null}"#,
            Signed::BySecret,
        );
        assert!(claims == Claims::default());
    }

    #[test]
    fn a_claim_given_twice_is_an_error() {
        for twice in [
            r#"{"role":"moderator","role":"subscriber"}"#,
            r#"{"data":"a","connection_data":"b"}"#,
            r#"{"peerId":"a","peerId":"b"}"#,
            r#"{"exp":1,"e\u0078p":2}"#,
        ] {
            assert!(serde_json::from_str::<JwtClaims>(twice).is_err(), "{twice}");
        }
    }

    #[test]
    fn a_claim_of_another_type_is_an_error() {
        for wrong in
            [r#"{"role":1}"#, r#"{"session_id":["s"]}"#, r#"{"peerId":7}"#, r#"{"exp":"1"}"#, "[]", "null"]
        {
            assert!(serde_json::from_str::<JwtClaims>(wrong).is_err(), "{wrong}");
        }
    }
}
