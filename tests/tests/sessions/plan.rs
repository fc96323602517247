//! What the people of a run do, drawn from its seed.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Somebody who may come into the session, more than once.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Without one each socket is a connection of its own.
    pub(crate) id: Option<String>,
    pub(crate) resume_token: Option<String>,
    pub(crate) suppressed: bool,
    pub(crate) role: &'static str,
    /// The layout classes of its streams, as tokens name them.
    pub(crate) classes: &'static str,
}

/// One thing that one of them does. What makes no sense at the moment (a signal of somebody who is not there) is left
/// out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Identifies, on the socket that is open or on a new one.
    Join,
    /// Identifies and signals without waiting for the answer.
    JoinAndSignal,
    /// Identifies, and cuts the socket before the answer.
    JoinAndCut,
    /// The same identify again.
    Repeat,
    /// A second socket, with the resume token, while the first is open.
    Reconnect,
    /// The socket breaks.
    Cut,
    /// The socket breaks. When that has been noticed, the project's server says something, and then it comes back.
    Away(Said),
    /// The socket breaks, and somebody else tries to be who was lost, again and again.
    CutAndImpersonated,
    /// The socket is closed with 1000.
    Close,
    /// Leaves, and keeps the socket.
    Leave,
    /// Leaves, and identifies again on the same socket.
    LeaveAndJoin,
    /// Signals to all, concurrently.
    Signal(usize),
    SignalTo(usize),
    RestSignal,
    RestSignalTo(usize),
    /// By a moderator, or refused.
    Force(usize),
    RestForce(usize),
    /// On a socket of its own, without the resume token; whoever is let in closes at once.
    Impersonate(usize),
    /// Begins a stream, and asks so many times at the same moment.
    Publish(usize),
    /// The same after an identify, without waiting for the answer.
    JoinAndPublish,
    /// Ends the newest of its streams.
    Unpublish,
    /// Switches the sound of the newest of its streams and, the other way, its pictures; and both back at that moment.
    UpdateStream(bool),
    /// Mutes somebody's newest stream: by a moderator, or refused, as the next ones.
    Mute(usize),
    /// Mutes all streams, but perhaps somebody's newest.
    MuteAll(Option<usize>),
    DisableMute,
    /// Ends somebody's newest stream.
    ForceUnpublish(usize),
    RestMute(usize),
    RestMuteAll,
    RestDisableMute,
    /// Gives somebody's newest stream other layout classes.
    RestClasses(usize),
}

/// What is said to who is away.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    /// So many short texts.
    Short(usize),
    /// More than a mailbox has room for.
    TooMuch,
}

/// A run: rounds of things that are done at the same moment, by different people.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) people: Vec<Person>,
    pub(crate) rounds: Vec<Vec<(usize, Act)>>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let people: Vec<_> = (0..rng.random_range(2..=5)).map(|n| person(rng, n)).collect();
        let mut there = vec![false; people.len()];
        let rounds = (0..rng.random_range(2..=5)).map(|_| round(rng, &people, &mut there)).collect();
        Self { people, rounds }
    }
}

fn person(rng: &mut StdRng, n: usize) -> Person {
    let named = rng.random_bool(0.75);
    Person {
        id: named.then(|| format!("person-{n}")),
        resume_token: (named && rng.random_bool(0.6)).then(|| format!("resume-token-{n:04}")),
        suppressed: rng.random_bool(0.15),
        role: ["publisher", "moderator", "moderator"].choose(rng).copied().unwrap(),
        classes: ["", "focus", "small left"].choose(rng).copied().unwrap(),
    }
}

fn round(rng: &mut StdRng, people: &[Person], there: &mut [bool]) -> Vec<(usize, Act)> {
    let everybody_of_many = rng.random_bool(0.8);
    let chosen = rng.random_range(0..people.len());
    // In half of the rounds it is all about one of them, who comes, goes or changes its socket meanwhile.
    let about = rng.random_bool(0.5).then_some(chosen);
    let mut acts = vec![];
    for n in 0..people.len() {
        if (everybody_of_many && rng.random_bool(0.8)) || n == chosen {
            let act = match (there[n], about) {
                (false, None) => outside(rng, people.len()),
                (false, Some(whom)) => {
                    if n == whom {
                        Act::JoinAndCut
                    } else {
                        Act::Join
                    }
                }
                (true, None) => within(rng, people.len()),
                (true, Some(whom)) => {
                    if n == whom {
                        moving(rng)
                    } else {
                        towards(rng, whom)
                    }
                }
            };
            there[n] = match act {
                Act::Cut | Act::CutAndImpersonated | Act::Close | Act::Leave | Act::JoinAndCut => false,
                Act::Join | Act::JoinAndSignal | Act::JoinAndPublish | Act::LeaveAndJoin | Act::Away(_) => {
                    true
                }
                Act::Repeat
                | Act::Reconnect
                | Act::Signal(_)
                | Act::SignalTo(_)
                | Act::RestSignal
                | Act::RestSignalTo(_)
                | Act::Force(_)
                | Act::RestForce(_)
                | Act::Impersonate(_)
                | Act::Publish(_)
                | Act::Unpublish
                | Act::UpdateStream(_)
                | Act::Mute(_)
                | Act::MuteAll(_)
                | Act::DisableMute
                | Act::ForceUnpublish(_)
                | Act::RestMute(_)
                | Act::RestMuteAll
                | Act::RestDisableMute
                | Act::RestClasses(_) => there[n],
            };
            if let Act::Force(whom) | Act::RestForce(whom) = act {
                there[whom] = false;
            }
            acts.push((n, act));
        }
    }
    acts
}

fn outside(rng: &mut StdRng, people: usize) -> Act {
    match rng.random_range(0..14) {
        0 => Act::JoinAndCut,
        1 => Act::JoinAndSignal,
        2 => Act::Impersonate(rng.random_range(0..people)),
        3..=6 => Act::JoinAndPublish,
        _ => Act::Join,
    }
}

fn moving(rng: &mut StdRng) -> Act {
    match rng.random_range(0..15) {
        0..=1 => Act::Reconnect,
        2 => Act::LeaveAndJoin,
        3 => Act::Cut,
        4 => Act::CutAndImpersonated,
        5 => Act::Close,
        6..=8 => away(rng),
        9..=11 => Act::Publish(rng.random_range(1..=2)),
        12 => Act::Unpublish,
        _ => Act::UpdateStream(rng.random_bool(0.5)),
    }
}

fn towards(rng: &mut StdRng, whom: usize) -> Act {
    match rng.random_range(0..22) {
        0..=10 => moderates(rng, whom),
        11..=13 => Act::Signal(rng.random_range(1..=3)),
        14 => Act::SignalTo(whom),
        15 => Act::RestSignal,
        16 => Act::RestSignalTo(whom),
        17 => Act::Force(whom),
        18..=20 => Act::Impersonate(whom),
        _ => Act::RestForce(whom),
    }
}

fn within(rng: &mut StdRng, people: usize) -> Act {
    let whom = rng.random_range(0..people);
    match rng.random_range(0..60) {
        27..=33 => Act::Publish(rng.random_range(1..=2)),
        34..=36 => Act::Unpublish,
        37..=41 => Act::UpdateStream(rng.random_bool(0.5)),
        42..=50 => moderates(rng, whom),
        51..=59 => away(rng),
        0 => Act::Cut,
        1..=2 => Act::CutAndImpersonated,
        3..=4 => Act::Close,
        5 => Act::Leave,
        6..=8 => Act::LeaveAndJoin,
        9..=11 => Act::Reconnect,
        12 => Act::Repeat,
        13..=15 => Act::Signal(rng.random_range(1..=3)),
        16..=17 => Act::SignalTo(whom),
        18 => Act::RestSignal,
        19 => Act::RestSignalTo(whom),
        20..=21 => Act::Force(whom),
        22..=24 => Act::Impersonate(whom),
        _ => Act::RestForce(whom),
    }
}

fn moderates(rng: &mut StdRng, whom: usize) -> Act {
    match rng.random_range(0..14) {
        0..=1 => Act::Mute(whom),
        2..=4 => Act::MuteAll(rng.random_bool(0.4).then_some(whom)),
        5..=6 => Act::DisableMute,
        7..=8 => Act::ForceUnpublish(whom),
        9 => Act::RestMute(whom),
        10 => Act::RestMuteAll,
        11 => Act::RestDisableMute,
        _ => Act::RestClasses(whom),
    }
}

fn away(rng: &mut StdRng) -> Act {
    Act::Away(if rng.random_bool(0.15) { Said::TooMuch } else { Said::Short(rng.random_range(0..=4)) })
}
