//! What a team's server shows with a REST call: a short-lived JWT, in `X-OPENTOK-AUTH` (`OpenTok`, HS256) or as a
//! bearer (Vonage, RS256). Both forms are taken in either header.

use std::time::Duration;

use serde::Deserialize;

use super::claims::Signed;
use super::lifetime::{Lifetime, numeric_date};
use super::refused::Refused;
use crate::session::project::ApiKey;
use crate::time::{EpochMillis, EpochSeconds};

/// How long `OpenTok`'s may be good, as its REST documents say.
const LONGEST_BY_SECRET: Duration = Duration::from_mins(5);
/// How long Vonage's may be good: what its SDKs make.
const LONGEST_BY_PRIVATE_KEY: Duration = Duration::from_mins(15);

/// The claims of a credential. One that is given twice is an error.
#[derive(Deserialize)]
pub struct Credential {
    iss: Option<String>,
    ist: Option<String>,
    application_id: Option<String>,
    scope: Option<String>,
    session_id: Option<String>,
    #[serde(default, deserialize_with = "numeric_date")]
    iat: Option<EpochSeconds>,
    #[serde(default, deserialize_with = "numeric_date")]
    nbf: Option<EpochSeconds>,
    #[serde(default, deserialize_with = "numeric_date")]
    exp: Option<EpochSeconds>,
}

impl Credential {
    /// The project that it names.
    #[must_use]
    pub fn api_key(&self, signed: Signed) -> Option<ApiKey> {
        let name = match signed {
            Signed::BySecret => self.iss.as_ref().filter(|_| self.is_of_server()),
            Signed::ByPrivateKey => self.application_id.as_ref(),
        };
        name.and_then(|name| ApiKey::try_from(name.clone()).ok())
    }

    fn is_of_server(&self) -> bool {
        matches!(self.ist.as_deref(), Some("project" | "account"))
    }

    /// Checks a credential whose signature has been verified.
    ///
    /// A client's token is signed with the same key. It must not open the REST API to its bearer, however short its
    /// stamp is: what has a scope or a session is no credential.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, signed: Signed, now: EpochMillis) -> Result<(), Refused> {
        if self.scope.is_some() || self.session_id.is_some() {
            return Err(Refused::Scope);
        }
        if self.iat.is_none() {
            return Err(Refused::Endless);
        }
        let longest = match signed {
            Signed::BySecret => LONGEST_BY_SECRET,
            Signed::ByPrivateKey => LONGEST_BY_PRIVATE_KEY,
        };
        let lifetime = Lifetime { issued_at: self.iat, not_before: self.nbf, expires_at: self.exp };
        lifetime.check(longest, now)
    }
}

impl std::fmt::Debug for Credential {
    /// Claims are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;
    const KEY: &str = "47000001";

    fn check(json: &str, signed: Signed) -> Result<(), Refused> {
        serde_json::from_str::<Credential>(json).unwrap().check(signed, EpochMillis(NOW * 1000))
    }

    fn lasting(seconds: u64, signed: Signed) -> Result<(), Refused> {
        check(&format!(r#"{{"iat":{NOW},"exp":{}}}"#, NOW + seconds), signed)
    }

    #[test]
    fn opentoks_lasts_five_minutes_and_vonages_fifteen() {
        assert_eq!(lasting(300 + 60, Signed::BySecret), Ok(()));
        assert_eq!(lasting(300 + 61, Signed::BySecret), Err(Refused::Lasting));
        assert_eq!(lasting(900 + 60, Signed::ByPrivateKey), Ok(()));
        assert_eq!(lasting(900 + 61, Signed::ByPrivateKey), Err(Refused::Lasting));
    }

    #[test]
    fn it_says_when_it_was_made_and_when_it_ends() {
        assert_eq!(check(&format!(r#"{{"iat":{NOW}}}"#), Signed::BySecret), Err(Refused::Endless));
        assert_eq!(check(&format!(r#"{{"exp":{NOW}}}"#), Signed::BySecret), Err(Refused::Endless));
        let early = format!(r#"{{"iat":{},"exp":{}}}"#, NOW + 61, NOW + 100);
        assert_eq!(check(&early, Signed::BySecret), Err(Refused::Early));
        let later = format!(r#"{{"iat":{NOW},"nbf":{},"exp":{}}}"#, NOW + 61, NOW + 100);
        assert_eq!(check(&later, Signed::BySecret), Err(Refused::Early));
        let over = format!(r#"{{"iat":{},"exp":{}}}"#, NOW - 100, NOW - 60);
        assert_eq!(check(&over, Signed::BySecret), Err(Refused::Expired));
    }

    #[test]
    fn a_clients_token_is_no_credential_however_short() {
        for claim in [r#""scope":"session.connect""#, r#""session_id":"s""#] {
            let json = format!(r#"{{{claim},"iat":{NOW},"exp":{}}}"#, NOW + 100);
            for signed in [Signed::BySecret, Signed::ByPrivateKey] {
                assert_eq!(check(&json, signed), Err(Refused::Scope), "{claim}");
            }
        }
    }

    #[test]
    fn the_algorithm_decides_which_claim_names_the_project() {
        let key = |json: &str, signed| serde_json::from_str::<Credential>(json).unwrap().api_key(signed);
        for ist in ["project", "account"] {
            let json = format!(r#"{{"iss":"{KEY}","ist":"{ist}","application_id":"x"}}"#);
            assert_eq!(key(&json, Signed::BySecret).unwrap().as_str(), KEY);
            assert_eq!(key(&json, Signed::ByPrivateKey), None);
        }
        assert_eq!(key(&format!(r#"{{"iss":"{KEY}"}}"#), Signed::BySecret), None);
        assert_eq!(key(&format!(r#"{{"iss":"{KEY}","ist":"user"}}"#), Signed::BySecret), None);
        let json = format!(r#"{{"application_id":"{KEY}"}}"#);
        assert_eq!(key(&json, Signed::ByPrivateKey).unwrap().as_str(), KEY);
    }
}
