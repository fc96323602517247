//! The T1 form of a token: `T1==` and, in base64, `partner_id=<apiKey>&sig=<signature>:<data>`. The signature is the
//! HMAC-SHA1 of the data's bytes under the project's secret, as 40 lower-case hexadecimal digits. Before the colon
//! there may be more fields, in any order: older SDKs tell their `sdk_version`. Nothing signs those, and nothing comes
//! of them.
//!
//! SHA-1 is OpenTok's choice; an HMAC does not need a hash without collisions.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::claims::{Claims, SCOPE};
use super::lifetime::{Lifetime, after};
use crate::session::project::ApiKey;
use crate::time::EpochSeconds;

/// What a token of this form begins with.
const PREFIX: &str = "T1==";
/// How long a token is good that does not say when it ends.
const DEFAULT_LIFE: Duration = Duration::from_hours(24);
/// The length of a signature, in bytes.
const SIGNATURE: usize = 20;

/// A token, not believed yet. There is one way only to write its two fields and its data, so that nothing of these can
/// be changed unseen.
pub struct T1 {
    api_key: ApiKey,
    signature: [u8; SIGNATURE],
    data: Vec<u8>,
}

/// Whether `token` is one of this form, or wants to be.
#[must_use]
pub fn is_t1(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl T1 {
    /// Takes a token apart.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let text = STANDARD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (head, data) = text.split_at_checked(colon)?;
        let (mut api_key, mut signature) = (None, None);
        for field in std::str::from_utf8(head).ok()?.split('&') {
            let (name, value) = field.split_once('=').filter(|(name, _)| !name.is_empty())?;
            let twice = match name {
                "partner_id" => api_key.replace(value),
                "sig" => signature.replace(value),
                _ => None,
            };
            if twice.is_some() {
                return None;
            }
        }
        Some(Self {
            api_key: ApiKey::try_from(api_key?.to_owned()).ok()?,
            signature: unhex(signature?)?,
            data: data.get(1..)?.to_vec(),
        })
    }

    /// The part of it that is signed.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.data
    }

    /// What it says, if `secret` signed it.
    ///
    /// Signed text that is no list of fields, or holds one twice, says nothing. `scope` may be absent, for Python's
    /// `opentok` leaves it out: in this form a token can be for nothing else. So may `expire_time` be: a token is good
    /// for 24 hours after `create_time`.
    #[must_use]
    pub fn claims(&self, secret: &str) -> Option<Claims> {
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(&self.data);
        mac.verify_slice(&self.signature).ok()?;

        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(&self.data) {
            if fields.insert(name, value.into_owned()).is_some() {
                return None;
            }
        }
        let issued_at = fields.get("create_time").map(|text| seconds(text)).transpose().ok()?;
        let expires_at = fields.get("expire_time").map(|text| seconds(text)).transpose().ok()?;
        let expires_at = expires_at.or_else(|| issued_at.map(|made| after(made, DEFAULT_LIFE)));
        Some(Claims {
            api_key: Some(self.api_key.to_string()),
            scope: Some(fields.remove("scope").unwrap_or_else(|| SCOPE.to_owned())),
            session_id: fields.remove("session_id"),
            role: fields.remove("role"),
            connection_data: fields.remove("connection_data").unwrap_or_default(),
            peer_id: fields.remove("peerId"),
            layout_classes: fields.remove("initial_layout_class_list").unwrap_or_default(),
            lifetime: Lifetime { issued_at, not_before: None, expires_at },
        })
    }
}

impl std::fmt::Debug for T1 {
    /// Tokens are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("T1(…)")
    }
}

fn seconds(text: &str) -> Result<EpochSeconds, std::num::ParseIntError> {
    text.parse().map(EpochSeconds)
}

/// The bytes that 40 lower-case hexadecimal digits stand for.
fn unhex(text: &str) -> Option<[u8; SIGNATURE]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}
