//! Records go to functions: what Lambda's pollers do.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::{Gathered, Outcome, Piece};
use super::checkpoints::Checkpoints;
use super::shard::{Record, Shard};
use crate::clock::{iso, now_ms};
use crate::events::{Event, Kind};
use crate::faults::Stream;
use crate::ids;
use crate::lambda::{Failure, Invocation, Lambda};
use crate::queues::source::Failed;
use crate::queues::{Delivery, Queues};
use crate::state::State;
use crate::sync::lock;
use crate::template::names;
use crate::template::stack::{Start, StreamSource};

/// Lambda looks at a shard four times a second. Here it looks when something has been written, and no more often.
const BETWEEN_READS: Duration = Duration::from_millis(250);
/// How long a reader waits when the database fails.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// One of the readers of a source.
pub(crate) struct Reader {
    pub(crate) source: Arc<StreamSource>,
    /// Which of the source's lanes it reads: `ParallelizationFactor`.
    pub(crate) lane: u32,
    shard: Shard,
    checkpoints: Arc<Checkpoints>,
    /// What its checkpoint is kept under.
    name: String,
    /// The last record that it has read; `None`: it begins with the oldest.
    read: Mutex<Option<String>>,
    /// Records that it has read and that are not dealt with.
    in_hand: AtomicUsize,
    /// How often the function has failed with the batch that is under way.
    failures: AtomicU32,
}

/// What a reader works with.
pub(crate) struct Deps {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) state: Arc<State>,
}

impl Reader {
    /// A reader that goes on where it was, or begins where the source says.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(crate) fn open(
        source: Arc<StreamSource>,
        lane: u32,
        shard: Shard,
        checkpoints: Arc<Checkpoints>,
    ) -> Result<Arc<Self>, String> {
        let name = format!("{}/{}/{lane} of {}", source.table, source.function, source.lanes);
        let read = match (checkpoints.get(&name), source.start) {
            (Some(sequence), _) => Some(sequence).filter(|sequence| !sequence.is_empty()),
            (None, Start::Latest) => shard.latest()?,
            (None, Start::TrimHorizon) => None,
        };
        // Else what comes while nobody reads would be lost to one that begins with the latest.
        checkpoints.set(&name, read.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
        let read = Mutex::new(read);
        let (in_hand, failures) = (AtomicUsize::new(0), AtomicU32::new(0));
        Ok(Arc::new(Self { source, lane, shard, checkpoints, name, read, in_hand, failures }))
    }

    /// How many records wait for the function, up to a thousand of those that are not yet read.
    pub(crate) fn waiting(&self) -> usize {
        let read = lock(&self.read).clone();
        let unread = self.shard.read(read.as_deref(), 1_000, |record| self.wants(record));
        self.in_hand.load(Ordering::Relaxed) + unread.map_or(0, |page| page.records.len())
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether a record is for this reader.
    fn wants(&self, record: &Json) -> bool {
        let filters = &self.source.filters;
        (self.source.lanes == 1 || lane(record, self.source.lanes) == u64::from(self.lane))
            && (filters.is_empty() || filters.iter().any(|filter| filter.matches(record)))
    }

    /// Takes records to the function, batch by batch, one at a time. Runs until it is dropped.
    pub(crate) async fn run(self: Arc<Self>, deps: Deps, mut written: watch::Receiver<()>) {
        loop {
            let batch = match self.gather(&deps, &mut written).await {
                Ok(batch) => batch,
                Err(why) => {
                    self.report(&deps, true, why);
                    sleep(AFTER_ERROR).await;
                    continue;
                }
            };
            self.deliver(&deps, batch).await;
            self.in_hand.store(0, Ordering::Relaxed);
            let read = lock(&self.read).clone();
            self.settle(&deps, read.as_deref());
        }
    }

    /// Waits for the next batch.
    async fn gather(&self, deps: &Deps, written: &mut watch::Receiver<()>) -> Result<Piece, String> {
        let mut gathered = Gathered::default();
        loop {
            // Before the look: what comes after it must not be missed.
            written.mark_unchanged();
            let looked = Instant::now();
            let after = lock(&self.read).clone();
            let page = self
                .shard
                .read(after.as_deref(), self.source.batch - gathered.len(), |record| self.wants(record))?;
            let had = gathered.len();
            let too_much = gathered.add(page.records, &self.source, looked);
            self.in_hand.store(gathered.len(), Ordering::Relaxed);
            let last = if too_much.is_some() { gathered.last().map(str::to_owned) } else { page.last };
            if let Some(last) = last {
                *lock(&self.read) = Some(last);
            }
            if gathered.is_due(looked) {
                return Ok(gathered.into_piece());
            }
            if had == 0 && gathered.len() > 0 {
                self.report(deps, false, format!("records wait for others, up to {:?}", self.source.window));
            }
            if page.full {
                // Others go first: there may be thousands that the filters drop.
                tokio::task::yield_now().await;
                continue;
            }
            if gathered.len() == 0 {
                self.settle(deps, lock(&self.read).clone().as_deref());
            }
            let ends = gathered.ends();
            tokio::select! {
                Ok(()) = written.changed() => {
                    let next = looked + BETWEEN_READS;
                    sleep_until(ends.map_or(next, |ends| ends.min(next))).await;
                }
                () = async { sleep_until(ends.unwrap_or(looked)).await }, if ends.is_some() => {}
                // The gateway is stopping.
                else => std::future::pending().await,
            }
        }
    }

    /// Invokes the function with a batch until it is dealt with, or given up.
    async fn deliver(&self, deps: &Deps, batch: Piece) {
        let mut pieces = VecDeque::from([batch]);
        while let Some(mut piece) = pieces.pop_front() {
            if let Some(old) = piece.take_old(now_ms() / 1_000, self.source.age) {
                self.give_up(deps, &old, "RecordAgeExceeded");
            }
            if piece.records.is_empty() {
                continue;
            }
            let outcome = self.invoke(deps, &piece).await;
            let count = piece.records.len();
            let after = piece.after(outcome, &self.source);
            self.settle_some(deps, after.done.as_deref());
            if let Some(given_up) = &after.given_up {
                self.give_up(deps, given_up, "RetryAttemptsExhausted");
            }
            let pause = after.again.first().map(Piece::pause);
            self.failures.store(after.again.first().map_or(0, |piece| piece.failures), Ordering::Relaxed);
            for piece in after.again.into_iter().rev() {
                pieces.push_front(piece);
            }
            let left = pieces.iter().map(|piece| piece.records.len()).sum();
            self.in_hand.store(left, Ordering::Relaxed);
            if let Some(pause) = pause {
                let what = if outcome == Outcome::Throttled { "could not be taken" } else { "failed" };
                self.report(deps, true, format!("{count} records {what}; {left} come again in {pause:?}"));
                sleep(pause).await;
            }
        }
    }

    async fn invoke(&self, deps: &Deps, piece: &Piece) -> Outcome {
        let function = deps.lambda.name(&self.source.function);
        let invocation = Invocation {
            event: event(&piece.records),
            route: self.source.table.clone(),
            connection: None,
            size: piece.records.iter().map(|record| record.text.len()).sum(),
        };
        if let Some(mut struck) = deps.state.faults.take::<Stream>(Some(&function), &self.source.table) {
            let event = Event::new(Kind::Fault).route("stream").function(&function);
            deps.state.events.emit(event.text(struck.fault.text()));
            struck.hold(struck.fault.delay()).await;
            if struck.fault.repeat {
                // As when Lambda does not hear of the answer.
                let _ = deps.lambda.invoke(&self.source.function, invocation.clone()).await;
            }
        }
        match deps.lambda.invoke(&self.source.function, invocation).await {
            Err(Failure::Throttled) => Outcome::Throttled,
            Err(_) => Outcome::Failed,
            Ok(payload) if self.source.partial => outcome(&payload, &piece.records),
            Ok(_) => Outcome::Done,
        }
    }

    /// Drops records, and tells the source's queue, if it has one, which they were.
    fn give_up(&self, deps: &Deps, piece: &Piece, condition: &str) {
        let queue = self.source.dead.as_deref().and_then(|arn| deps.queues.by_arn(arn));
        let target = queue.map_or("nowhere", |queue| queue.definition.logical.as_str());
        let text = format!("{} records are given up ({condition}) and go to {target}", piece.records.len());
        self.report(deps, true, text);
        if let Some(queue) = queue {
            let body = self.obituary(deps, piece, condition).to_string();
            deps.queues.send(queue, body, Json::Null, None, Delivery::ONCE);
        }
        self.settle_some(deps, piece.records.last().map(|record| record.sequence.as_str()));
    }

    /// What a queue is told: not the records, but where they are for as long as the stream keeps them.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
    fn obituary(&self, deps: &Deps, piece: &Piece, condition: &str) -> Json {
        let (first, last) = (piece.records.first(), piece.records.last());
        let time = |record: Option<&Record>| record.map(|record| iso(record.created_at * 1_000));
        let name = deps.lambda.pools().find(|pool| pool.function().logical == self.source.function);
        let mut obituary = json!({
            "requestContext": {
                "requestId": ids::uuid(),
                "functionArn": name.map(|pool| names::function_arn(&pool.function().name)),
                "condition": condition,
                "approximateInvokeCount": piece.failures,
            },
            "version": "1.0",
            "timestamp": iso(now_ms()),
            "DDBStreamBatchInfo": {
                "shardId": self.shard.id(),
                "startSequenceNumber": first.map(|record| &record.sequence),
                "endSequenceNumber": last.map(|record| &record.sequence),
                "approximateArrivalOfFirstRecord": time(first),
                "approximateArrivalOfLastRecord": time(last),
                "batchSize": piece.records.len(),
                "streamArn": self.shard.arn(),
            },
        });
        if piece.failures > 0
            && let Some(members) = obituary.as_object_mut()
        {
            let response =
                json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
            members.insert("responseContext".into(), response);
        }
        obituary
    }

    /// Moves the checkpoint, if anything has been dealt with.
    fn settle_some(&self, deps: &Deps, sequence: Option<&str>) {
        if sequence.is_some() {
            self.settle(deps, sequence);
        }
    }

    /// Moves the checkpoint; `None`: before the oldest record.
    fn settle(&self, deps: &Deps, sequence: Option<&str>) {
        if let Err(error) = self.checkpoints.set(&self.name, sequence.unwrap_or_default()) {
            self.report(deps, true, format!("streams.json cannot be written: {error}"));
        }
    }

    /// Emits what has become of records. Never what is in them.
    fn report(&self, deps: &Deps, failed: bool, text: String) {
        let event = Event::new(Kind::Stream).route(&self.source.table);
        let event = event.function(deps.lambda.name(&self.source.function));
        deps.state.events.emit(event.failed(failed).text(text));
    }
}

/// The lane of a record, of so many: that of all records of its item.
fn lane(record: &Json, lanes: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.pointer("/dynamodb/Keys").map(Json::to_string).hash(&mut hasher);
    hasher.finish() % u64::from(lanes)
}

/// The event of a batch, as Lambda makes it.
fn event(records: &[Record]) -> Bytes {
    let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    Bytes::from(format!("{{\"Records\":[{}]}}", texts.join(",")))
}

/// What a function that names the records that failed has done: of several the first counts. A name that is none of
/// the batch fails it whole, as a name that is empty does.
fn outcome(payload: &[u8], records: &[Record]) -> Outcome {
    let Failed::These(names) = Failed::of(payload) else { return Outcome::Failed };
    let place = |name: &String| records.iter().position(|record| record.sequence == *name);
    let places: Option<Vec<_>> = names.iter().map(place).collect();
    match places {
        None => Outcome::Failed,
        Some(places) => places.into_iter().min().map_or(Outcome::Done, Outcome::DoneUpTo),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sequence: &str) -> Record {
        Record { sequence: sequence.into(), created_at: 1, text: json!({ "n": sequence }).to_string() }
    }

    #[test]
    fn the_lowest_record_that_is_named_is_the_first_that_failed() {
        let records = [record("1"), record("2"), record("3")];
        for (payload, expected) in [
            (r#"{"batchItemFailures":[]}"#, Outcome::Done),
            ("null", Outcome::Done),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}"#,
                Outcome::DoneUpTo(1),
            ),
            (r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#, Outcome::DoneUpTo(0)),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, Outcome::Failed),
            (r#"{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"9"}]}"#, Outcome::Failed),
            ("not JSON", Outcome::Failed),
        ] {
            assert_eq!(outcome(payload.as_bytes(), &records), expected, "{payload}");
        }
    }

    #[test]
    fn the_records_of_an_item_share_a_lane_and_items_share_all_lanes() {
        let record = |name: &str, id: u32| json!({ "eventName": name, "dynamodb": { "Keys": { "id": { "N": id.to_string() } } } });
        let lanes: std::collections::HashSet<_> = (0..100)
            .map(|id| {
                let inserted = lane(&record("INSERT", id), 3);
                assert_eq!(inserted, lane(&record("REMOVE", id), 3));
                inserted
            })
            .collect();
        assert_eq!(lanes, [0, 1, 2].into());
    }

    #[test]
    fn an_event_has_its_records_in_order() {
        assert_eq!(event(&[record("1"), record("2")]), r#"{"Records":[{"n":"1"},{"n":"2"}]}"#);
    }
}
