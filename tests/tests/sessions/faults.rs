//! What goes wrong while a wave of runs is played.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// The functions that sessions are made of. The first is there where a stack has a grace.
const FUNCTIONS: [&str; 9] =
    ["timer", "identify", "disconnect", "leave", "signal", "moderate", "session-api", "publish", "outbox"];
/// Later than any run ends, in milliseconds.
const NEVER: u64 = 600_000;
/// `ReconnectGraceSeconds` of one stack after the other.
const GRACES: [u64; 3] = [2, 0, 2];
/// The SDK tries a call four times: a fault that strikes three times is always survived.
const SURVIVED: u64 = 3;

/// The faults of a wave.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    pub(crate) list: Vec<Value>,
    /// A function is killed, or an open socket is answered 410: somebody may not be told of something.
    pub(crate) lossy: bool,
    /// `$disconnect` may not come: a socket that is gone is found by the next post to it.
    pub(crate) dropping: bool,
    /// Timers may come late, or never: a grace that is over is found by whoever reads the session.
    pub(crate) late: bool,
}

/// `ReconnectGraceSeconds` of a stack.
pub(crate) fn grace(stack: u64) -> u64 {
    GRACES[usize::try_from(stack % GRACES.len() as u64).unwrap()]
}

impl Faults {
    /// Drawn by the seed, for a stack of this grace.
    pub(crate) fn of(seed: u64, grace: u64) -> Self {
        let functions = &FUNCTIONS[usize::from(grace == 0)..];
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut list = vec![];
        let lossy = rng.random_bool(0.2);
        if lossy {
            losses(rng, functions, &mut list);
        }
        let dropping = rng.random_bool(0.35);
        if dropping {
            list.push(json!({ "fault": "disconnect", "mode": "drop", "probability": 0.4 }));
        }
        if rng.random_bool(0.4) {
            list.push(json!({ "fault": "disconnect", "mode": "repeat", "delayMs": 5, "probability": 0.3 }));
            list.push(json!({ "fault": "disconnect", "mode": "delay", "delayMs": 60, "probability": 0.4 }));
        }
        if rng.random_bool(0.4) {
            conflicts(rng, functions, &mut list);
        }
        if rng.random_bool(0.4) {
            refused_posts(functions, &mut list);
        }
        if rng.random_bool(0.7) {
            // Windows between two calls of a function become wide.
            for operation in ["Query", "GetItem", "TransactWriteItems", "UpdateItem"] {
                let delay = rng.random_range(5..=150);
                let probability = rng.random_range(0.05..0.4);
                list.push(json!({
                    "fault": "dynamodb", "delayMs": delay, "operation": operation, "probability": probability,
                }));
            }
        }
        if rng.random_bool(0.7) {
            let delay = rng.random_range(5..=150);
            list.push(json!({ "fault": "management", "delayMs": delay, "probability": 0.3 }));
        }
        if rng.random_bool(0.5) {
            // Messages of one connection arrive out of order.
            list.push(json!({ "fault": "delay", "route": "*", "jitterMs": 40, "probability": 0.4 }));
        }
        let late = rng.random_bool(0.4);
        if late {
            list.push(json!({ "fault": "sqs", "lateMs": NEVER, "probability": 0.3 }));
            list.push(json!({ "fault": "sqs", "lateMs": rng.random_range(300..=3_000), "probability": 0.5 }));
        }
        if rng.random_bool(0.4) {
            list.push(json!({ "fault": "sqs", "repeat": true, "probability": 0.5 }));
        }
        Self { list, lossy, dropping, late }
    }
}

fn losses(rng: &mut StdRng, functions: &[&str], list: &mut Vec<Value>) {
    for function in functions {
        for after_calls in 0..=4 {
            if rng.random_bool(0.4) {
                list.push(json!({
                    "fault": "kill", "function": function, "afterCalls": after_calls, "times": 2, "probability": 0.2,
                }));
            }
        }
    }
    if rng.random_bool(0.5) {
        list.push(json!({ "fault": "management", "error": 410, "times": 6, "probability": 0.05 }));
    }
}

/// Two writes meet, and DynamoDB takes no more for now. Conflicts are tried again for two seconds, in which a machine that
/// is busy tries seven times: so often they do not strike in thousands of runs. All else is tried again by the SDK.
fn conflicts(rng: &mut StdRng, functions: &[&str], list: &mut Vec<Value>) {
    let errors = [("conflict-cancelled", 0.1), ("conflict", 0.05)];
    for (error, probability) in errors {
        list.push(json!({
            "fault": "dynamodb", "error": error, "operation": "TransactWriteItems", "probability": probability,
        }));
    }
    for function in functions {
        let error = if rng.random_bool(0.5) { "throttle" } else { "internal" };
        let operation = if rng.random_bool(0.5) { "Query" } else { "GetItem" };
        list.push(json!({
            "fault": "dynamodb", "error": error, "operation": operation, "function": function, "times": SURVIVED,
            "probability": 0.3,
        }));
    }
}

fn refused_posts(functions: &[&str], list: &mut Vec<Value>) {
    for (n, function) in functions.iter().enumerate() {
        let error = if n % 2 == 0 { 500 } else { 429 };
        list.push(json!({
            "fault": "management", "error": error, "function": function, "times": SURVIVED, "probability": 0.3,
        }));
    }
}
