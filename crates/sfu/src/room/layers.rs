//! Which encoding of a simulcast video a receiver gets.

use std::time::{Duration, Instant};

/// A bit rate, measured.
#[derive(Debug)]
pub(crate) struct Rate {
    since: Instant,
    bytes: u64,
    bits_per_second: u64,
    /// The highest that it has been.
    pub(crate) peak: u64,
    /// When a packet last came.
    pub(crate) last: Option<Instant>,
}

/// How long bytes are counted before they are a rate.
const WINDOW: Duration = Duration::from_millis(500);
/// An encoding that sent nothing for so long has been switched off by its sender.
const SILENCE: Duration = Duration::from_millis(1_500);

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, bits_per_second: 0, peak: 0, last: None }
    }

    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.bytes += bytes as u64;
        self.last = Some(now);
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= WINDOW {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
            let now_rate = self.bytes * 8_000 / millis;
            // Smoothed: one key frame must not count as the rate.
            self.bits_per_second = if self.bits_per_second == 0 {
                now_rate
            } else {
                u64::midpoint(self.bits_per_second, now_rate)
            };
            self.peak = self.peak.max(self.bits_per_second);
            (self.since, self.bytes) = (now, 0);
        }
    }

    /// Bits a second, or nothing when nothing comes.
    pub(crate) fn get(&self, now: Instant) -> Option<u64> {
        let last = self.last?;
        (now.saturating_duration_since(last) < SILENCE).then_some(self.bits_per_second)
    }
}

/// A higher encoding is chosen when the budget is at least this percentage of its rate. The gap to [`DOWN`]
/// keeps an estimate that fluctuates from switching back and forth.
const UP: u64 = 110;
/// The present encoding is kept while the budget is at least this percentage of its rate.
const DOWN: u64 = 95;

/// The largest encoding that fits `budget` bits a second, as an index into `rates`, which are sorted from the
/// smallest and `None` where nothing comes. The smallest that comes is chosen whatever the budget.
pub(crate) fn choose(rates: &[Option<u64>], current: Option<usize>, budget: u64) -> Option<usize> {
    let fits = |(place, rate): &(usize, u64)| {
        let margin = if Some(*place) == current { DOWN } else { UP };
        rate.saturating_mul(margin) / 100 <= budget
    };
    let coming = || rates.iter().enumerate().filter_map(|(place, rate)| rate.map(|rate| (place, rate)));
    coming().rfind(fits).or_else(|| coming().next()).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Option<u64>; 3] = [Some(150_000), Some(500_000), Some(1_500_000)];

    #[test]
    fn the_best_encoding_that_fits_is_chosen() {
        let chosen = [0, 160_000, 600_000, 1_600_000, 1_800_000].map(|budget| choose(&RATES, None, budget));
        assert_eq!(chosen, [Some(0), Some(0), Some(1), Some(1), Some(2)]);
        assert_eq!(
            choose(&[None, Some(500_000), None], Some(2), 100),
            Some(1),
            "what does not come is not chosen"
        );
        assert_eq!(choose(&[None, None], None, 1_000), None);
    }

    #[test]
    fn an_estimate_that_wavers_does_not_switch() {
        for budget in [480_000, 520_000, 545_000, 500_000] {
            assert_eq!(choose(&RATES, Some(0), budget), Some(0));
            assert_eq!(choose(&RATES, Some(1), budget), Some(1));
        }
    }

    #[test]
    fn a_rate_is_measured_and_ends() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::new(start);
        assert_eq!(rate.get(at(0)), None);
        for ms in (0..3_000).step_by(20) {
            rate.add(at(ms), 1_000);
        }
        let measured = rate.get(at(3_000)).unwrap();
        assert!((380_000..420_000).contains(&measured), "{measured}");
        assert_eq!(rate.get(at(4_600)), None);
    }
}
