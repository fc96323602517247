//! Trying again when DynamoDB says that two writes met.

use std::time::Duration;

use rand::RngExt as _;
use tokio::time::{Instant, sleep};

use crate::machine;

/// How long a write is tried again when it meets another one.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same for those that all members of a session contend for, at its count: a thousand may go at the same moment,
/// and nobody tries again for a `$disconnect` that gave up. A function has 29 s.
const CONTENDED_PATIENCE: Duration = Duration::from_secs(20);
/// The first pause at the most; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// No pause of a contended write is longer.
const LONGEST_CONTENDED_PAUSE: Duration = Duration::from_secs(2);

/// Pauses with full jitter, within a patience in all.
pub(crate) struct Pauses {
    until: Instant,
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub(crate) fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, next: FIRST_PAUSE, longest: LONGEST_PAUSE }
    }

    /// For a write that many others contend with.
    pub(crate) fn contended() -> Self {
        Self {
            until: Instant::now() + CONTENDED_PATIENCE,
            next: FIRST_PAUSE,
            longest: LONGEST_CONTENDED_PAUSE,
        }
    }

    /// For a write that has its turn among a few, one after the other, or goes before those of others.
    pub(crate) fn queued() -> Self {
        Self { longest: LONGEST_PAUSE, ..Self::contended() }
    }

    /// Whether the patience is used up, for whoever tries again at once.
    pub(crate) fn are_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Waits a random while; `false`, without waiting, when the patience is used up.
    pub(crate) async fn pause(&mut self) -> bool {
        let pause = self.next.mul_f64(machine::chance().random_range(0.1..=1.0));
        self.next = (self.next * 2).min(self.longest);
        let in_time = Instant::now() + pause < self.until;
        if in_time {
            sleep(pause).await;
        }
        in_time
    }
}

/// Whether an error code, or a cancellation reason, means that the same write may succeed a moment later. The
/// SDK retries a throttled request, but neither a conflict nor a transaction that was cancelled for one.
pub(super) fn is_transient(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "TransactionConflict"
                | "TransactionConflictException"
                | "ThrottlingError"
                | "ProvisionedThroughputExceeded"
        )
    )
}
