//! Faults on demand: what AWS does to a system on a bad day, when a test or a curious person asks.
//!
//! A kind of fault is a file here, an entry of [`KINDS`], a row in README.md and a form on the page.

mod cut;
mod delay;
mod disconnect;
mod dynamodb;
mod ecs;
mod kill;
mod kind;
mod management;
mod sqs;
mod stream;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::sync::lock;
use crate::template::stack::{self, Function};
pub(crate) use cut::Cut;
pub(crate) use delay::Delay;
pub(crate) use disconnect::Disconnect;
pub(crate) use dynamodb::{Dynamodb, When};
pub(crate) use ecs::Ecs;
pub(crate) use kill::Kill;
pub(crate) use kind::Kind;
pub(crate) use management::Management;
pub(crate) use sqs::Sqs;
pub(crate) use stream::Stream;

/// Every kind that can be asked for.
const KINDS: &[Entry] = &[
    Entry::of::<Disconnect>(),
    Entry::of::<Dynamodb>(),
    Entry::of::<Management>(),
    Entry::of::<Ecs>(),
    Entry::of::<Sqs>(),
    Entry::of::<Stream>(),
    Entry::of::<Kill>(),
    Entry::of::<Delay>(),
    Entry::of::<Cut>(),
];

struct Entry {
    name: &'static str,
    members: &'static [&'static str],
    read: fn(&Json, Common) -> Result<Fault, String>,
}

impl Entry {
    const fn of<K: Kind>() -> Self {
        Self { name: K::NAME, members: K::MEMBERS, read: Fault::of::<K> }
    }
}

/// The members that every fault takes.
#[derive(Debug, Deserialize, Serialize)]
struct Common {
    /// How many times it strikes. Absent: until it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// Only for this function: the name of its executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    /// From 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
}

/// A fault as it is asked for, in the admin API and with `--fault`.
#[derive(Debug, Serialize)]
struct Fault {
    #[serde(rename = "fault")]
    name: &'static str,
    /// The kind's own members.
    #[serde(flatten)]
    shown: Map<String, Json>,
    #[serde(flatten)]
    common: Common,
    /// A [`Kind`].
    #[serde(skip)]
    kind: Box<dyn Any + Send>,
    #[serde(skip)]
    interval: Option<Duration>,
}

impl Fault {
    /// Reads a fault from JSON.
    ///
    /// # Errors
    ///
    /// A sentence that says what the kind takes.
    fn from_json(json: &Json) -> Result<Self, String> {
        let members = json.as_object().ok_or("a fault is a JSON object with a member \"fault\"")?;
        let name = members.get("fault").and_then(Json::as_str).unwrap_or_default();
        let Some(entry) = KINDS.iter().find(|entry| entry.name == name) else {
            let names: Vec<_> = KINDS.iter().map(|entry| entry.name).collect();
            return Err(format!("\"fault\" is one of {}", names.join(", ")));
        };
        let taken = ["fault", "times", "function", "probability"];
        let mut keys = members.keys().map(String::as_str);
        if let Some(unknown) = keys.find(|key| !entry.members.contains(key) && !taken.contains(key)) {
            return Err(format!("{name} has no member {unknown}; it takes {}", entry.members.join(", ")));
        }
        let common: Common =
            serde_json::from_value(json.clone()).map_err(|error| format!("{name}: {error}"))?;
        let fault = (entry.read)(json, common)?;
        if fault.common.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("probability is from 0 to 1".into());
        }
        Ok(fault)
    }

    fn of<K: Kind>(json: &Json, common: Common) -> Result<Self, String> {
        let failed = |error: serde_json::Error| format!("{}: {error}", K::NAME);
        let kind: K = serde_json::from_value(json.clone()).map_err(failed)?;
        kind.check(common.function.as_deref()).map_err(|why| format!("{}: {why}", K::NAME))?;
        let Json::Object(shown) = serde_json::to_value(&kind).map_err(failed)? else {
            return Err(format!("{}: has no members", K::NAME));
        };
        let interval = kind.interval();
        Ok(Self { name: K::NAME, shown, common, kind: Box::new(kind), interval })
    }
}

/// A fault that is in force, as `GET /faults` shows it.
#[derive(Debug, Serialize)]
struct Active {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    /// How many times it has struck.
    fired: u64,
    #[serde(skip)]
    task: Option<AbortHandle>,
}

impl Active {
    fn is_used_up(&self) -> bool {
        self.fault.common.times.is_some_and(|times| self.fired >= times)
    }

    /// The fault, if it is of this kind and strikes here.
    fn strikes<K: Kind>(&self, function: Option<&str>, site: &K::Site) -> Option<&K> {
        let kind = self.fault.kind.downcast_ref::<K>()?;
        let Common { function: only, probability, .. } = &self.fault.common;
        let here = !self.is_used_up()
            && (only.is_none() || only.as_deref() == function)
            && kind.strikes(site)
            && probability.is_none_or(|p| rand::random::<f64>() < p);
        here.then_some(kind)
    }
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Those that a fault can be limited to.
    functions: Vec<Arc<Function>>,
    active: Mutex<Vec<Active>>,
    /// Looked at first, so that a run without faults takes no lock for them.
    any: AtomicBool,
    ids: AtomicU64,
    /// Changes with every deletion.
    deletions: watch::Sender<()>,
}

/// A fault that has been put in force.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) id: u64,
    /// For one that strikes by itself.
    pub(crate) interval: Option<Duration>,
}

/// A fault that has struck.
#[derive(Debug)]
pub(crate) struct Struck<K> {
    pub(crate) fault: K,
    deletions: watch::Receiver<()>,
}

impl<K> Struck<K> {
    /// Waits for `delay`, or until a fault is deleted: a test can hold a call for as long as it wants.
    pub(crate) async fn hold(&mut self, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            Ok(()) = self.deletions.changed() => {}
        }
    }
}

impl Faults {
    pub(crate) fn new(functions: Vec<Arc<Function>>) -> Self {
        Self { functions, ..Self::default() }
    }

    /// Puts a fault in force.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(crate) fn add(&self, json: &Json) -> Result<Added, String> {
        let mut fault = Fault::from_json(json)?;
        if let Some(name) = &mut fault.common.function {
            name.clone_from(&stack::named(&self.functions, name)?.binary);
        }
        let id = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let interval = fault.interval;
        lock(&self.active).push(Active { id, fault, fired: 0, task: None });
        self.any.store(true, Ordering::Release);
        Ok(Added { id, interval })
    }

    /// Ties a task to a fault: it is aborted when the fault is deleted.
    pub(crate) fn attach(&self, id: u64, task: AbortHandle) {
        if let Some(active) = lock(&self.active).iter_mut().find(|active| active.id == id) {
            active.task = Some(task);
        }
    }

    /// Counts one strike of a fault that strikes by itself; `false` when it is used up or deleted.
    pub(crate) fn strike(&self, id: u64) -> bool {
        let mut all = lock(&self.active);
        let Some(active) = all.iter_mut().find(|active| active.id == id) else { return false };
        let strikes = !active.is_used_up();
        active.fired += u64::from(strikes);
        strikes
    }

    /// Deletes the fault `id`, or all; answers how many there were.
    pub(crate) fn delete(&self, id: Option<u64>) -> usize {
        let mut all = lock(&self.active);
        let before = all.len();
        all.retain(|active| {
            let keep = id.is_some_and(|id| id != active.id);
            if let (false, Some(task)) = (keep, &active.task) {
                task.abort();
            }
            keep
        });
        self.any.store(!all.is_empty(), Ordering::Release);
        self.deletions.send_replace(());
        before - all.len()
    }

    /// All, with how often each has struck.
    pub(crate) fn list(&self) -> Json {
        serde_json::to_value(&*lock(&self.active)).unwrap_or_default()
    }

    /// The first fault of a kind that strikes `function` at `site`.
    pub(crate) fn take<K: Kind>(&self, function: Option<&str>, site: &K::Site) -> Option<Struck<K>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut all = lock(&self.active);
        for active in all.iter_mut() {
            if let Some(fault) = active.strikes::<K>(function, site).cloned() {
                active.fired += 1;
                // Under the lock: no deletion that comes after the strike is missed.
                return Some(Struck { fault, deletions: self.deletions.subscribe() });
            }
        }
        None
    }
}
