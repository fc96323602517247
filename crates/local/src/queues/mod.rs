//! SQS: the standard queues of the template, in memory.

pub(crate) mod backlog;
pub(crate) mod source;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::now_ms;
use crate::events::{Event, Events, Kind};
use crate::sync::lock;
use crate::template::names;
use crate::template::stack;
use backlog::{Backlog, Message, Received, Times};

/// One queue.
pub(crate) struct Queue {
    pub(crate) definition: stack::Queue,
    backlog: Mutex<Backlog>,
    /// A message has come, or one that was hidden may be seen.
    changed: Notify,
}

/// How what is sent is delivered: at least once, and not before its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) copies: usize,
    pub(crate) late: Duration,
}

impl Delivery {
    /// As it should be.
    pub(crate) const ONCE: Self = Self { copies: 1, late: Duration::ZERO };
}

/// All queues of a template.
pub(crate) struct Queues {
    queues: Vec<Arc<Queue>>,
    events: Arc<Events>,
}

impl Queues {
    pub(crate) fn new(definitions: Vec<stack::Queue>, events: Arc<Events>) -> Self {
        let queue =
            |definition| Arc::new(Queue { definition, backlog: Mutex::default(), changed: Notify::new() });
        Self { queues: definitions.into_iter().map(queue).collect(), events }
    }

    /// The queue of a URL; its host and account do not matter here.
    pub(crate) fn by_url(&self, url: &str) -> Option<&Arc<Queue>> {
        let name = names::queue_name(url);
        self.queues.iter().find(|queue| queue.definition.name == name)
    }

    pub(crate) fn by_arn(&self, arn: &str) -> Option<&Arc<Queue>> {
        self.queues.iter().find(|queue| queue.definition.arn == arn)
    }

    /// Puts a message into a queue. `None`: with the queue's own delay.
    pub(crate) fn send(
        &self,
        queue: &Queue,
        body: String,
        attributes: Json,
        delay: Option<Duration>,
        Delivery { copies, late }: Delivery,
    ) -> Message {
        let definition = &queue.definition;
        let delay = delay.unwrap_or(definition.delay) + late;
        let times = Times { now: Instant::now(), delay, retention: definition.retention };
        let message = Message::new(body, attributes, now_ms(), times);
        for _ in 0..copies {
            lock(&queue.backlog).push(message.clone());
        }
        queue.changed.notify_waiters();
        let after = if delay.is_zero() { String::new() } else { format!(", to be seen in {delay:?}") };
        self.report(queue, false, format!("{} came{after}", short(&message)));
        message
    }

    /// Receives what may be seen by now; what has been received too often goes to the dead-letter queue.
    fn receive(&self, queue: &Queue, most: usize, visibility: Duration) -> Vec<Message> {
        let (now, redrive) = (Instant::now(), queue.definition.redrive.as_ref());
        let max_receives = redrive.map(|redrive| redrive.max_receives);
        let Received { taken, dead } =
            lock(&queue.backlog).receive(now, now_ms(), most, visibility, max_receives);
        let target = redrive.and_then(|redrive| self.by_arn(&redrive.target));
        for (message, target) in dead.into_iter().zip(target.into_iter().cycle()) {
            let text = format!("{} goes to {}", short(&message), target.definition.logical);
            self.report(queue, true, text);
            lock(&target.backlog).push(message.moved(now, target.definition.retention));
            target.changed.notify_waiters();
        }
        taken
    }

    /// As `receive`, but waits until `deadline` for the first message; `None`: for as long as it takes.
    pub(crate) async fn wait_and_receive(
        &self,
        queue: &Queue,
        most: usize,
        visibility: Duration,
        deadline: Option<Instant>,
    ) -> Vec<Message> {
        loop {
            let mut changed = pin!(queue.changed.notified());
            // Before the look: what comes after it must not be missed.
            changed.as_mut().enable();
            let taken = self.receive(queue, most, visibility);
            if !taken.is_empty() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return taken;
            }
            let next = lock(&queue.backlog).next_visible();
            let until = next.into_iter().chain(deadline).min();
            tokio::select! {
                () = changed => {}
                () = async { sleep_until(until.unwrap_or_else(Instant::now)).await }, if until.is_some() => {}
            }
        }
    }

    /// All queues, for the admin API.
    pub(crate) fn list(&self) -> Json {
        let shown = |queue: &Arc<Queue>| {
            let counts = queue.counts();
            json!({
                "name": queue.definition.name,
                "logicalId": queue.definition.logical,
                "visible": counts.visible,
                "delayed": counts.delayed,
                "inFlight": counts.in_flight,
            })
        };
        self.queues.iter().map(shown).collect()
    }

    /// Emits what has become of a message. Never its body.
    fn report(&self, queue: &Queue, failed: bool, text: String) {
        let event = Event::new(Kind::Queue).route(&queue.definition.logical);
        self.events.emit(event.failed(failed).text(text));
    }
}

impl Queue {
    /// Deletes a message that was received; `false` when it is gone or has been received again.
    pub(crate) fn delete(&self, receipt: &str) -> bool {
        lock(&self.backlog).delete(receipt)
    }

    pub(crate) fn counts(&self) -> backlog::Counts {
        lock(&self.backlog).counts(Instant::now())
    }
}

fn short(message: &Message) -> &str {
    message.id.get(..8).unwrap_or(&message.id)
}
