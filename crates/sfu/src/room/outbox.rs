//! Messages for the gateway: kept until it has acknowledged them, so that a socket may break or be replaced
//! at any moment, and API Gateway may refuse any of them without saying which. Receivers recognize a repetition
//! by its `negotiation`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use model::id::PeerId;

use super::ids::StreamId;
use super::limits::MAX_SIGNALS;

/// An older message is dropped: its receiver has given up by then, and asks again.
const MAX_AGE: Duration = Duration::from_secs(30);
/// A message without an `ack` is sent again after this.
const PATIENCE: Duration = Duration::from_secs(3);
/// The pause before a message that was refused is sent again; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// … up to this, so that nobody waits for long once the refusals have ended.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// Refusals further apart than this are not the same trouble.
const CALM: Duration = Duration::from_secs(5);

/// What a message is about. A newer one about the same replaces the older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// The answer to a peer's offer.
    Answer(PeerId),
    /// The offer to the first peer of the second's media.
    Offer(PeerId, PeerId),
    /// No media comes of a stream.
    Unpublish(StreamId),
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
    /// The gateway has refused it, or failed for as long as it was of use: its code.
    Refused(About, String),
}

struct Flight {
    about: About,
    text: String,
    since: Instant,
    /// When it is to be sent again; `None` while it is in the queue.
    due: Option<Instant>,
    refusals: Option<Refusals>,
}

/// Something is refused again and again, for reasons that pass.
#[derive(Clone, Copy)]
struct Refusals {
    /// When it last was.
    last: Instant,
    /// How long the last repetition was waited for, at most.
    pause: Duration,
}

impl Refusals {
    /// One more of them, and when to try again.
    fn next(before: Option<Self>, now: Instant) -> (Self, Instant) {
        let before = before.filter(|before| before.are_recent(now));
        let pause = before.map_or(FIRST_PAUSE, |before| (before.pause * 2).min(MAX_PAUSE));
        // Not all SFUs at the same moment.
        (Self { last: now, pause }, now + pause.mul_f64(rand::random_range(0.5..1.0)))
    }

    fn are_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < CALM
    }
}

impl Flight {
    /// How long an `ack` is waited for.
    fn patience(&self) -> Duration {
        // Who has no answer to that asks anew, and then maybe something else.
        if self.about == About::Roster { MAX_AGE } else { PATIENCE }
    }

    /// What the SFU decides by itself is never out of date.
    fn is_old(&self, now: Instant) -> bool {
        !matches!(self.about, About::Leave | About::Unpublish(_))
            && now.saturating_duration_since(self.since) >= MAX_AGE
    }
}

/// The queue. Nothing leaves it while there is no socket.
#[derive(Default)]
pub(crate) struct Outbox {
    open: bool,
    flights: BTreeMap<u64, Flight>,
    ready: VecDeque<u64>,
    last: u64,
    trouble: Option<Trouble>,
}

/// The gateway refuses whatever it is sent, whoever that is for.
#[derive(Clone, Copy)]
struct Trouble {
    refusals: Refusals,
    /// Until when what is under way waits for its repetition. A refusal before that is of the same round.
    until: Instant,
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
        self.flights.insert(self.last, Flight { about, text, since: now, due: None, refusals: None });
        self.ready.push_back(self.last);
    }

    /// Drops messages to and about a peer that was removed.
    pub(crate) fn forget(&mut self, gone: &PeerId) {
        self.flights.retain(|_, flight| match &flight.about {
            About::Answer(peer) => peer != gone,
            About::Offer(receiver, remote) => receiver != gone && remote != gone,
            About::Unpublish(_) | About::Roster | About::Leave => true,
        });
    }

    /// Drops what is to be said about a stream that has ended.
    pub(crate) fn forget_stream(&mut self, gone: &StreamId) {
        self.flights.retain(|_, flight| !matches!(&flight.about, About::Unpublish(stream) if stream == gone));
    }

    /// There is a socket: what was not acknowledged on the last one is sent again.
    pub(crate) fn open(&mut self, now: Instant) {
        self.open = true;
        self.flights.retain(|_, flight| !flight.is_old(now));
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
        self.flights.retain(|_, flight| flight.due.is_none_or(|due| due > now) || !flight.is_old(now));
        let due = self.flights.iter_mut().filter(|(_, flight)| flight.due.is_some_and(|due| due <= now));
        for (id, flight) in due {
            // It is queued once.
            flight.due = None;
            self.ready.push_back(*id);
        }
        while let Some(id) = self.ready.pop_front() {
            if let Some(flight) = self.flights.get_mut(&id) {
                flight.due = Some(now + flight.patience());
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
        if matches!(status, 429 | 500 | 503) && !flight.is_old(now) {
            let (refusals, again) = Refusals::next(flight.refusals, now);
            (flight.refusals, flight.due) = (Some(refusals), Some(again));
            // The others may be of one receiver, whose socket is full.
            if status == 500 {
                self.trouble(now);
            }
            return None;
        }
        let flight = self.flights.remove(&number)?;
        Some(Outcome::Refused(flight.about, code.to_owned()))
    }

    /// API Gateway has refused a message itself, and does not say which: whatever is under way may be lost.
    pub(crate) fn refused(&mut self, now: Instant) {
        let again = self.trouble(now);
        for flight in self.flights.values_mut() {
            // What is in the queue is sent anyway.
            if let Some(due) = &mut flight.due {
                *due = (*due).min(again);
            }
        }
    }

    /// Whether messages have been refused lately, all or those about this: that nobody answers then says nothing about the
    /// receiver.
    pub(crate) fn is_refused(&self, now: Instant, about: &About) -> bool {
        let mut own = self.flights.values().filter(|flight| flight.about == *about);
        let own = own.find_map(|flight| flight.refusals);
        let all = self.trouble.map(|trouble| trouble.refusals);
        all.into_iter().chain(own).any(|refusals| refusals.are_recent(now))
    }

    /// The gateway refuses everything. Answers when to send again what is refused now.
    fn trouble(&mut self, now: Instant) -> Instant {
        let trouble = match self.trouble {
            Some(trouble) if now < trouble.until => {
                Trouble { refusals: Refusals { last: now, ..trouble.refusals }, ..trouble }
            }
            before => {
                let (refusals, until) = Refusals::next(before.map(|trouble| trouble.refusals), now);
                Trouble { refusals, until }
            }
        };
        self.trouble = Some(trouble);
        trouble.until
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

    /// When something is sent next.
    fn next(outbox: &mut Outbox, mut now: Instant) -> (Instant, Vec<String>) {
        let end = now + MAX_AGE * 2;
        while now < end {
            let sent = texts(outbox, now);
            if !sent.is_empty() {
                return (now, sent);
            }
            now += Duration::from_millis(1);
        }
        (end, vec![])
    }

    #[test]
    fn a_throttled_message_is_sent_again_with_growing_pauses_until_nobody_waits_for_it() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        outbox.open(start);
        outbox.push(start, About::Answer(peer("a")), str::to_owned);
        let code = "too_many_requests";
        assert_eq!(texts(&mut outbox, start), ["s1"]);
        let mut now = start;
        for pause in [250, 500, 1_000, 2_000, 2_000].map(Duration::from_millis) {
            assert_eq!(outbox.error(now, "s1", 429, code), None);
            let (at, sent) = next(&mut outbox, now);
            assert_eq!(sent, ["s1"]);
            let waited = at - now;
            assert!(waited >= pause / 2 && waited <= pause, "{waited:?} of {pause:?}");
            now = at;
        }
        let refused = Outcome::Refused(About::Answer(peer("a")), code.into());
        assert_eq!(outbox.error(start + MAX_AGE, "s1", 429, code), Some(refused));
    }

    #[test]
    fn what_has_no_ack_is_sent_again_until_nobody_waits_for_it() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        outbox.open(start);
        outbox.push(start, About::Answer(peer("a")), str::to_owned);
        outbox.push(start, About::Leave, str::to_owned);
        assert_eq!(texts(&mut outbox, start), ["s1", "s2"]);
        let mut now = start;
        for _ in 1..10 {
            let (at, sent) = next(&mut outbox, now);
            assert_eq!((at, sent), (now + PATIENCE, vec!["s1".to_owned(), "s2".to_owned()]));
            now = at;
        }
        assert_eq!(next(&mut outbox, now), (start + MAX_AGE, vec!["s2".to_owned()]), "a room still ends");
    }

    #[test]
    fn a_refusal_of_api_gateway_has_everything_under_way_sent_again_once() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.open(now);
        for id in ["a", "b", "c"] {
            outbox.push(now, About::Answer(peer(id)), str::to_owned);
        }
        assert_eq!(texts(&mut outbox, now), ["s1", "s2", "s3"]);
        assert_eq!(outbox.ack("s2"), Some(Outcome::Done(About::Answer(peer("b")))));
        let about = About::Answer(peer("d"));
        assert!(!outbox.is_refused(now, &about));
        // Two of them were refused.
        outbox.refused(now);
        outbox.refused(now);
        let (at, sent) = next(&mut outbox, now);
        assert!(at > now && at <= now + FIRST_PAUSE, "{:?}", at - now);
        assert_eq!(sent, ["s1", "s3"]);
        assert!(outbox.is_refused(at, &about));
        assert_eq!(next(&mut outbox, at).0, at + PATIENCE);
        assert!(!outbox.is_refused(now + CALM, &about));
    }

    #[test]
    fn a_receiver_who_takes_nothing_is_nobody_else_s_trouble() {
        let now = Instant::now();
        for (status, all) in [(429, false), (503, false), (500, true)] {
            let mut outbox = Outbox::default();
            outbox.open(now);
            let [full, other] = ["a", "b"].map(|id| About::Answer(peer(id)));
            outbox.push(now, full.clone(), str::to_owned);
            outbox.push(now, other.clone(), str::to_owned);
            assert_eq!(texts(&mut outbox, now), ["s1", "s2"]);
            assert_eq!(outbox.error(now, "s1", status, "code"), None);
            assert!(outbox.is_refused(now, &full), "{status}");
            assert_eq!(outbox.is_refused(now, &other), all, "{status}");
            assert!(!outbox.is_refused(now + CALM, &full), "{status}");
        }
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
