//! Messages for the gateway: kept until it has acknowledged them, so that a socket may break or be replaced
//! at any moment. Receivers recognize a repetition by its `negotiation`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use model::id::PeerId;

use super::limits::MAX_SIGNALS;

/// How often a message is sent again after the gateway could not take it.
const MAX_TRIES: u32 = 6;
/// An older message is dropped when the next socket opens: its receiver has given up by then.
const MAX_AGE: Duration = Duration::from_secs(30);
/// The pause before the first repetition; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What a message is about. A newer one about the same replaces the older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// The answer to a peer's offer.
    Answer(PeerId),
    /// The offer to the first peer of the second's media.
    Offer(PeerId, PeerId),
    /// Who is there.
    Roster,
    /// The room's own end.
    Leave,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The gateway has acknowledged it.
    Done(About),
    /// The gateway has refused it, or kept failing: its code.
    Refused(About, String),
}

struct Flight {
    about: About,
    text: String,
    since: Instant,
    tries: u32,
    /// When it is to be sent again; `None` while it waits for its `ack`.
    due: Option<Instant>,
}

/// The queue. Nothing leaves it while there is no socket.
#[derive(Default)]
pub(crate) struct Outbox {
    open: bool,
    flights: BTreeMap<u64, Flight>,
    ready: VecDeque<u64>,
    last: u64,
}

impl Outbox {
    /// Puts a message into the queue. `write` is given the request's id.
    pub(crate) fn push(&mut self, now: Instant, about: About, write: impl FnOnce(&str) -> String) {
        self.flights.retain(|_, flight| flight.about != about);
        if self.flights.len() >= MAX_SIGNALS {
            self.flights.pop_first();
        }
        self.last += 1;
        let text = write(&id(self.last));
        self.flights.insert(self.last, Flight { about, text, since: now, tries: 0, due: None });
        self.ready.push_back(self.last);
    }

    /// Drops messages to and about a peer that was removed.
    pub(crate) fn forget(&mut self, gone: &PeerId) {
        self.flights.retain(|_, flight| match &flight.about {
            About::Answer(peer) => peer != gone,
            About::Offer(receiver, remote) => receiver != gone && remote != gone,
            About::Roster | About::Leave => true,
        });
    }

    /// There is a socket: what was not acknowledged on the last one is sent again.
    pub(crate) fn open(&mut self, now: Instant) {
        self.open = true;
        self.flights.retain(|_, flight| {
            flight.about == About::Leave || now.saturating_duration_since(flight.since) < MAX_AGE
        });
        for flight in self.flights.values_mut() {
            flight.due = None;
        }
        self.ready = self.flights.keys().copied().collect();
    }

    /// There is no socket.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// The next message to send.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<String> {
        if !self.open {
            return None;
        }
        let due = self.flights.iter_mut().filter(|(_, flight)| flight.due.is_some_and(|due| due <= now));
        for (id, flight) in due {
            // It is queued once.
            flight.due = None;
            self.ready.push_back(*id);
        }
        while let Some(id) = self.ready.pop_front() {
            if let Some(flight) = self.flights.get_mut(&id) {
                flight.due = None;
                flight.tries += 1;
                return Some(flight.text.clone());
            }
        }
        None
    }

    /// The gateway has acknowledged a message.
    pub(crate) fn ack(&mut self, request: &str) -> Option<Outcome> {
        Some(Outcome::Done(self.flights.remove(&number(request)?)?.about))
    }

    /// The gateway has not delivered a message. If it may succeed later it is sent again, with growing
    /// pauses.
    pub(crate) fn error(&mut self, now: Instant, request: &str, status: u16, code: &str) -> Option<Outcome> {
        let number = number(request)?;
        let flight = self.flights.get_mut(&number)?;
        if matches!(status, 429 | 500 | 503) && flight.tries < MAX_TRIES {
            flight.due = Some(now + FIRST_PAUSE * 2u32.pow(flight.tries.saturating_sub(1)));
            return None;
        }
        let flight = self.flights.remove(&number)?;
        Some(Outcome::Refused(flight.about, code.to_owned()))
    }
}

fn id(number: u64) -> String {
    format!("s{number}")
}

fn number(request: &str) -> Option<u64> {
    request.strip_prefix('s')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: &str) -> PeerId {
        PeerId::try_from(id.to_owned()).unwrap()
    }

    fn texts(outbox: &mut Outbox, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| outbox.poll(now)).collect()
    }

    #[test]
    fn what_was_not_acknowledged_goes_again_over_the_next_socket() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(now, About::Answer(peer("a")), str::to_owned);
        assert_eq!(outbox.poll(now), None, "there is no socket yet");
        outbox.open(now);
        outbox.push(now, About::Answer(peer("b")), str::to_owned);
        assert_eq!(texts(&mut outbox, now), ["s1", "s2"]);
        assert_eq!(outbox.ack("s1"), Some(Outcome::Done(About::Answer(peer("a")))));
        outbox.close();
        outbox.open(now);
        assert_eq!(texts(&mut outbox, now), ["s2"]);
        outbox.close();
        outbox.open(now + MAX_AGE);
        assert_eq!(texts(&mut outbox, now), [""; 0], "nobody waits for it any more");
    }

    #[test]
    fn a_throttled_message_is_sent_again_with_growing_pauses() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.open(now);
        outbox.push(now, About::Answer(peer("a")), str::to_owned);
        let mut at = now;
        for pause in [250, 500, 1_000, 2_000, 4_000] {
            assert_eq!(texts(&mut outbox, at), ["s1"]);
            assert_eq!(outbox.error(at, "s1", 429, "too_many_requests"), None);
            at += Duration::from_millis(pause);
            assert_eq!(texts(&mut outbox, at.checked_sub(Duration::from_millis(1)).unwrap()), [""; 0]);
        }
        assert_eq!(texts(&mut outbox, at), ["s1"]);
        let code = "too_many_requests";
        let refused = Outcome::Refused(About::Answer(peer("a")), code.into());
        assert_eq!(outbox.error(at, "s1", 429, code), Some(refused));
    }

    #[test]
    fn messages_that_were_throttled_together_are_each_sent_again_once() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.open(now);
        for id in ["a", "b", "c"] {
            outbox.push(now, About::Answer(peer(id)), str::to_owned);
        }
        let throttle = |outbox: &mut Outbox| {
            for id in ["s1", "s2", "s3"] {
                assert_eq!(outbox.error(now, id, 429, "too_many_requests"), None);
            }
        };
        assert_eq!(texts(&mut outbox, now), ["s1", "s2", "s3"]);
        throttle(&mut outbox);
        let later = now + MAX_AGE / 2;
        assert_eq!(texts(&mut outbox, later), ["s1", "s2", "s3"]);
        throttle(&mut outbox);
        outbox.close();
        outbox.open(later);
        assert_eq!(texts(&mut outbox, later), ["s1", "s2", "s3"], "nor twice over another socket");
    }

    #[test]
    fn a_newer_offer_replaces_the_older() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        let offer = || About::Offer(peer("a"), peer("b"));
        outbox.push(now, offer(), str::to_owned);
        outbox.push(now, offer(), str::to_owned);
        outbox.push(now, About::Offer(peer("b"), peer("a")), str::to_owned);
        outbox.open(now);
        assert_eq!(texts(&mut outbox, now), ["s2", "s3"]);
        assert_eq!(outbox.ack("s1"), None);
        outbox.forget(&peer("b"));
        assert_eq!(outbox.ack("s2"), None);
    }

    #[test]
    fn the_queue_is_bounded() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        for n in 0..=MAX_SIGNALS {
            outbox.push(now, About::Answer(peer(&n.to_string())), str::to_owned);
        }
        outbox.open(now);
        let texts = texts(&mut outbox, now);
        assert_eq!((texts.len(), texts[0].as_str()), (MAX_SIGNALS, "s2"));
    }
}
