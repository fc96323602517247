//! Signature Version 4 (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>)
//! of requests that have no query.
//!
//! Key and signature are computed by `aws-sigv4`. Its way from an HTTP request to them takes several times as long
//! as both, and makes a new key for each request.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

/// What stays as it is in a path that is signed.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs requests to one service in one region.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    service: &'static str,
    key: Mutex<Option<Arc<Key>>>,
}

/// What is signed of a request, beside the headers that the signature itself brings.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    /// Percent-encoded: it is signed encoded twice.
    pub(super) path: &'a str,
    /// Names in lower case, values without spaces around them.
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: &'a [u8],
}

/// A signing key, which is good for a day.
struct Key {
    /// `20261128`
    day: String,
    access_key_id: String,
    bytes: Vec<u8>,
}

impl Signer {
    pub(super) fn new(region: String, service: &'static str) -> Self {
        Self { region, service, key: Mutex::default() }
    }

    /// The headers that make `request` a signed one.
    pub(super) fn sign(
        &self,
        request: &Signed<'_>,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Vec<(&'static str, String)> {
        let time = compact(now);
        let day = time.get(..8).unwrap_or_default();
        let mut headers = vec![("host", request.host), ("x-amz-date", time.as_str())];
        headers.extend(credentials.session_token().map(|token| ("x-amz-security-token", token)));
        headers.extend_from_slice(request.headers);
        headers.sort_unstable();

        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().flat_map(|(name, value)| [name, ":", value, "\n"]).collect();
        let path = utf8_percent_encode(request.path, ENCODED);
        let body = hash(request.body);
        let canonical = format!("{}\n{path}\n\n{lines}\n{names}\n{body:x}", request.method);

        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{:x}", hash(canonical.as_bytes()));
        let signature = calculate_signature(&self.key(day, credentials, now).bytes, text.as_bytes());
        let id = credentials.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        let token = credentials.session_token().map(|token| ("x-amz-security-token", token.to_owned()));
        [("x-amz-date", time), ("authorization", authorization)].into_iter().chain(token).collect()
    }

    fn key(&self, day: &str, credentials: &Credentials, now: SystemTime) -> Arc<Key> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let id = credentials.access_key_id();
        if let Some(key) = kept.as_ref().filter(|key| key.day == day && key.access_key_id == id) {
            return Arc::clone(key);
        }
        let key = generate_signing_key(credentials.secret_access_key(), now, &self.region, self.service);
        let (day, access_key_id) = (day.to_owned(), id.to_owned());
        let key = Arc::new(Key { day, access_key_id, bytes: key.as_ref().to_vec() });
        *kept = Some(Arc::clone(&key));
        key
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("day", &self.day).finish_non_exhaustive()
    }
}

fn hash(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Sha256::digest(bytes))
}

/// `20261128T140509Z`
fn compact(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = DateTime::from_secs(i64::try_from(seconds).unwrap_or_default());
    let text = time.fmt(Format::DateTime).unwrap_or_default();
    text.chars().filter(|character| !matches!(character, '-' | ':')).collect()
}
