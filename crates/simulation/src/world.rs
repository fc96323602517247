//! What everything in a run shares: its seed, its time, its faults and its record.

use std::collections::BTreeMap;
use std::fmt::{Debug, Formatter};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use crate::call::{Answer, Call};
use crate::faults::{Faults, Service};
use crate::heard::{Moment, Moments};
use crate::invocation::Functions;
use crate::sockets::Api;
use crate::tables::Tables;
use crate::waiting::{Ecs, Stream};

/// When every run begins, in epoch milliseconds.
const BEGINNING: u64 = 1_800_000_000_000;

/// A call that is being served.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Answer>>>;
/// The services.
pub(crate) type Services = fn(Arc<World>, Call, String) -> Serving;

/// A run's own world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) faults: Faults,
    pub(crate) tables: Tables,
    pub(crate) api: Api,
    pub(crate) functions: Functions,
    pub(crate) ecs: Ecs,
    pub(crate) stream: Stream,
    /// What answers calls: the call, and who makes it.
    pub(crate) services: Services,
    /// Whose socket each connection is: `client 0`, `visitor-0`.
    pub(crate) owners: Mutex<BTreeMap<String, String>>,
    /// The ids of sockets by their owner and number.
    pub(crate) ids: Mutex<BTreeMap<(String, usize), String>>,
    /// When API Gateway has noticed that a socket is gone, by its id. Until then what is posted there is lost.
    pub(crate) noticed: Mutex<BTreeMap<String, Moment>>,
    pub(crate) moments: Moments,
    /// What decides who is struck, and when.
    fate: Mutex<SmallRng>,
    /// What the functions draw.
    chance: Mutex<SmallRng>,
    started: Instant,
    calm: Mutex<bool>,
    record: Mutex<Record>,
}

/// What has happened.
struct Record {
    kept: bool,
    lines: Vec<String>,
    hash: DefaultHasher,
}

impl Debug for World {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({})", self.seed)
    }
}

impl World {
    pub(crate) fn new(seed: u64, recorded: bool, services: Services) -> Arc<Self> {
        let mut fate = SmallRng::seed_from_u64(seed);
        let faults = Faults::draw(&mut fate);
        Arc::new(Self {
            seed,
            faults,
            tables: Tables::new(),
            api: Api::default(),
            functions: Functions::default(),
            ecs: Ecs::default(),
            stream: Stream::default(),
            services,
            owners: Mutex::default(),
            ids: Mutex::default(),
            noticed: Mutex::default(),
            moments: Moments::default(),
            fate: Mutex::new(fate),
            chance: Mutex::new(SmallRng::seed_from_u64(!seed)),
            started: Instant::now(),
            calm: Mutex::new(false),
            record: Mutex::new(Record { kept: recorded, lines: vec![], hash: DefaultHasher::new() }),
        })
    }

    /// `ReconnectGraceSeconds` of this run.
    pub(crate) fn reconnect_grace(&self) -> u64 {
        self.faults.reconnect_grace
    }

    /// The true time, in epoch milliseconds.
    pub(crate) fn now(&self) -> u64 {
        BEGINNING + u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// Whether all calls of a service fail at the moment.
    pub(crate) fn is_out(&self, service: Service) -> bool {
        self.faults.is_out(service, self.now() - BEGINNING) && !self.is_calm()
    }

    /// Draws something.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut SmallRng) -> T) -> T {
        draw(&mut self.fate.lock().unwrap())
    }

    /// Whether something strikes that does so with this probability; nothing strikes once the world is calm.
    pub(crate) fn strikes(&self, probability: f64) -> bool {
        // Drawn in any case, so that the same fate is drawn by runs that differ in their faults alone.
        self.draw(|fate| fate.random_bool(probability)) && !*self.calm.lock().unwrap()
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn becomes_calm(&self) {
        *self.calm.lock().unwrap() = true;
        self.note(|| "calm".into());
    }

    pub(crate) fn is_calm(&self) -> bool {
        *self.calm.lock().unwrap()
    }

    /// What the functions draw.
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        self.chance.lock().unwrap().fill_bytes(bytes);
    }

    /// Waits as long as a message takes from one machine to another: most often some milliseconds.
    pub(crate) async fn travel(&self) {
        let millis = self.draw(|fate| match fate.random_range(0..100) {
            0..70 => fate.random_range(1..=6),
            70..95 => fate.random_range(5..=40),
            _ => fate.random_range(20..=self.faults.slow),
        });
        sleep(Duration::from_millis(millis)).await;
    }

    /// Waits for a time between these, in milliseconds.
    pub(crate) async fn wait(&self, from: u64, to: u64) {
        let millis = self.draw(|fate| fate.random_range(from..=to));
        sleep(Duration::from_millis(millis)).await;
    }

    /// Records a line, if lines are recorded.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let mut record = self.record.lock().unwrap();
        if record.kept {
            let line = format!("{:>9.3} {}", self.started.elapsed().as_secs_f64(), line());
            line.hash(&mut record.hash);
            record.lines.push(line);
        }
    }

    /// The lines, and a number that stands for them.
    pub(crate) fn recorded(&self) -> (Vec<String>, u64) {
        let record = self.record.lock().unwrap();
        (record.lines.clone(), record.hash.finish())
    }
}
