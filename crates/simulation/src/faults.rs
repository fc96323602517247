//! What goes wrong in a run, and how often.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// Probabilities, each of one event; zero in the runs that have no such fault.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// An invocation is killed, at one of its calls.
    pub(crate) kill: f64,
    /// DynamoDB refuses a call: throttled, or failed.
    pub(crate) refuse: f64,
    /// A call is done, and its answer is lost.
    pub(crate) lose_answer: f64,
    /// A call is not answered, done or not.
    pub(crate) hang: f64,
    /// A batched read is not done as a whole, and at two moments.
    pub(crate) split: f64,
    /// A post, or a look at a socket, is answered 429.
    pub(crate) busy: f64,
    /// The management API fails, or loses an answer.
    pub(crate) post_fails: f64,
    /// A message is turned away above a route's throttle.
    pub(crate) too_many: f64,
    /// `$disconnect` never comes.
    pub(crate) drop_disconnect: f64,
    /// It comes twice.
    pub(crate) repeat_disconnect: f64,
    /// It comes up to 20 s late.
    pub(crate) delay_disconnect: f64,
    /// A message of a queue comes twice, or late.
    pub(crate) queue: f64,
    /// A call of another service fails.
    pub(crate) service: f64,
    /// A socket takes no more for some seconds after it was opened.
    pub(crate) full: f64,
    /// When every call of DynamoDB, or of the management API, fails: more often than any client tries. From and until, in
    /// milliseconds from the beginning.
    pub(crate) outages: [(u64, u64); 2],
    /// How long something slow takes on its way, in milliseconds.
    pub(crate) slow: u64,
    /// How much a function's clock may be ahead or behind, in milliseconds.
    pub(crate) skew: u64,
    /// The probability that a message of a client is held up before its function sees it.
    pub(crate) reorder: f64,
    /// No fault, but a setting: for how many seconds the place of somebody who is lost is kept.
    pub(crate) reconnect_grace: u64,
}

impl Faults {
    /// Whether a call may be so slow, on its way and back, that it is made again while the first is still being done.
    pub(crate) fn exceeds_patience(&self) -> bool {
        2 * self.slow >= 2_000
    }

    /// Whether a service fails altogether, so many milliseconds after the beginning.
    pub(crate) fn is_out(&self, service: Service, at: u64) -> bool {
        let (from, until) = self.outages[service as usize];
        from <= at && at < until
    }

    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let mut fault = |often: f64, most: f64| {
            if rng.random_bool(often) { rng.random_range(0.0..most) } else { 0.0 }
        };
        Self {
            kill: fault(0.6, 0.3),
            refuse: fault(0.5, 0.1),
            lose_answer: fault(0.4, 0.06),
            hang: fault(0.2, 0.01),
            split: fault(0.5, 0.5),
            busy: fault(0.4, 0.2),
            post_fails: fault(0.4, 0.15),
            too_many: fault(0.3, 0.05),
            drop_disconnect: fault(0.5, 0.5),
            repeat_disconnect: fault(0.5, 0.4),
            delay_disconnect: fault(0.5, 0.5),
            queue: fault(0.5, 0.3),
            service: fault(0.4, 0.1),
            full: fault(0.3, 0.3),
            reorder: fault(0.6, 0.4),
            slow: [50, 200, 1_500].choose(rng).copied().unwrap(),
            outages: [outage(rng), outage(rng)],
            reconnect_grace: [0, 4].choose(rng).copied().unwrap(),
            skew: [0, 20, 1_000].choose(rng).copied().unwrap(),
        }
    }
}

/// What may fail altogether.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Tables,
    Management,
}

fn outage(rng: &mut SmallRng) -> (u64, u64) {
    if rng.random_bool(0.75) {
        return (0, 0);
    }
    let from = rng.random_range(0..25_000);
    (from, from + rng.random_range(200..8_000))
}
