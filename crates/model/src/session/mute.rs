//! A session's mute: a moderator has switched the sound of its streams off, of those that there were and of those to come.

use serde::{Deserialize, Serialize};

use super::stream::{Stream, StreamId};

/// How many streams a mute of all may leave out.
pub const MAX_EXCLUDED: usize = 100;

/// The mute of a session, as it was switched last.
///
/// Each stream knows the version that it is up to ([`Stream::mute`]): the one that it was published under, by which it was
/// muted, or that its publisher knew when it switched its sound on again. A mute concerns those of lower versions, however late
/// it is carried out, and concerns each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Grows each time that it is switched on or off; 0: never yet.
    pub version: u64,
    /// What is published now begins without sound.
    pub active: bool,
    /// The streams that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<StreamId>,
}

impl Mute {
    /// The mute after this one.
    #[must_use]
    pub fn next(&self, active: bool, excluded: Vec<StreamId>) -> Self {
        Self { version: self.version + 1, active, excluded }
    }

    /// Whether a stream has sound that it is to lose by this.
    #[must_use]
    pub fn concerns(&self, id: &StreamId, stream: &Stream) -> bool {
        self.active && stream.has_audio && stream.mute < self.version && !self.excluded.contains(id)
    }

    /// Whether a stream is without sound by this.
    #[must_use]
    pub fn holds(&self, stream: &Stream) -> bool {
        self.active && !stream.has_audio && stream.mute == self.version
    }
}

/// A stream that was muted by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MutedStream {
    /// Which one.
    pub stream_id: StreamId,
    /// A version of its publisher's streams with which it has no sound.
    pub version: u64,
}
