//! What becomes of streams.

use serde::{Deserialize, Serialize};

use super::notice::Destroyed;
use super::stream::PropertyChange;

/// What has become of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StreamEvent {
    /// It has begun.
    Created,
    /// It has ended.
    Destroyed(Destroyed),
    /// Somebody else has switched its sound off.
    Muted,
    /// It is not what it was.
    Changed(Vec<PropertyChange>),
}
