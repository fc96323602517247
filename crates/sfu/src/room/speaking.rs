//! Who speaks, from the audio level that each packet carries (RFC 6464).

use std::time::{Duration, Instant};

/// Louder than this is speech, in dBov: 0 is the loudest, -127 silence.
const LOUD: i8 = -50;
/// How long somebody has to be loud to count as speaking: a click is not speech.
const ATTACK: Duration = Duration::from_millis(120);
/// How long somebody has to be silent to count as silent: a pause for breath is speech.
const RELEASE: Duration = Duration::from_secs(1);
/// The longest gap between loud packets within the attack.
const GAP: Duration = Duration::from_millis(200);

/// Whether one peer speaks.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    speaks: bool,
    loud_since: Option<Instant>,
    loud_last: Option<Instant>,
}

impl Voice {
    /// Takes a packet's audio level, in dBov.
    pub(crate) fn observe(&mut self, now: Instant, level: i8) {
        if level < LOUD {
            return;
        }
        if self.loud_last.is_none_or(|last| now.saturating_duration_since(last) > GAP) {
            self.loud_since = Some(now);
        }
        self.loud_last = Some(now);
    }

    /// Whether the peer speaks, if that has changed.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<bool> {
        let since = |moment: Option<Instant>| moment.map(|moment| now.saturating_duration_since(moment));
        let speaks = if self.speaks {
            since(self.loud_last).is_some_and(|silent| silent < RELEASE)
        } else {
            let loud = self
                .loud_last
                .zip(self.loud_since)
                .map(|(last, first)| last.saturating_duration_since(first));
            since(self.loud_last).is_some_and(|silent| silent <= GAP)
                && loud.is_some_and(|loud| loud >= ATTACK)
        };
        let changed = speaks != self.speaks;
        self.speaks = speaks;
        changed.then_some(speaks)
    }

    pub(crate) fn speaks(&self) -> bool {
        self.speaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds 20 ms packets, and answers when it changed.
    fn changes(level: impl Fn(u64) -> i8, until: u64) -> Vec<(u64, bool)> {
        let start = Instant::now();
        let mut voice = Voice::default();
        (0..until)
            .step_by(20)
            .filter_map(|ms| {
                let now = start + Duration::from_millis(ms);
                voice.observe(now, level(ms));
                voice.poll(now).map(|speaks| (ms, speaks))
            })
            .collect()
    }

    #[test]
    fn speech_begins_and_ends_once() {
        let sentence = |ms| if (1_000..3_000).contains(&ms) { -20 } else { -90 };
        assert_eq!(changes(sentence, 6_000), [(1_120, true), (3_980, false)]);
    }

    #[test]
    fn a_click_is_no_speech_and_a_pause_no_end() {
        assert_eq!(changes(|ms| if ms == 500 { -5 } else { -127 }, 3_000), []);
        let halting = |ms| if ms % 900 < 300 { -30 } else { -80 };
        assert_eq!(changes(halting, 9_000), [(120, true)]);
    }
}
