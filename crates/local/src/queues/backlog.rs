//! The messages of one queue, and who may see them when. Time is handed in.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use crate::ids;

/// A message as SQS keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    /// `MessageAttributes`, as they were given.
    pub(crate) attributes: Json,
    /// Epoch milliseconds.
    pub(crate) sent_at: u64,
    pub(crate) first_received_at: Option<u64>,
    /// How many times it has been received.
    pub(crate) receives: u32,
    /// Names the last time that it was received; what deletes it.
    pub(crate) receipt: String,
    visible_at: Instant,
    ends_at: Instant,
}

impl Message {
    /// A message that is seen after `delay` and dropped after `retention`.
    pub(crate) fn new(body: String, attributes: Json, sent_at: u64, times: Times) -> Self {
        let Times { now, delay, retention } = times;
        Self {
            id: ids::uuid(),
            body,
            attributes,
            sent_at,
            first_received_at: None,
            receives: 0,
            receipt: String::new(),
            visible_at: now + delay,
            ends_at: now + retention,
        }
    }

    /// The same message in another queue, to be seen at once.
    pub(crate) fn moved(mut self, now: Instant, retention: Duration) -> Self {
        self.receives = 0;
        self.receipt.clear();
        self.visible_at = now;
        self.ends_at = now + retention;
        self
    }
}

/// When a message is sent, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) now: Instant,
    pub(crate) delay: Duration,
    pub(crate) retention: Duration,
}

/// What a look at the queue has come to.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Hidden from other receivers until their visibility timeout is over.
    pub(crate) taken: Vec<Message>,
    /// Received too often: for the dead-letter queue.
    pub(crate) dead: Vec<Message>,
}

/// How many messages there are, by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) delayed: usize,
    pub(crate) in_flight: usize,
}

/// The messages.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Vec<Message>);

impl Backlog {
    pub(crate) fn push(&mut self, message: Message) {
        self.0.push(message);
    }

    /// Receives up to `most` of the messages that may be seen, oldest first, and hides them for `visibility`. One that
    /// has been received `max_receives` times is taken out instead.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        now_ms: u64,
        most: usize,
        visibility: Duration,
        max_receives: Option<u32>,
    ) -> Received {
        let mut received = Received::default();
        self.0.retain(|message| message.ends_at > now);
        let over = |message: &mut Message| {
            message.visible_at <= now && max_receives.is_some_and(|max| message.receives >= max)
        };
        received.dead = self.0.extract_if(.., over).collect();
        for message in self.0.iter_mut().filter(|message| message.visible_at <= now).take(most) {
            message.receives += 1;
            message.first_received_at.get_or_insert(now_ms);
            message.receipt = ids::uuid();
            message.visible_at = now + visibility;
            received.taken.push(message.clone());
        }
        received
    }

    /// Deletes what was received under `receipt`; `false` when it is gone or has been received again.
    pub(crate) fn delete(&mut self, receipt: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|message| message.receipt != receipt || receipt.is_empty());
        self.0.len() < before
    }

    /// When the next message may be seen.
    pub(crate) fn next_visible(&self) -> Option<Instant> {
        self.0.iter().map(|message| message.visible_at).min()
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let mut counts = Counts::default();
        for message in self.0.iter().filter(|message| message.ends_at > now) {
            if message.visible_at <= now {
                counts.visible += 1;
            } else if message.receives == 0 {
                counts.delayed += 1;
            } else {
                counts.in_flight += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISIBILITY: Duration = Duration::from_mins(3);
    const RETENTION: Duration = Duration::from_hours(1);

    fn message(now: Instant, delay: u64) -> Message {
        let times = Times { now, delay: Duration::from_secs(delay), retention: RETENTION };
        Message::new("body".into(), Json::Null, 1, times)
    }

    fn taken(backlog: &mut Backlog, now: Instant) -> Vec<Message> {
        backlog.receive(now, 1, 10, VISIBILITY, Some(3)).taken
    }

    #[test]
    fn a_message_is_seen_after_its_delay_and_not_before() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.push(message(now, 900));
        let end = now + Duration::from_mins(15);
        assert_eq!(taken(&mut backlog, end - Duration::from_millis(1)).len(), 0);
        assert_eq!(backlog.counts(now), Counts { delayed: 1, ..Counts::default() });
        assert_eq!(backlog.next_visible(), Some(end));
        assert_eq!(taken(&mut backlog, end).len(), 1);
    }

    #[test]
    fn a_message_that_is_not_deleted_comes_again_and_its_older_receipt_deletes_nothing() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.push(message(now, 0));
        let first = taken(&mut backlog, now).remove(0);
        assert_eq!(backlog.counts(now), Counts { in_flight: 1, ..Counts::default() });
        assert_eq!(taken(&mut backlog, now + VISIBILITY - Duration::from_millis(1)).len(), 0);
        let second = taken(&mut backlog, now + VISIBILITY).remove(0);
        assert_eq!((first.id, first.receives, second.receives), (second.id, 1, 2));
        assert!(!backlog.delete(&first.receipt) && backlog.delete(&second.receipt));
        assert_eq!(backlog.next_visible(), None);
    }

    #[test]
    fn a_message_that_was_received_too_often_is_taken_out() {
        let (mut backlog, mut now) = (Backlog::default(), Instant::now());
        backlog.push(message(now, 0));
        for _ in 0..3 {
            assert_eq!(taken(&mut backlog, now).len(), 1);
            now += VISIBILITY;
        }
        let received = backlog.receive(now, 1, 10, VISIBILITY, Some(3));
        assert_eq!((received.taken.len(), received.dead.len()), (0, 1));
        assert_eq!(backlog.counts(now), Counts::default());
    }

    #[test]
    fn a_message_is_dropped_after_its_retention() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.push(message(now, 0));
        assert_eq!(taken(&mut backlog, now + RETENTION).len(), 0);
        assert_eq!(backlog.next_visible(), None);
    }

    #[test]
    fn no_more_are_received_than_are_asked_for() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        (0..3).for_each(|_| backlog.push(message(now, 0)));
        assert_eq!(backlog.receive(now, 1, 2, VISIBILITY, None).taken.len(), 2);
        assert_eq!(backlog.counts(now), Counts { visible: 1, delayed: 0, in_flight: 2 });
    }
}
