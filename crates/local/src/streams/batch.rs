//! Which records go to the function together, and which of them again. Time is handed in.

use std::time::Duration;

use tokio::time::Instant;

use super::shard::Record;
use crate::template::stack::StreamSource;

/// The most bytes of one event.
const BYTES: usize = 6 * 1024 * 1024;
/// How long a batch that failed waits before it is tried again: twice as long every time, up to a minute. AWS gives
/// no times.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Records that are gathered for a batch: until there are enough, or the window is over.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    records: Vec<Record>,
    bytes: usize,
    /// The end of the window, which begins with the first record that the filters let through.
    ends: Option<Instant>,
    full: bool,
}

impl Gathered {
    /// Adds what was read; answers with the first record that does not fit.
    pub(crate) fn add(
        &mut self,
        records: Vec<Record>,
        source: &StreamSource,
        now: Instant,
    ) -> Option<Record> {
        for record in records {
            let bytes = self.bytes + record.text.len() + 1;
            if bytes > BYTES && !self.records.is_empty() {
                self.full = true;
                return Some(record);
            }
            self.bytes = bytes;
            self.records.push(record);
        }
        if !self.records.is_empty() {
            self.ends.get_or_insert(now + source.window);
        }
        self.full |= self.records.len() >= source.batch;
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.full || self.ends.is_some_and(|ends| ends <= now)
    }

    /// The last record, of those that are gathered.
    pub(crate) fn last(&self) -> Option<&str> {
        self.records.last().map(|record| record.sequence.as_str())
    }

    pub(crate) fn into_piece(self) -> Piece {
        Piece { records: self.records, failures: 0, pauses: 0 }
    }
}

/// A batch, or what is left of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) records: Vec<Record>,
    /// How often the function has failed with it.
    pub(crate) failures: u32,
    /// How often it has waited to be tried again.
    pauses: u32,
}

/// What has become of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// The function has dealt with this many records, and failed with the next.
    DoneUpTo(usize),
    Failed,
    /// The function could not be invoked.
    Throttled,
}

/// What follows from an outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// The last record that is dealt with.
    pub(crate) done: Option<String>,
    /// To be tried again, in this order, before anything newer.
    pub(crate) again: Vec<Piece>,
    pub(crate) given_up: Option<Piece>,
}

impl Piece {
    /// Takes out the records that are too old; `now` in epoch seconds.
    pub(crate) fn take_old(&mut self, now: u64, age: Duration) -> Option<Self> {
        let is_old = |record: &Record| record.created_at.saturating_add(age.as_secs()) <= now;
        let old = self.records.iter().take_while(|record| is_old(record)).count();
        (old > 0).then(|| Self {
            records: self.records.drain(..old).collect(),
            failures: self.failures,
            pauses: self.pauses,
        })
    }

    /// How long it waits until it is tried again.
    pub(crate) fn pause(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.pauses.saturating_sub(1));
        FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
    }

    /// What follows from `outcome`.
    ///
    /// - A partial success moves the checkpoint: all from the first record that failed on come again.
    ///   <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
    /// - Splitting does not count as a retry, nor does what could not be invoked.
    ///   <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
    pub(crate) fn after(mut self, outcome: Outcome, source: &StreamSource) -> After {
        self.pauses += 1;
        let done = match outcome {
            Outcome::Done => self.records.len(),
            Outcome::DoneUpTo(count) => count.min(self.records.len()),
            Outcome::Failed | Outcome::Throttled => 0,
        };
        let dealt_with = self.records.drain(..done).next_back().map(|record| record.sequence);
        let after = After { done: dealt_with, ..After::default() };
        match outcome {
            _ if self.records.is_empty() => after,
            Outcome::Throttled => After { again: vec![self], ..after },
            Outcome::Failed if source.bisect && self.records.len() > 1 => {
                let half = self.records.split_off(self.records.len() / 2);
                let second = Self { records: half, failures: self.failures, pauses: self.pauses };
                After { again: vec![self, second], ..after }
            }
            Outcome::Done | Outcome::DoneUpTo(_) | Outcome::Failed => {
                self.failures += 1;
                if source.retries.is_some_and(|retries| self.failures > retries) {
                    After { given_up: Some(self), ..after }
                } else {
                    After { again: vec![self], ..after }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::stack::Start;
    use crate::template::yaml::At;

    fn source() -> StreamSource {
        StreamSource {
            function: "F".into(),
            stream: "arn".into(),
            table: "T".into(),
            start: Start::Latest,
            batch: 3,
            window: Duration::from_secs(5),
            retries: None,
            age: Duration::from_mins(5),
            bisect: false,
            partial: true,
            lanes: 1,
            filters: Vec::new(),
            dead: None,
            at: At { file: "t".into(), line: 1 },
        }
    }

    fn records(sequences: &[u64]) -> Vec<Record> {
        let record = |n: &u64| Record { sequence: n.to_string(), created_at: *n, text: "{}".into() };
        sequences.iter().map(record).collect()
    }

    fn piece(sequences: &[u64]) -> Piece {
        Piece { records: records(sequences), failures: 0, pauses: 0 }
    }

    fn sequences(piece: &Piece) -> Vec<u64> {
        piece.records.iter().map(|record| record.created_at).collect()
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_its_window_is_over() {
        let (source, now) = (source(), Instant::now());
        let mut gathered = Gathered::default();
        assert_eq!(gathered.add(Vec::new(), &source, now), None);
        assert_eq!((gathered.ends(), gathered.is_due(now + source.window)), (None, false));
        assert_eq!(gathered.add(records(&[1]), &source, now), None);
        // A later record does not make the window longer.
        assert_eq!(gathered.add(records(&[2]), &source, now + Duration::from_secs(4)), None);
        assert!(!gathered.is_due(now + Duration::from_millis(4_999)));
        assert!(gathered.is_due(now + Duration::from_secs(5)));
        assert_eq!(gathered.add(records(&[3]), &source, now), None);
        assert!(gathered.is_due(now), "it is full");
        assert_eq!(sequences(&gathered.into_piece()), [1, 2, 3]);
    }

    #[test]
    fn without_a_window_the_first_record_is_due_at_once() {
        let (source, now) = (StreamSource { window: Duration::ZERO, ..source() }, Instant::now());
        let mut gathered = Gathered::default();
        assert_eq!(gathered.add(records(&[1]), &source, now), None);
        assert!(gathered.is_due(now));
    }

    #[test]
    fn an_event_has_at_most_6_mb() {
        let (source, now) = (source(), Instant::now());
        let large = |n: u64| Record { sequence: n.to_string(), created_at: n, text: "x".repeat(BYTES / 2) };
        let mut gathered = Gathered::default();
        assert_eq!(gathered.add(vec![large(1), large(2)], &source, now), Some(large(2)));
        assert!(gathered.is_due(now));
        assert_eq!((gathered.len(), gathered.last()), (1, Some("1")));
    }

    #[test]
    fn a_batch_that_fails_comes_again_whole_and_later_every_time() {
        let source = source();
        let mut piece = piece(&[1, 2]);
        let mut pauses = Vec::new();
        for failures in 1..=9 {
            let mut after = piece.after(Outcome::Failed, &source);
            assert_eq!((after.done, after.given_up), (None, None));
            piece = after.again.remove(0);
            assert_eq!((sequences(&piece), piece.failures), (vec![1, 2], failures));
            pauses.push(piece.pause().as_millis());
        }
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        let after = piece.after(Outcome::Done, &source);
        assert_eq!(after, After { done: Some("2".into()), ..After::default() });
    }

    #[test]
    fn everything_from_the_first_record_that_failed_on_comes_again() {
        let after = piece(&[1, 2, 3]).after(Outcome::DoneUpTo(1), &source());
        assert_eq!((after.done.as_deref(), sequences(&after.again[0])), (Some("1"), vec![2, 3]));
        assert_eq!(after.again[0].failures, 1);
        let after = piece(&[1, 2]).after(Outcome::DoneUpTo(0), &source());
        assert_eq!((after.done, sequences(&after.again[0])), (None, vec![1, 2]));
    }

    #[test]
    fn a_batch_is_given_up_after_its_retries_and_one_that_could_not_be_tried_is_not() {
        let source = StreamSource { retries: Some(1), ..source() };
        let piece = piece(&[1]).after(Outcome::Throttled, &source).again.remove(0);
        assert_eq!(piece.failures, 0);
        let piece = piece.after(Outcome::Failed, &source).again.remove(0);
        let after = piece.after(Outcome::Failed, &source);
        assert_eq!((after.again, after.given_up.map(|piece| piece.failures)), (vec![], Some(2)));
    }

    #[test]
    fn a_batch_that_failed_is_halved_until_the_bad_record_is_alone() {
        let source = StreamSource { bisect: true, retries: Some(0), ..source() };
        let mut after = piece(&[1, 2, 3]).after(Outcome::Failed, &source);
        assert_eq!(after.again.iter().map(sequences).collect::<Vec<_>>(), [vec![1], vec![2, 3]]);
        assert!(after.again.iter().all(|piece| piece.failures == 0), "halving is no retry");
        let alone = after.again.remove(0).after(Outcome::Failed, &source);
        assert_eq!(alone.given_up.as_ref().map(sequences), Some(vec![1]));
        // A function that names the record has said where to split.
        let named =
            after.again.remove(0).after(Outcome::DoneUpTo(1), &StreamSource { retries: None, ..source });
        assert_eq!(named.again.iter().map(sequences).collect::<Vec<_>>(), [vec![3]]);
    }

    #[test]
    fn records_that_are_too_old_are_taken_out() {
        let mut piece = piece(&[100, 101, 400]);
        assert_eq!(piece.take_old(399, Duration::from_mins(5)), None);
        let old = piece.take_old(401, Duration::from_mins(5)).unwrap();
        assert_eq!((sequences(&old), sequences(&piece)), (vec![100, 101], vec![400]));
    }
}
