//! Who may enter: the tokens of `AuthMode=token`.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::SdkConfig;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    get_current_timestamp,
};
use model::claims::{Claims, LEEWAY_SECONDS, MAX_LIFE_SECONDS};
use model::http::HttpError;
use model::person::PersonId;
use model::session::rest::RestError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::config;
use crate::failure::Failure;
use crate::secrets::{READ, Secret};

/// The shortest key that is accepted, in bytes: RFC 7518 §3.2 wants as many bits as the hash has.
const MIN_KEY_BYTES: usize = 32;
/// How long an unknown `kid` is answered from what is known.
const REREAD_AFTER: Duration = Duration::from_mins(5);

/// The stack's `AuthMode`.
#[derive(Debug)]
pub enum Auth {
    /// Anybody may enter.
    Open,
    /// A valid token is needed.
    Token(Keys),
}

/// What a bearer of a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// `AuthMode=open`: anything.
    Anybody,
    /// What its token says, and who that is.
    Holder(Claims, PersonId),
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// No token, or one that is not (or no longer) valid.
    #[error("no valid token")]
    Unauthorized,
    /// Whether the token is valid is not known now: the same one may be let in later.
    #[error("too many wrong tokens")]
    Busy,
    /// The keys could not be read.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<Denied> for HttpError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::Unauthorized,
            // Of projects' tokens only, which these routes do not take.
            Denied::Busy => Failure::new("token", "too many wrong tokens").into(),
            Denied::Failed(failure) => failure.into(),
        }
    }
}

impl From<Denied> for RestError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::Unauthorized,
            Denied::Busy => Self::Busy,
            Denied::Failed(failure) => failure.into(),
        }
    }
}

impl Auth {
    /// Reads `AUTH_MODE` and, for `token`, the keys in the secret `TOKEN_SECRET_ARN`.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the secret could not be read.
    pub async fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        match config::text("AUTH_MODE")?.as_str() {
            "open" => Ok(Self::Open),
            "token" => Ok(Self::Token(Keys::read(config, "TOKEN_SECRET_ARN").await?)),
            _ => Err(Failure::new("AUTH_MODE", "must be open or token")),
        }
    }

    /// Checks a token: HS256 by a key that is known, no `crit`, `exp` at most 30 days ahead and with 60 s of leeway, `sub`
    /// and `path` there.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn verify(&self, token: Option<&str>) -> Result<Bearer, Denied> {
        match self {
            Self::Open => Ok(Bearer::Anybody),
            Self::Token(keys) => {
                let token = token.ok_or(Denied::Unauthorized)?;
                let claims: Claims = keys.verify(token).await?;
                if claims.exp > get_current_timestamp() + MAX_LIFE_SECONDS + LEEWAY_SECONDS {
                    return Err(Denied::Unauthorized);
                }
                Ok(Bearer::Holder(claims, PersonId::of_token(signed_part(token))))
            }
        }
    }
}

/// The part of a JWT that is signed: all but the signature.
pub(crate) fn signed_part(jwt: &str) -> &str {
    jwt.rsplit_once('.').map_or(jwt, |(signed, _)| signed)
}

/// The keys that tokens are signed with: a Secrets Manager secret, a flat JSON object of `kid` to key text.
pub struct Keys {
    secret: Secret,
    known: Mutex<Known>,
}

struct Known {
    keys: HashMap<String, DecodingKey>,
    /// The key whose id is the last one, so that one that is added is used at once: `k2` after `k1`.
    signing: Option<(String, EncodingKey)>,
    read_at: Instant,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Reads the keys in the secret whose ARN is in the variable `name`.
    pub(crate) async fn read(config: &SdkConfig, name: &'static str) -> Result<Self, Failure> {
        let secret = Secret::of_env(config, name)?;
        let known = Mutex::new(Known::read(&secret).await?);
        Ok(Self { secret, known })
    }

    /// Signs claims with one of the keys.
    pub(crate) async fn sign(&self, claims: &impl Serialize) -> Result<String, Failure> {
        let mut known = self.known.lock().await;
        // A key that was taken away since must sign nothing more.
        if known.read_at.elapsed() >= REREAD_AFTER {
            *known = Known::read(&self.secret).await?;
        }
        let (kid, key) =
            known.signing.as_ref().ok_or_else(|| Failure::new(READ, "the secret holds no key"))?;
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, claims, key).map_err(|_| Failure::new("jwt", "the claims were not signed"))
    }

    /// What a JWT says, if one of the keys signed it, without `crit`, and it has not ended.
    pub(crate) async fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<C, Denied> {
        // Nothing that `crit` may name is understood here (RFC 7515 §4.1.11).
        let header = decode_header(token).ok().filter(|header| header.crit.is_none());
        let header = header.ok_or(Denied::Unauthorized)?;
        let mut known = self.known.lock().await;
        // A key that was added since, by a rotation. Bounded, so that made-up kids cost nothing.
        if known.key(header.kid.as_deref()).is_none() && known.read_at.elapsed() >= REREAD_AFTER {
            // Also when the read fails: the next made-up kid must not ask again at once.
            known.read_at = Instant::now();
            *known = Known::read(&self.secret).await?;
        }
        let key = known.key(header.kid.as_deref()).ok_or(Denied::Unauthorized)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        decode(token, key, &validation).map(|token| token.claims).map_err(|_| Denied::Unauthorized)
    }
}

impl Known {
    async fn read(secret: &Secret) -> Result<Self, Failure> {
        let keys: HashMap<String, String> = serde_json::from_str(&secret.read().await?)
            .map_err(|_| Failure::new(READ, "the secret must be a JSON object of kid to key"))?;
        if let Some((kid, _)) = keys.iter().find(|(_, key)| key.len() < MIN_KEY_BYTES) {
            return Err(Failure::new(READ, format!("the key {kid} is shorter than 32 bytes")));
        }
        let last = keys.iter().max_by_key(|(kid, _)| kid.as_str());
        let signing = last.map(|(kid, key)| (kid.clone(), EncodingKey::from_secret(key.as_bytes())));
        let keys =
            keys.into_iter().map(|(kid, key)| (kid, DecodingKey::from_secret(key.as_bytes()))).collect();
        Ok(Self { keys, signing, read_at: Instant::now() })
    }

    /// The key of `kid`; a token that names none is checked with the only key, if there is only one.
    fn key(&self, kid: Option<&str>) -> Option<&DecodingKey> {
        match kid {
            Some(kid) => self.keys.get(kid),
            None if self.keys.len() == 1 => self.keys.values().next(),
            None => None,
        }
    }
}
