//! An issue: what a client reports when something went wrong.

use serde::{Deserialize, Serialize};

use crate::id::{PeerId, RoomId};
use crate::time::{EpochMillis, EpochSeconds};

/// The longest text of an issue, in bytes of UTF-8.
pub const MAX_ISSUE_BYTES: usize = 8192;

/// `reportIssue {text}`
#[derive(Debug, PartialEq, Eq)]
pub struct ReportIssue {
    /// What went wrong: 1 to [`MAX_ISSUE_BYTES`].
    pub text: String,
}

/// A stored issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// Where.
    pub session_id: RoomId,
    /// By whom.
    pub connection_id: PeerId,
    /// What it says.
    pub text: String,
    /// When.
    pub reported_at: EpochMillis,
    /// Then it is deleted.
    pub expires_at: EpochSeconds,
}
