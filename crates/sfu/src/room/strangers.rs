//! Offers of those who are nobody in the room yet. A bad one leaves no peer behind, so no peer's limit holds it back.

use std::collections::VecDeque;
use std::time::Instant;

use model::id::PeerId;

use super::bucket::Bucket;
use super::limits::{MAX_MEMORIES, SIGNAL_BURST, SIGNAL_PACE};

/// Whose first offer was bad, and how often such people may try again: all of them together, as one of them may come
/// by many names. Whoever offers for the first time is not held up by them.
pub(crate) struct Strangers {
    failed: VecDeque<PeerId>,
    retries: Bucket,
}

impl Strangers {
    pub(crate) fn new(now: Instant) -> Self {
        Self { failed: VecDeque::new(), retries: Bucket::new(now, SIGNAL_BURST, SIGNAL_PACE) }
    }

    /// Whether an offer of somebody who is not in the room is to be read.
    pub(crate) fn admit(&mut self, now: Instant, id: &PeerId) -> bool {
        !self.failed.contains(id) || self.retries.take(now)
    }

    /// It was bad.
    pub(crate) fn fail(&mut self, id: PeerId) {
        if self.failed.contains(&id) {
            return;
        }
        self.failed.push_back(id);
        if self.failed.len() > MAX_MEMORIES {
            self.failed.pop_front();
        }
    }
}
