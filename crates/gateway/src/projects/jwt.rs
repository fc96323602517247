//! JWTs that projects sign.

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use model::session::token::Signed;
use serde::de::DeserializeOwned;

use super::keys::Keys;

/// A JWT, not believed yet.
pub(super) struct Jwt<'a> {
    text: &'a str,
    signed: Signed,
}

impl<'a> Jwt<'a> {
    /// Takes a JWT whose header says HS256 or RS256, and nothing that would have to be understood (`crit`, RFC 7515
    /// §4.1.11).
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let header = decode_header(text).ok().filter(|header| header.crit.is_none())?;
        let algorithm = header.alg;
        let signed = [Signed::BySecret, Signed::ByPrivateKey].into_iter();
        signed.map(|signed| Self { text, signed }).find(|jwt| jwt.algorithm() == algorithm)
    }

    /// The part of it that is signed.
    pub(super) fn signed_text(&self) -> &str {
        crate::auth::signed_part(self.text)
    }

    /// How it says that it is signed.
    pub(super) fn signed(&self) -> Signed {
        self.signed
    }

    fn algorithm(&self) -> Algorithm {
        match self.signed {
            Signed::BySecret => Algorithm::HS256,
            Signed::ByPrivateKey => Algorithm::RS256,
        }
    }

    /// What it says, true or not: only to find the keys that it has to be checked with.
    pub(super) fn unverified<C: DeserializeOwned>(&self) -> Option<C> {
        insecure_decode_claims(self.text).ok()
    }

    /// What it says, if a key among `keys` signed it. The algorithm decides which key that is, so that a public key is
    /// never taken for a secret. When it is good is asked elsewhere, with a clock that tests can set.
    pub(super) fn verify<C: DeserializeOwned>(&self, keys: &Keys) -> Option<C> {
        let key: &DecodingKey = match self.signed {
            Signed::BySecret => keys.secret_key(),
            Signed::ByPrivateKey => keys.public_key()?,
        };
        let mut validation = Validation::new(self.algorithm());
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode(self.text, key, &validation).ok().map(|token| token.claims)
    }
}
