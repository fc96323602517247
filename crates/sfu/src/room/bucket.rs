//! A token bucket.

use std::time::{Duration, Instant};

/// Starts full with `burst` tokens, and gains one in each `pace`.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: u32,
    burst: u32,
    pace: Duration,
    /// When the bucket last gained a token, or was full.
    since: Instant,
}

impl Bucket {
    pub(crate) fn new(now: Instant, burst: u32, pace: Duration) -> Self {
        Self { tokens: burst, burst, pace, since: now }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        while self.tokens < self.burst && now.saturating_duration_since(self.since) >= self.pace {
            self.tokens += 1;
            self.since += self.pace;
        }
        if self.tokens == self.burst {
            self.since = now;
        }
        self.tokens.checked_sub(1).is_some_and(|left| {
            self.tokens = left;
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_a_pace() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, 3, Duration::from_millis(100));
        let taken = |bucket: &mut Bucket, at: u64| bucket.take(start + Duration::from_millis(at));
        assert_eq!([0, 0, 0, 0, 99].map(|at| taken(&mut bucket, at)), [true, true, true, false, false]);
        assert_eq!([100, 150, 200, 10_000].map(|at| taken(&mut bucket, at)), [true, false, true, true]);
        assert_eq!([10_000, 10_000, 10_000].map(|at| taken(&mut bucket, at)), [true, true, false]);
    }
}
