//! The processes of one function: more of them under load, none when idle, new ones after a build.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::process::{Current, Process, Reply, Work};
use super::records::{Outcome, Record, peak_memory_kb};
use super::{Failure, Invocation, Lambda, environment};
use crate::events::{Event, Kind, elapsed_ms, now_ms};
use crate::ids;
use crate::launcher::Program;
use crate::sync::lock;
use crate::template::stack::Function;

/// What Lambda allows for Init.
const INIT: Duration = Duration::from_secs(10);
/// Processes that may end before they take an invocation, before that counts as its failure.
const TRIES: usize = 3;

/// One function and its processes.
pub(crate) struct Pool {
    function: Arc<Function>,
    /// A permit for each invocation that may run.
    permits: Semaphore,
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
    pub(crate) fn new(function: Arc<Function>, most_processes: u32) -> Self {
        let most = function.reserved.unwrap_or(most_processes);
        Self {
            function,
            permits: Semaphore::new(most as usize),
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
    pub(crate) async fn invoke(
        &self,
        lambda: &Arc<Lambda>,
        invocation: Invocation,
    ) -> Result<Bytes, Failure> {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        let result = self.admitted(lambda, &invocation).await;
        if result.is_err() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    async fn admitted(&self, lambda: &Arc<Lambda>, invocation: &Invocation) -> Result<Bytes, Failure> {
        let _permit = match self.permit().await {
            Ok(permit) => permit,
            Err(failure) => {
                lambda.events.emit(self.event(invocation).failed(true).status(429).text(failure.to_string()));
                return Err(failure);
            }
        };
        self.busy.fetch_add(1, Ordering::Relaxed);
        let result = self.run(lambda, invocation).await;
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

    async fn run(&self, lambda: &Arc<Lambda>, invocation: &Invocation) -> Result<Bytes, Failure> {
        for _ in 0..TRIES {
            let (process, cold) = match self.process(lambda).await {
                Ok(found) => found,
                Err(failure) => {
                    lambda.events.emit(self.event(invocation).failed(true).text(failure.to_string()));
                    return Err(failure);
                }
            };
            let request_id = ids::uuid();
            match self.attempt(&process, &request_id, invocation, cold).await {
                Attempt::NotTaken => {}
                Attempt::Done(finished) => {
                    return self.record(lambda, &process, request_id, invocation, cold, *finished);
                }
            }
        }
        Err(Failure::Init("its processes ended before they took the event".into()))
    }

    /// An idle process of the present executable, else a new one.
    async fn process(&self, lambda: &Arc<Lambda>) -> Result<(Arc<Process>, bool), Failure> {
        let path = lambda.settings.bin_dir.join(&self.function.binary);
        let built = built(&path).ok_or_else(|| Failure::Init(missing(&path, &self.function)))?;
        while let Some(idle) = { lock(&self.idle).pop() } {
            if idle.process.built == built && !idle.process.is_ended() {
                return Ok((idle.process, false));
            }
            idle.process.kill();
        }
        if lambda.is_stopping() {
            return Err(Failure::Killed("the gateway is stopping".into()));
        }
        let id = lambda.next_id();
        let started = Instant::now();
        let program = Program {
            path: std::path::absolute(&path).unwrap_or(path),
            arguments: Vec::new(),
            environment: environment::of(&self.function, &lambda.settings.endpoint, id),
        };
        let child = lambda.launcher.start(&program).await;
        let child = child.map_err(|error| {
            Failure::Init(format!("{} cannot be started: {error}", program.path.display()))
        })?;
        Ok((Process::watch(lambda, id, &self.function, built, child, started), true))
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
        lambda: &Arc<Lambda>,
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
        lambda.events.emit(event);
        let init = process.init_duration().filter(|_| cold);
        lambda.records.push(Record {
            seq: 0,
            function: self.function.binary.clone(),
            request_id,
            connection_id: invocation.connection.clone(),
            route: invocation.route.clone(),
            started_at: finished.started_at,
            duration_ms: finished.duration_ms,
            init_duration_ms: init.map(|init| init.as_secs_f64() * 1_000.0),
            outcome: finished.outcome,
            memory_kb: peak_memory_kb(process.pid),
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

/// When the executable was built; `None` when there is none.
fn built(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// What to say when an executable is not there.
pub(crate) fn missing(path: &Path, function: &Function) -> String {
    let profile =
        if path.parent().is_some_and(|folder| folder.ends_with("release")) { " --release" } else { "" };
    format!(
        "{}: {} has no executable {}: build it with `cargo build{profile} --bin {}`",
        function.at,
        function.logical,
        path.display(),
        function.binary
    )
}
