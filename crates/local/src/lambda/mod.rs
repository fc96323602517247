//! Lambda: functions as processes behind the Runtime API.

pub(crate) mod environment;
mod invocation;
mod memory;
mod pool;
pub(crate) mod process;
pub(crate) mod processes;
pub(crate) mod records;
pub(crate) mod runtime_api;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value as Json;

use crate::events::Events;
use crate::template::stack::Function;
pub(crate) use invocation::{Failure, Invocation};
use pool::Pool;
use processes::Processes;
use records::Records;

/// The interval at which processes that have been idle for too long are looked for.
const SWEEP: Duration = Duration::from_secs(15);

/// All functions of a template.
pub(crate) struct Lambda {
    processes: Arc<Processes>,
    records: Arc<Records>,
    /// By logical id.
    pools: BTreeMap<String, Arc<Pool>>,
}

impl Lambda {
    /// `most_processes` is the most of one function, unless its template reserves a number.
    pub(crate) fn new(
        functions: &[Arc<Function>],
        processes: Arc<Processes>,
        events: &Arc<Events>,
        most_processes: u32,
    ) -> Self {
        let records = Arc::new(Records::default());
        let pool = |function: &Arc<Function>| {
            let (function, processes) = (Arc::clone(function), Arc::clone(&processes));
            Arc::new(Pool::new(function, processes, Arc::clone(events), Arc::clone(&records), most_processes))
        };
        let pools = functions.iter().map(|function| (function.logical.clone(), pool(function))).collect();
        Self { processes, records, pools }
    }

    /// Invokes the function with this logical id and waits for its answer. The invocation goes on when
    /// the caller is dropped, as at AWS.
    pub(crate) async fn invoke(&self, logical: &str, invocation: Invocation) -> Result<Bytes, Failure> {
        let Some(pool) = self.pools.get(logical).cloned() else {
            return Err(Failure::Init(format!("there is no function {logical}")));
        };
        let invocation = tokio::spawn(async move { pool.invoke(invocation).await });
        invocation.await.unwrap_or_else(|error| Err(Failure::Error(error.to_string())))
    }

    /// The short name of a function, for lines and records.
    pub(crate) fn name(&self, logical: &str) -> String {
        self.pools.get(logical).map_or_else(|| logical.to_owned(), |pool| pool.function().binary.clone())
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values().map(AsRef::as_ref)
    }

    /// The last invocations of a function, or of all, oldest first.
    pub(crate) fn records(&self, function: Option<&str>) -> Json {
        for process in self.processes.all() {
            process.memory.update();
        }
        self.records.list(function)
    }

    pub(crate) fn clear_records(&self) {
        self.records.clear();
    }

    /// Ends processes that have been idle for longer than `keep_warm`. Runs until it is dropped.
    pub(crate) async fn sweep(self: Arc<Self>, keep_warm: Duration) {
        let every = SWEEP.min(keep_warm);
        loop {
            tokio::time::sleep(every).await;
            for pool in self.pools.values() {
                pool.end_idle(keep_warm);
            }
        }
    }

    /// Kills every process and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.processes.stop().await;
    }
}
