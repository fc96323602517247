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
        let rounds = (0..rng.random_range(2..=4)).map(|_| round(rng, &people, &mut there)).collect();
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
                Act::Join | Act::JoinAndSignal | Act::LeaveAndJoin => true,
                Act::Repeat
                | Act::Reconnect
                | Act::Signal(_)
                | Act::SignalTo(_)
                | Act::RestSignal
                | Act::RestSignalTo(_)
                | Act::Force(_)
                | Act::RestForce(_)
                | Act::Impersonate(_) => there[n],
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
    match rng.random_range(0..11) {
        0 => Act::JoinAndCut,
        1 => Act::JoinAndSignal,
        2 => Act::Impersonate(rng.random_range(0..people)),
        _ => Act::Join,
    }
}

fn moving(rng: &mut StdRng) -> Act {
    let moves =
        [Act::Reconnect, Act::Reconnect, Act::LeaveAndJoin, Act::Cut, Act::CutAndImpersonated, Act::Close];
    moves.choose(rng).copied().unwrap()
}

fn towards(rng: &mut StdRng, whom: usize) -> Act {
    match rng.random_range(0..11) {
        0..=2 => Act::Signal(rng.random_range(1..=3)),
        3 => Act::SignalTo(whom),
        4 => Act::RestSignal,
        5 => Act::RestSignalTo(whom),
        6 => Act::Force(whom),
        7..=9 => Act::Impersonate(whom),
        _ => Act::RestForce(whom),
    }
}

fn within(rng: &mut StdRng, people: usize) -> Act {
    let whom = rng.random_range(0..people);
    match rng.random_range(0..27) {
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
