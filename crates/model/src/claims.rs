//! What a token (`AuthMode=token`) says: a JWT, HS256, minted by the team's own backend.

use serde::{Deserialize, Serialize};

use crate::id::PeerId;
use crate::path::UrlPath;

/// The claims that count. Others are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// When the token ends, in seconds since the epoch: at most 30 days ahead. 60 s of leeway are given.
    pub exp: u64,
    /// The user's id.
    pub sub: String,
    /// The one `urlPath` that the token admits to.
    pub path: UrlPath,
    /// The one peer that its bearer may be; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<PeerId>,
    /// For the team's own use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// How far ahead `exp` may be, in seconds: a token that leaks is not good for ever.
pub const MAX_LIFE_SECONDS: u64 = 30 * 86_400;
/// How long after `exp` a token is still good, in seconds.
pub const LEEWAY_SECONDS: u64 = 60;
