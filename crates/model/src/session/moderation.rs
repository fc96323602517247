//! What a moderator does to others.

use super::stream::StreamId;
use crate::id::PeerId;

/// `forceDisconnect {connectionId}`
#[derive(Debug, PartialEq, Eq)]
pub struct ForceDisconnect {
    /// Whose stay is to end.
    pub connection: PeerId,
}

/// `forceMuteStream {streamId}`
#[derive(Debug, PartialEq, Eq)]
pub struct ForceMuteStream {
    /// Which stream is to lose its sound.
    pub id: StreamId,
}

/// `forceMuteAll {excludedStreamIds?}`
#[derive(Debug, PartialEq, Eq)]
pub struct ForceMuteAll {
    /// The streams that keep their sound; ids of none that is there are as good.
    pub excluded: Vec<StreamId>,
}

/// `forceUnpublish {streamId}`
#[derive(Debug, PartialEq, Eq)]
pub struct ForceUnpublish {
    /// Which stream is to end.
    pub id: StreamId,
}
