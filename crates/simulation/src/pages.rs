//! What visitors of pages and the SFUs of their rooms share, and the checks look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::heard::{Heard, Moment, Moments};
use crate::world::World;

/// What visitors and SFUs share.
pub(crate) struct Pages {
    pub(crate) world: Arc<World>,
    pub(crate) moments: Moments,
    pub(crate) visitors: Vec<Visitor>,
    pub(crate) logs: Vec<Heard>,
    /// Where each is a member, as far as it knows.
    pub(crate) places: Mutex<Vec<Option<Place>>>,
    /// How often SFUs are to have said something to everybody.
    pub(crate) probes: Mutex<u32>,
    /// The SFUs.
    pub(crate) sfus: Sfus,
    /// What must not be.
    pub(crate) wrong: Mutex<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) path: &'static str,
    pub(crate) id: String,
    pub(crate) resume_token: Option<String>,
}

/// A place that somebody believes to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) room: String,
    pub(crate) connection: String,
    pub(crate) socket: usize,
    /// Since when, without a break.
    pub(crate) from: Moment,
    /// The SFU has answered its offer.
    pub(crate) offered: bool,
}

impl Pages {
    pub(crate) fn new(world: &Arc<World>, moments: Moments, visitors: Vec<Visitor>) -> Self {
        Self {
            world: Arc::clone(world),
            logs: visitors.iter().map(|_| Heard::new(moments.clone())).collect(),
            moments,
            places: Mutex::new(vec![None; visitors.len()]),
            visitors,
            probes: Mutex::default(),
            sfus: Sfus::default(),
            wrong: Mutex::default(),
        }
    }

    pub(crate) fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// A socket: when it was opened, and its name. They are ordered.
pub(crate) type Stamp = (u64, String);

/// The SFUs of a run.
#[derive(Default)]
pub(crate) struct Sfus(pub(crate) Mutex<BTreeMap<String, State>>);

/// What an SFU believes.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Its task runs.
    pub(crate) runs: bool,
    /// It has its place.
    pub(crate) there: bool,
    /// The session that it serves; `None`: its own room, as far as it knows.
    pub(crate) serves: Option<String>,
    /// Its people, each on the socket that the gateway named last.
    pub(crate) known: BTreeMap<String, Stamp>,
}

impl Sfus {
    /// Whether the task of a room's SFU runs.
    pub(crate) fn runs(&self, room: &str) -> bool {
        self.0.lock().unwrap().get(room).is_some_and(|state| state.runs)
    }

    pub(crate) fn all(&self) -> BTreeMap<String, State> {
        self.0.lock().unwrap().clone()
    }
}
