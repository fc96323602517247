//! What the people of a run do, drawn from its seed.

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;

/// Somebody who may come into a session, more than once.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Which of the run's sessions.
    pub(crate) session: usize,
    /// Without one each socket is a connection of its own.
    pub(crate) id: Option<String>,
    pub(crate) resume_token: Option<String>,
    pub(crate) suppressed: bool,
    pub(crate) role: &'static str,
}

/// One thing that one of them does. What makes no sense at the moment (a signal of somebody who is not there) is left
/// out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Wants to be in the session from now on, and comes back after every break.
    Join,
    /// The same, and signals without waiting for the answer.
    JoinAndSignal,
    /// Identifies, and cuts the socket before the answer.
    JoinAndCut,
    /// The same identify again.
    Repeat,
    /// A second socket, with the resume token, while the first is open.
    Reconnect,
    /// The network breaks.
    Cut,
    /// The same, and it does not come back.
    CutAndStay,
    /// The same, for a while in which the project's server says something.
    CutForAWhile,
    /// API Gateway ends the socket, which has been open for two hours.
    Expire,
    /// The socket is closed with 1000.
    Close,
    /// Leaves, and keeps the socket.
    Leave,
    /// Leaves, and identifies again on the same socket.
    LeaveAndJoin,
    /// Signals to all, concurrently.
    Signal(usize),
    SignalTo(usize),
    /// Offers media, for which the session claims an SFU.
    Offer,
    /// Begins a stream; sometimes asks twice at the same moment.
    Publish,
    /// Ends one of its streams.
    Unpublish,
    /// Changes whether the newest of its streams has sound, twice at the same moment.
    UpdateStream,
    /// Mutes somebody's newest stream: by a moderator, or refused, as the next ones.
    Mute(usize),
    /// Mutes all streams, but perhaps somebody's newest.
    MuteAll(Option<usize>),
    /// The same by REST.
    RestMuteAll,
    DisableMute,
    /// Ends somebody's newest stream.
    ForceUnpublish(usize),
    RestSignal,
    RestSignalTo(usize),
    /// By a moderator, or refused.
    Force(usize),
    RestForce(usize),
}

/// A run: how many sessions, who may come, and when each of them does what, in milliseconds from the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) sessions: usize,
    pub(crate) people: Vec<Person>,
    pub(crate) acts: Vec<Vec<(u64, Act)>>,
}

impl Plan {
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let sessions = if rng.random_bool(0.2) { 2 } else { 1 };
        let people: Vec<_> = (0..rng.random_range(2..=5)).map(|n| person(rng, n, sessions)).collect();
        // In half of the runs it is most about one of them.
        let about = rng.random_bool(0.5).then(|| rng.random_range(0..people.len()));
        let acts = (0..people.len()).map(|_| acts(rng, people.len(), about)).collect();
        Self { sessions, people, acts }
    }
}

fn person(rng: &mut SmallRng, n: usize, sessions: usize) -> Person {
    let named = rng.random_bool(0.75);
    Person {
        session: rng.random_range(0..sessions),
        id: named.then(|| format!("person-{n}")),
        resume_token: (named && rng.random_bool(0.6)).then(|| format!("resume-token-{n:04}")),
        suppressed: rng.random_bool(0.15),
        role: ["publisher", "moderator", "moderator"].choose(rng).copied().unwrap(),
    }
}

/// Acts with their moments. Many are on the second, where those of others are as well: whoever does something then meets
/// them in the middle of theirs.
fn acts(rng: &mut SmallRng, people: usize, about: Option<usize>) -> Vec<(u64, Act)> {
    let first = match rng.random_range(0..10) {
        0 => Act::JoinAndCut,
        1 => Act::JoinAndSignal,
        _ => Act::Join,
    };
    let mut at = 0;
    let mut acts = vec![(moment(rng, &mut at), first)];
    for _ in 0..rng.random_range(2..=10) {
        let whom = about.filter(|_| rng.random_bool(0.7)).unwrap_or_else(|| rng.random_range(0..people));
        acts.push((moment(rng, &mut at), act(rng, whom)));
    }
    acts
}

/// The next moment for an act, in milliseconds from the beginning.
pub(crate) fn moment(rng: &mut SmallRng, at: &mut u64) -> u64 {
    *at += rng.random_range(200..=2_500);
    if rng.random_bool(0.6) {
        *at = at.next_multiple_of(1_000) + rng.random_range(0..=60);
    }
    *at
}

fn act(rng: &mut SmallRng, whom: usize) -> Act {
    match rng.random_range(0..60) {
        0..=3 => Act::Cut,
        4 => Act::CutAndStay,
        5..=6 => Act::Close,
        7..=8 => Act::Leave,
        9..=11 => Act::LeaveAndJoin,
        12..=14 => Act::Reconnect,
        15 => Act::Repeat,
        16 => Act::Expire,
        17..=19 => Act::Signal(rng.random_range(1..=3)),
        20..=21 => Act::SignalTo(whom),
        22 => Act::RestSignal,
        23 => Act::RestSignalTo(whom),
        24..=25 => Act::Force(whom),
        26 => Act::RestForce(whom),
        27 => Act::JoinAndCut,
        28..=30 => Act::Offer,
        31..=35 => Act::Publish,
        36..=37 => Act::Unpublish,
        38..=40 => Act::UpdateStream,
        41..=42 => Act::Mute(whom),
        43..=45 => Act::MuteAll(rng.random_bool(0.4).then_some(whom)),
        46 => Act::RestMuteAll,
        47..=48 => Act::DisableMute,
        49 => Act::ForceUnpublish(whom),
        50..=53 => Act::CutForAWhile,
        _ => Act::Join,
    }
}
