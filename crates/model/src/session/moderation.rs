//! What a moderator does to others.

use crate::id::PeerId;

/// `forceDisconnect {connectionId}`
#[derive(Debug, PartialEq, Eq)]
pub struct ForceDisconnect {
    /// Whose stay is to end.
    pub connection: PeerId,
}
