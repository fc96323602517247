//! What waits for functions and tasks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use serde_json::Value;

/// The records that wait, by room, which stands for the shard; and what else waits.
#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) waiting: Mutex<BTreeMap<String, VecDeque<Value>>>,
    /// The sort keys of records that were tried as often as the event source says, in vain.
    pub(crate) given_up: Mutex<BTreeSet<String>>,
    /// How many messages queues hold, those included that were given up.
    pub(crate) messages: AtomicUsize,
}

/// The tasks that have been asked for: SFUs are started by whoever reads this.
#[derive(Default)]
pub(crate) struct Ecs {
    /// By their rooms, which are the calls' tokens.
    pub(crate) started: Mutex<BTreeMap<String, String>>,
    pub(crate) news: Mutex<Vec<(String, String)>>,
}

impl Ecs {
    /// Those that have been started since this was last asked: their rooms, and the URLs that they are given.
    pub(crate) fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.news.lock().unwrap())
    }
}
