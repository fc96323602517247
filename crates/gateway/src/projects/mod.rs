//! Projects: who may use the REST API, and whom their tokens admit to sessions.
//!
//! Each project is a secret of its own, named `<PROJECTS><apiKey>`: [`model::session::Project`] as JSON. Its current
//! and its previous version are both good, so that a secret is rotated by putting another one.

mod jwt;
mod keys;

use aws_config::SdkConfig;
use model::id::RoomId;
use model::person::PersonId;
use model::session::token::Signed;
use model::session::token::credential::Credential;
use model::session::token::jwt::JwtClaims;
use model::session::token::t1::{T1, is_t1};
use model::session::{ApiKey, Grant};
use model::time::EpochMillis;

use self::jwt::Jwt;
use self::keys::KeyRing;
use crate::auth::Denied;
use crate::config;
use crate::failure::Failure;
use crate::secrets::Secrets;

/// The stack's projects.
pub struct Projects(KeyRing);

impl std::fmt::Debug for Projects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Projects(…)")
    }
}

impl Projects {
    /// Reads `PROJECTS`: what the names of the projects' secrets begin with. No secret is read yet.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        Ok(Self::new(config, config::text("PROJECTS")?))
    }

    fn new(config: &SdkConfig, prefix: String) -> Self {
        Self(KeyRing::new(Secrets::new(config, prefix)))
    }

    /// What a client's token, in whichever form, grants it in `session` of the project `api_key`, and to whom. Whether there is such
    /// a session is not asked.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`] for a token that is not this project's, not this session's, not good now, or breaks
    /// another rule of [`model::session::token`]; also when there is no such project. [`Denied::Busy`] while too many
    /// wrong tokens come for that to be known.
    pub async fn admit(
        &self,
        api_key: &ApiKey,
        session: &RoomId,
        token: &str,
        now: EpochMillis,
    ) -> Result<(Grant, PersonId), Denied> {
        let (claims, person) = if is_t1(token) {
            let parsed = T1::parse(token).ok_or(Denied::Unauthorized)?;
            let claims = self.0.verify(api_key, token, now, |keys| parsed.claims(keys.secret())).await?;
            (claims, PersonId::of_token(parsed.signed()))
        } else {
            let jwt = Jwt::parse(token).ok_or(Denied::Unauthorized)?;
            let claims: JwtClaims = self.0.verify(api_key, token, now, |keys| jwt.verify(keys)).await?;
            (claims.into_claims(jwt.signed()), PersonId::of_token(jwt.signed_text()))
        };
        let grant = claims.grant(api_key, session, now).map_err(|_| Denied::Unauthorized)?;
        Ok((grant, person))
    }

    /// The project that a server's credential speaks for: a JWT, without the word `Bearer`.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`] for one that no project signed, that is not good now, or is a client's token;
    /// [`Denied::Busy`] as [`admit`](Self::admit).
    pub async fn authenticate(&self, credential: &str, now: EpochMillis) -> Result<ApiKey, Denied> {
        let jwt = Jwt::parse(credential).ok_or(Denied::Unauthorized)?;
        let signed: Signed = jwt.signed();
        let named: Option<Credential> = jwt.unverified();
        let api_key = named.and_then(|claims| claims.api_key(signed)).ok_or(Denied::Unauthorized)?;
        let claims: Credential = self.0.verify(&api_key, credential, now, |keys| jwt.verify(keys)).await?;
        claims.check(signed, now).map_err(|_| Denied::Unauthorized)?;
        Ok(api_key)
    }
}

#[cfg(test)]
mod tests;
