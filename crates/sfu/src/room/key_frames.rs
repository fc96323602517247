//! Requests for key frames: throttled, and repeated until there is one.

use std::time::{Duration, Instant};

/// The least time between two requests to one encoder.
const THROTTLE: Duration = Duration::from_millis(300);
/// When an unanswered request is repeated; the pause grows to four times this.
const PATIENCE: Duration = Duration::from_millis(500);

/// The requests to one encoding of one track.
#[derive(Debug, Default)]
pub(crate) struct KeyFrames {
    asked: Option<Instant>,
    due: Option<Instant>,
    unanswered: u32,
}

impl KeyFrames {
    /// A receiver needs a key frame. It is requested at the next [`poll`](Self::poll) that the throttle
    /// allows.
    pub(crate) fn want(&mut self, now: Instant) {
        let earliest = self.asked.map_or(now, |asked| now.max(asked + THROTTLE));
        self.due = Some(self.due.map_or(earliest, |due| due.min(earliest)));
    }

    /// Whether to ask now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.asked = Some(now);
        self.due = Some(now + PATIENCE * (1 << self.unanswered.min(2)));
        self.unanswered += 1;
        true
    }

    /// A key frame has come.
    pub(crate) fn seen(&mut self) {
        self.due = None;
        self.unanswered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_throttled_and_a_throttled_one_is_made_later() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut frames = KeyFrames::default();
        assert!(!frames.poll(at(0)), "nobody asked");
        frames.want(at(0));
        assert!(frames.poll(at(0)));
        frames.want(at(10));
        assert!(!frames.poll(at(299)));
        assert!(frames.poll(at(300)));
    }

    #[test]
    fn an_unanswered_request_is_repeated_until_there_is_a_key_frame() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut frames = KeyFrames::default();
        frames.want(at(0));
        let asked: Vec<u64> = (0..8_000).filter(|ms| frames.poll(at(*ms))).collect();
        assert_eq!(asked, [0, 500, 1_500, 3_500, 5_500, 7_500]);
        frames.seen();
        assert!(!(8_000..20_000).any(|ms| frames.poll(at(ms))));
    }
}
