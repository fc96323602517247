//! Functions, and their invocations.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

tokio::task_local! {
    /// Whose calls these are.
    pub(crate) static INVOCATION: Arc<Invocation>;
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    Connect,
    Disconnect,
    Default,
    Identify,
    Handshake,
    Leave,
    Signal,
    Moderate,
    Publish,
    Roster,
    GetRoomId,
    ClaimRoom,
    CreateRoom,
    SessionApi,
    Refill,
    Timer,
    Outbox,
}

/// A call of a function.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// `identify-12`.
    pub(crate) name: String,
    made: AtomicU32,
    /// The call at which it is killed.
    kill: Option<(u32, Moment)>,
    killed: Notify,
}

/// When an invocation is killed, as seen from one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the call is made: it has the answers of those before.
    Before,
    /// When the call is on its way.
    After,
}

impl Invocation {
    pub(crate) fn new(name: String, kill: Option<(u32, Moment)>) -> Self {
        Self { name, made: AtomicU32::new(0), kill, killed: Notify::new() }
    }

    /// It has been killed.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    /// It makes a call; answers whether it is killed at it.
    pub(crate) fn calls(&self) -> Option<Moment> {
        let call = self.made.fetch_add(1, Ordering::Relaxed);
        self.kill.filter(|(at, _)| *at == call).map(|(_, moment)| moment)
    }

    /// It is killed, and nothing of it goes on.
    pub(crate) async fn dies<T>(&self) -> T {
        self.killed.notify_one();
        std::future::pending().await
    }
}

/// The instances that have nothing to do, whatever they are, and how many of what there were.
#[derive(Default)]
pub(crate) struct Functions {
    idle: Mutex<BTreeMap<Function, Vec<Box<dyn Any + Send>>>>,
    instances: AtomicU64,
    invocations: AtomicU64,
    under_way: AtomicU64,
}

impl Functions {
    /// How many invocations there are at the moment.
    pub(crate) fn under_way(&self) -> u64 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// An invocation begins; answers with its number.
    pub(crate) fn begins(&self) -> u64 {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.invocations.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn ends(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of a new instance.
    pub(crate) fn instance(&self) -> u64 {
        self.instances.fetch_add(1, Ordering::Relaxed)
    }

    /// An instance that has nothing to do.
    pub(crate) fn take<T: 'static>(&self, function: Function) -> Option<T> {
        let idle = self.idle.lock().unwrap().get_mut(&function)?.pop()?;
        idle.downcast().ok().map(|idle| *idle)
    }

    /// An instance has nothing to do any more.
    pub(crate) fn give_back(&self, function: Function, instance: impl Any + Send) {
        self.idle.lock().unwrap().entry(function).or_default().push(Box::new(instance));
    }
}
