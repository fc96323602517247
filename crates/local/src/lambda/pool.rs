//! The processes of one function: more of them under load, none when idle, new ones after a build.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

use super::invocation::{Failure, Invocation};
use super::process::{Current, Process, Reply, Work};
use super::processes::Processes;
use super::records::{Outcome, Record, Records};
use crate::clock::{elapsed_ms, now_ms};
use crate::events::{Event, Events, Kind};
use crate::ids;
use crate::sync::lock;
use crate::template::stack::Function;

/// What Lambda allows for Init.
const INIT: Duration = Duration::from_secs(10);
/// Processes that may end before they take an invocation, before that counts as its failure.
const TRIES: usize = 3;
/// Invocations that have a turn at once: enough to meet in every order. Dozens of processes on the few cores of a
/// laptop find nothing of theirs in the caches.
const TURNS: usize = 4;
/// How long an invocation waits for a turn before it runs without one, and how long it keeps its turn: about what
/// the start of another process takes.
const TURN: Duration = Duration::from_millis(20);

/// One function and its processes.
pub(crate) struct Pool {
    function: Arc<Function>,
    processes: Arc<Processes>,
    events: Arc<Events>,
    records: Arc<Records>,
    /// A permit for each invocation that may run.
    permits: Semaphore,
    turns: Semaphore,
    idle: Mutex<Vec<Idle>>,
    busy: AtomicUsize,
    invocations: AtomicU64,
    errors: AtomicU64,
}

struct Idle {
    process: Arc<Process>,
    since: Instant,
}

enum Attempt {
    Done(Box<Finished>),
    /// The process ended before it took the event: another may have it.
    NotTaken,
}

struct Finished {
    result: Result<Bytes, Failure>,
    outcome: Outcome,
    started_at: u64,
    duration_ms: f64,
}

impl Pool {
    pub(crate) fn new(
        function: Arc<Function>,
        processes: Arc<Processes>,
        events: Arc<Events>,
        records: Arc<Records>,
        most_processes: u32,
    ) -> Self {
        let most = function.reserved.unwrap_or(most_processes);
        Self {
            function,
            processes,
            events,
            records,
            permits: Semaphore::new(most as usize),
            turns: Semaphore::new(TURNS),
            idle: Mutex::default(),
            busy: AtomicUsize::new(0),
            invocations: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    pub(crate) fn function(&self) -> &Function {
        &self.function
    }

    /// Processes, invocations and errors so far.
    pub(crate) fn counts(&self) -> (usize, u64, u64) {
        let processes = lock(&self.idle).len() + self.busy.load(Ordering::Relaxed);
        (processes, self.invocations.load(Ordering::Relaxed), self.errors.load(Ordering::Relaxed))
    }

    /// Runs one invocation.
    pub(crate) async fn invoke(&self, invocation: Invocation) -> Result<Bytes, Failure> {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        let result = self.admitted(&invocation).await;
        if result.is_err() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn admitted(&self, invocation: &Invocation) -> Result<Bytes, Failure> {
        let _permit = match self.permit().await {
            Ok(permit) => permit,
            Err(failure) => {
                self.events.emit(self.event(invocation).failed(true).status(429).text(failure.to_string()));
                return Err(failure);
            }
        };
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = self.in_turn(invocation).await;
        self.busy.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Reserved concurrency throttles at once, as Lambda does; the cap of this machine makes wait.
    async fn permit(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if self.function.reserved.is_some() {
            return self.permits.try_acquire().map_err(|_| Failure::Throttled);
        }
        self.permits.acquire().await.map_err(|_| Failure::Throttled)
    }

    /// An invocation that waits for something else gives its turn to the next.
    async fn in_turn(&self, invocation: &Invocation) -> Result<Bytes, Failure> {
        let turn = timeout(TURN, self.turns.acquire()).await;
        let mut run = pin!(self.run(invocation));
        if let Ok(result) = timeout(TURN, &mut run).await {
            return result;
        }
        drop(turn);
        run.await
    }

    async fn run(&self, invocation: &Invocation) -> Result<Bytes, Failure> {
        for _ in 0..TRIES {
            let (process, cold) = match self.process().await {
                Ok(found) => found,
                Err(failure) => {
                    self.events.emit(self.event(invocation).failed(true).text(failure.to_string()));
                    return Err(failure);
                }
            };
            let request_id = ids::uuid();
            match self.attempt(&process, &request_id, invocation, cold).await {
                Attempt::NotTaken => {}
                Attempt::Done(finished) => {
                    return self.record(&process, request_id, invocation, cold, *finished);
                }
            }
        }
        Err(Failure::Init("its processes ended before they took the event".into()))
    }

    /// An idle process of the present executable, else a new one; whether it is new.
    async fn process(&self) -> Result<(Arc<Process>, bool), Failure> {
        let executable = self.processes.executable(&self.function)?;
        while let Some(idle) = { lock(&self.idle).pop() } {
            if idle.process.built == executable.built && !idle.process.is_ended() {
                return Ok((idle.process, false));
            }
            idle.process.kill();
        }
        Ok((self.processes.start(&self.function, executable).await?, true))
    }

    async fn attempt(
        &self,
        process: &Process,
        request_id: &str,
        invocation: &Invocation,
        cold: bool,
    ) -> Attempt {
        let (handed, taken) = oneshot::channel();
        let (reply, mut answer) = oneshot::channel();
        let work = Work { request_id: request_id.to_owned(), event: invocation.event.clone() };
        let current = Current {
            request_id: request_id.to_owned(),
            handed: Some(handed),
            reply: Some(reply),
            calls: Vec::new(),
        };
        process.assign(work, current);
        let (start, started_at) = (Instant::now(), now_ms());
        let failed = |failure, outcome| {
            Attempt::Done(Box::new(Finished {
                result: Err(failure),
                outcome,
                started_at,
                duration_ms: elapsed_ms(start),
            }))
        };
        tokio::select! {
            biased;
            _ = taken => {}
            how = process.ended() => {
                if !cold {
                    return Attempt::NotTaken;
                }
                let why = process.init_error().unwrap_or_default();
                return failed(
                    Failure::Init(with_tail(&format!("ended before it was ready ({how}) {why}"), process)),
                    Outcome::InitError,
                );
            }
            () = tokio::time::sleep(INIT) => {
                process.kill();
                process.ended().await;
                return failed(
                    Failure::Init(with_tail("was not ready within 10 s and was killed", process)),
                    Outcome::InitError,
                );
            }
        }
        let (start, started_at) = (Instant::now(), now_ms());
        let (result, outcome) = tokio::select! {
            biased;
            reply = &mut answer => match reply {
                Ok(reply) => replied(reply),
                Err(_) => (Err(Failure::Killed("gave no answer".into())), Outcome::Killed),
            },
            how = process.ended() => match answer.try_recv() {
                // It answered, and ended at once.
                Ok(reply) => replied(reply),
                Err(_) => (
                    Err(Failure::Killed(with_tail(&format!("ended while it ran ({how})"), process))),
                    Outcome::Killed,
                ),
            },
            () = tokio::time::sleep(self.function.timeout) => {
                process.kill();
                (Err(Failure::Timeout(self.function.timeout)), Outcome::Timeout)
            }
        };
        Attempt::Done(Box::new(Finished { result, outcome, started_at, duration_ms: elapsed_ms(start) }))
    }

    fn record(
        &self,
        process: &Arc<Process>,
        request_id: String,
        invocation: &Invocation,
        cold: bool,
        finished: Finished,
    ) -> Result<Bytes, Failure> {
        let calls = process.finish();
        let mut event = self.event(invocation).took(finished.duration_ms);
        match &finished.result {
            Ok(_) => {
                let calls = calls.len();
                let text = format!(
                    "{calls} call{}{}",
                    if calls == 1 { "" } else { "s" },
                    if cold { ", cold" } else { "" }
                );
                event = event.text(text);
            }
            Err(failure) => event = event.failed(true).text(failure.to_string()),
        }
        self.events.emit(event);
        let init = process.init_duration().filter(|_| cold);
        if cold {
            // Once: most processes that end by themselves have done so without being looked at.
            process.memory.update();
        }
        self.records.push(Record {
            seq: 0,
            function: self.function.binary.clone(),
            request_id,
            connection_id: invocation.connection.clone(),
            route: invocation.route.clone(),
            started_at: finished.started_at,
            duration_ms: finished.duration_ms,
            init_duration_ms: init.map(|init| init.as_secs_f64() * 1_000.0),
            outcome: finished.outcome,
            memory: Arc::clone(&process.memory),
            calls,
            init_calls: if cold { process.take_init_calls() } else { Vec::new() },
        });
        if matches!(finished.outcome, Outcome::Ok | Outcome::Error) && !process.is_ended() {
            lock(&self.idle).push(Idle { process: Arc::clone(process), since: Instant::now() });
        }
        finished.result
    }

    fn event(&self, invocation: &Invocation) -> Event {
        let event = Event::new(Kind::Invoke).function(&self.function.binary).route(&invocation.route);
        let event = if invocation.size > 0 { event.bytes_in(invocation.size) } else { event };
        match &invocation.connection {
            Some(id) => event.connection(id),
            None => event,
        }
    }

    /// Ends processes that have been idle for longer than `keep`.
    pub(crate) fn end_idle(&self, keep: Duration) {
        lock(&self.idle).retain(|idle| {
            let kept = idle.since.elapsed() < keep && !idle.process.is_ended();
            if !kept {
                idle.process.kill();
            }
            kept
        });
    }
}

fn replied(reply: Reply) -> (Result<Bytes, Failure>, Outcome) {
    match reply {
        Ok(payload) => (Ok(payload), Outcome::Ok),
        Err(error) => (Err(Failure::Error(error)), Outcome::Error),
    }
}

/// `what`, with what the process last wrote: that says why.
fn with_tail(what: &str, process: &Process) -> String {
    let tail = process.tail();
    let what = what.trim_end();
    if tail.is_empty() { what.to_owned() } else { format!("{what}\n{tail}") }
}
