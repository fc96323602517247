//! What several servers look at or change while the gateway runs. It knows none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;

use crate::clock::now_ms;
use crate::connections::Connections;
use crate::events::{Event, Events, Kind};
use crate::faults::{Added, Faults};
use crate::under_way::UnderWay;

pub(crate) struct State {
    pub(crate) events: Arc<Events>,
    pub(crate) faults: Faults,
    pub(crate) connections: Connections,
    pub(crate) under_way: UnderWay,
    /// Epoch milliseconds.
    pub(crate) started_at: u64,
    stopping: AtomicBool,
}

impl State {
    pub(crate) fn new(events: Arc<Events>, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            events,
            faults,
            connections: Connections::default(),
            under_way: UnderWay::default(),
            started_at: now_ms(),
            stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Puts a fault in force and answers with its id.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(crate) fn add_fault(self: &Arc<Self>, json: &Json) -> Result<u64, String> {
        let Added { id, interval } = self.faults.add(json)?;
        if let Some(interval) = interval {
            let state = Arc::clone(self);
            let task = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(interval).await;
                    if !state.faults.strike(id) {
                        return;
                    }
                    state.cut(None);
                }
            });
            self.faults.attach(id, task.abort_handle());
        }
        Ok(id)
    }

    /// Cuts one socket, or all; answers how many.
    pub(crate) fn cut(&self, id: Option<&str>) -> usize {
        let cut = self.connections.cut(id);
        self.events.emit(Event::new(Kind::Fault).route("cut").text(format!("{cut} sockets cut")));
        cut
    }
}
