//! The limit on offers of peers that are not in the room yet. A bad first offer leaves no peer behind, so a
//! limit of the peer's own would not hold the next one back.

use std::collections::VecDeque;
use std::time::Instant;

use model::id::PeerId;

use super::bucket::Bucket;
use super::limits::{MAX_REMEMBERED, SIGNAL_BURST, SIGNAL_PACE};

/// Ids whose first offer was bad share one limit for their retries, as one person may use many ids. A first
/// offer of any other id does not count.
pub(crate) struct FirstOfferLimit {
    failed: VecDeque<PeerId>,
    retries: Bucket,
}

impl FirstOfferLimit {
    pub(crate) fn new(now: Instant) -> Self {
        Self { failed: VecDeque::new(), retries: Bucket::new(now, SIGNAL_BURST, SIGNAL_PACE) }
    }

    pub(crate) fn admit(&mut self, now: Instant, id: &PeerId) -> bool {
        !self.failed.contains(id) || self.retries.take(now)
    }

    pub(crate) fn record_failure(&mut self, id: PeerId) {
        if self.failed.contains(&id) {
            return;
        }
        self.failed.push_back(id);
        if self.failed.len() > MAX_REMEMBERED {
            self.failed.pop_front();
        }
    }
}
