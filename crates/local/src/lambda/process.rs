//! One process of a function: a Lambda execution environment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::memory::PeakMemory;
use super::records::Call;
use crate::events::{DEBUG, Event, Events, Kind, redact};
use crate::launcher;
use crate::sync::lock;
use crate::template::stack::Function;

/// Lines of output that are kept to explain an exit.
const TAIL: usize = 20;
/// How long output is waited for after an exit: a grandchild may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(200);

/// An event on its way to a process.
pub(crate) struct Work {
    pub(crate) request_id: String,
    pub(crate) event: Bytes,
}

/// A function's answer to an event, or its error.
pub(crate) type Reply = Result<Bytes, String>;

/// The invocation that a process is busy with.
pub(crate) struct Current {
    pub(crate) request_id: String,
    pub(crate) handed: Option<oneshot::Sender<()>>,
    pub(crate) reply: Option<oneshot::Sender<Reply>>,
    pub(crate) calls: Vec<Call>,
}

/// A running executable, which handles one invocation at a time.
pub(crate) struct Process {
    pub(crate) function: Arc<Function>,
    /// When its executable was built.
    pub(crate) built: SystemTime,
    pub(crate) memory: Arc<PeakMemory>,
    inbox: mpsc::Sender<Work>,
    outbox: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    current: Mutex<Option<Current>>,
    init_calls: Mutex<Vec<Call>>,
    init_error: Mutex<Option<String>>,
    tail: Mutex<VecDeque<String>>,
    /// How it ended, once it has.
    end: watch::Sender<Option<String>>,
    kill: Notify,
    started: Instant,
    init: OnceLock<Duration>,
}

impl Process {
    /// A process that is about to be started.
    pub(crate) fn new(function: &Arc<Function>, built: SystemTime, started: Instant) -> Self {
        let (inbox, outbox) = mpsc::channel(1);
        Self {
            function: Arc::clone(function),
            built,
            memory: Arc::default(),
            inbox,
            outbox: tokio::sync::Mutex::new(outbox),
            current: Mutex::default(),
            init_calls: Mutex::default(),
            init_error: Mutex::default(),
            tail: Mutex::default(),
            end: watch::Sender::new(None),
            kill: Notify::new(),
            started,
            init: OnceLock::new(),
        }
    }

    /// Waits for the end of `child`, which is this process, and of its output; answers how it ended.
    pub(crate) async fn watch(self: &Arc<Self>, mut child: Child, events: &Arc<Events>) -> String {
        let pid = child.id().unwrap_or_default();
        self.memory.set_pid(pid);
        let follow = |pipe: Box<dyn AsyncRead + Send + Unpin>, error| {
            tokio::spawn(follow(Arc::clone(self), Arc::clone(events), pipe, error))
        };
        let out = child.stdout.take().map(|pipe| follow(Box::new(pipe), false));
        let err = child.stderr.take().map(|pipe| follow(Box::new(pipe), true));
        let status = tokio::select! {
            status = child.wait() => status,
            () = self.kill.notified() => {
                self.memory.update();
                launcher::kill_group(pid, false);
                child.wait().await
            }
        };
        let _ = tokio::time::timeout(DRAIN, futures::future::join_all(out.into_iter().chain(err))).await;
        status.map_or_else(|error| error.to_string(), |status| status.to_string())
    }

    /// Notes how it ended: `exit status: 101`.
    pub(crate) fn end(&self, how: String) {
        self.end.send_replace(Some(how));
    }

    /// Gives the process an invocation; it must not be busy.
    pub(crate) fn assign(&self, work: Work, current: Current) {
        *lock(&self.current) = Some(current);
        // What it wrote before has nothing to do with this one.
        if self.init.get().is_some() {
            lock(&self.tail).clear();
        }
        // Its one place is free: the last invocation was taken out before it was answered.
        let _ = self.inbox.try_send(work);
    }

    /// The next invocation, when there is one; `None` when the process is being ended.
    pub(crate) async fn next(&self) -> Option<Work> {
        // Only the first is the end of Init.
        let _ = self.init.set(self.started.elapsed());
        let work = self.outbox.lock().await.recv().await?;
        if let Some(handed) = lock(&self.current).as_mut().and_then(|current| current.handed.take()) {
            let _ = handed.send(());
        }
        Some(work)
    }

    /// The process's answer to `request_id`; false when that is not what it is busy with.
    pub(crate) fn answer(&self, request_id: &str, reply: Reply) -> bool {
        let sender = lock(&self.current)
            .as_mut()
            .filter(|current| current.request_id == request_id)
            .and_then(|current| current.reply.take());
        sender.is_some_and(|sender| sender.send(reply).is_ok())
    }

    /// Remembers why Init failed; the process exits next.
    pub(crate) fn init_failed(&self, why: String) {
        *lock(&self.init_error) = Some(why);
    }

    pub(crate) fn init_error(&self) -> Option<String> {
        lock(&self.init_error).clone()
    }

    /// Counts a call; answers how many the invocation has made. What a process does before its first `next` is
    /// Init, also when an invocation already waits for it; what it does after its answer counts for no invocation.
    pub(crate) fn count(&self, call: Call) -> usize {
        if self.init.get().is_none() {
            lock(&self.init_calls).push(call);
            return 0;
        }
        let mut current = lock(&self.current);
        current.as_mut().map_or(0, |current| {
            current.calls.push(call);
            current.calls.len()
        })
    }

    /// Ends the invocation and answers with the calls that it made.
    pub(crate) fn finish(&self) -> Vec<Call> {
        lock(&self.current).take().map(|current| current.calls).unwrap_or_default()
    }

    /// The calls of Init, once.
    pub(crate) fn take_init_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.init_calls))
    }

    /// From start to ready.
    pub(crate) fn init_duration(&self) -> Option<Duration> {
        self.init.get().copied()
    }

    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Waits for the end; answers how it came: `exit status: 101`.
    pub(crate) async fn ended(&self) -> String {
        let mut end = self.end.subscribe();
        let how = end.wait_for(Option::is_some).await;
        how.ok().and_then(|how| how.clone()).unwrap_or_default()
    }

    /// The last lines that it wrote.
    pub(crate) fn tail(&self) -> String {
        lock(&self.tail).iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Keeps the last lines of a pipe, and emits each as an event: warnings, errors and panics as failed ones.
async fn follow(
    process: Arc<Process>,
    events: Arc<Events>,
    pipe: Box<dyn AsyncRead + Send + Unpin>,
    error: bool,
) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        {
            let mut tail = lock(&process.tail);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line.clone());
        }
        let trouble = line.contains("\"ERROR\"") || line.contains("\"WARN\"") || line.contains("panicked at");
        let mut event =
            Event::new(Kind::Log).function(&process.function.binary).failed(trouble).text(redact(&line));
        if !trouble && !error {
            // Shown on the page only.
            event = event.route(DEBUG);
        }
        events.emit(event);
    }
}
