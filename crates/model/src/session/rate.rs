//! How often something may be done.

use std::time::Duration;

use crate::time::EpochMillis;

/// So many at once, and so many a second in the long run.
///
/// Counted by the generic cell rate algorithm (ITU-T I.371), because it needs one number, the time from which
/// somebody owes nothing, and so one conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    tolerance: Duration,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once; both at least 1, and no more than 1,000 a second.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::every(Duration::from_millis(1000 / u64::from(per_second.clamp(1, 1000))), burst)
    }

    /// One every `interval` in the long run, `burst` at once, at least 1.
    #[must_use]
    pub fn every(interval: Duration, burst: u32) -> Self {
        Self { interval, tolerance: interval * burst.max(1).saturating_sub(1) }
    }

    /// What one more adds to the time from which nothing is owed.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The latest such time at which one more is let through.
    #[must_use]
    pub fn latest(&self, now: EpochMillis) -> EpochMillis {
        now.plus(self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `wanted` are let through at once, after everything has been paid.
    fn burst(rate: Rate, wanted: u32) -> u32 {
        let now = EpochMillis(1_000_000);
        let (mut debt, mut passed) = (now, 0);
        for _ in 0..wanted {
            if debt <= rate.latest(now) {
                debt = debt.plus(rate.interval());
                passed += 1;
            }
        }
        passed
    }

    #[test]
    fn a_burst_is_as_large_as_it_may_be() {
        assert_eq!(burst(Rate::new(10, 50), 200), 50);
        assert_eq!(burst(Rate::new(1, 1), 10), 1);
        assert_eq!(burst(Rate::new(0, 0), 10), 1);
    }
}
