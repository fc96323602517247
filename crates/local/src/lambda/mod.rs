//! Lambda: functions as processes behind the Runtime API.

pub(crate) mod environment;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod records;
pub(crate) mod runtime_api;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;

use crate::events::Events;
use crate::faults::Faults;
use crate::launcher::Launcher;
use crate::sync::{read, write};
use crate::template::stack::Function;
use pool::Pool;
use process::Process;
use records::Records;

/// How often processes that have been idle for too long are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// What one invocation is for.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) event: Bytes,
    /// The route key, for lines and records.
    pub(crate) route: String,
    pub(crate) connection: Option<String>,
    /// Bytes of what the client sent, for lines.
    pub(crate) size: usize,
}

/// Why an invocation came to nothing. The text is for the developer, never for a client.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("throttled: the function's reserved concurrency is used up")]
    Throttled,
    #[error("{0}")]
    Init(String),
    #[error("{0}")]
    Error(String),
    #[error("timed out after {0:?} and was killed")]
    Timeout(Duration),
    #[error("{0}")]
    Killed(String),
}

/// All functions of a template.
pub(crate) struct Lambda {
    pub(crate) launcher: Arc<Launcher>,
    pub(crate) events: Arc<Events>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) records: Records,
    pub(crate) settings: Settings,
    pools: BTreeMap<String, Pool>,
    processes: RwLock<HashMap<u64, Arc<Process>>>,
    next_process: AtomicU64,
    stopping: AtomicBool,
}

/// What functions are started with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The folder of the executables.
    pub(crate) bin_dir: PathBuf,
    /// Where the AWS endpoints listen, as `host:port`.
    pub(crate) endpoint: String,
    /// Processes of one function, unless its template reserves a number.
    pub(crate) most_processes: u32,
    /// A process that has not been used for so long is ended.
    pub(crate) keep_warm: Duration,
}

impl Lambda {
    pub(crate) fn new(
        functions: &[Function],
        launcher: Arc<Launcher>,
        events: Arc<Events>,
        faults: Arc<Faults>,
        settings: Settings,
    ) -> Arc<Self> {
        let pools = functions
            .iter()
            .map(|function| {
                (function.logical.clone(), Pool::new(Arc::new(function.clone()), settings.most_processes))
            })
            .collect();
        Arc::new(Self {
            launcher,
            events,
            faults,
            records: Records::default(),
            settings,
            pools,
            processes: RwLock::default(),
            next_process: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        })
    }

    /// Invokes the function with this logical id and waits for its answer. The invocation goes on when
    /// the caller is dropped, as at AWS.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        logical: &str,
        invocation: Invocation,
    ) -> Result<Bytes, Failure> {
        let (lambda, logical) = (Arc::clone(self), logical.to_owned());
        let invocation = tokio::spawn(async move {
            match lambda.pools.get(&logical) {
                Some(pool) => pool.invoke(&lambda, invocation).await,
                None => Err(Failure::Init(format!("there is no function {logical}"))),
            }
        });
        invocation.await.unwrap_or_else(|error| Err(Failure::Error(error.to_string())))
    }

    /// The short name of a function, for lines and records.
    pub(crate) fn name(&self, logical: &str) -> String {
        self.pools.get(logical).map_or_else(|| logical.to_owned(), |pool| pool.function().binary.clone())
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    /// The running process with this number.
    pub(crate) fn process(&self, id: u64) -> Option<Arc<Process>> {
        read(&self.processes).get(&id).cloned()
    }

    fn next_id(&self) -> u64 {
        self.next_process.fetch_add(1, Ordering::Relaxed)
    }

    fn add(&self, process: &Arc<Process>) {
        write(&self.processes).insert(process.id, Arc::clone(process));
    }

    fn remove(&self, id: u64) {
        write(&self.processes).remove(&id);
    }

    /// Ends processes that nobody has used for a while. Runs until it is dropped.
    pub(crate) async fn sweep(self: Arc<Self>) {
        let every = SWEEP.min(self.settings.keep_warm);
        loop {
            tokio::time::sleep(every).await;
            for pool in self.pools.values() {
                pool.end_idle(self.settings.keep_warm);
            }
        }
    }

    /// Kills every process and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let processes: Vec<_> = read(&self.processes).values().cloned().collect();
        for process in &processes {
            process.kill();
        }
        for process in processes {
            process.ended().await;
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
