//! The processes that run functions: where they come from, and how one is found again when it calls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Instant, SystemTime};

use super::environment;
use super::invocation::Failure;
use super::process::Process;
use crate::events::Events;
use crate::launcher::{Launcher, Program};
use crate::sync::{read, write};
use crate::template::stack::Function;

pub(crate) struct Processes {
    launcher: Arc<Launcher>,
    events: Arc<Events>,
    bin_dir: PathBuf,
    /// Where the AWS endpoints are, as `host:port/word`.
    endpoint: String,
    /// By a number that is part of the paths of its Runtime API and AWS endpoints.
    running: RwLock<HashMap<u64, Arc<Process>>>,
    next_id: AtomicU64,
    stopping: AtomicBool,
}

/// The executable of a function, as it is now.
pub(crate) struct Executable {
    path: PathBuf,
    pub(crate) built: SystemTime,
}

impl Processes {
    pub(crate) fn new(
        launcher: Arc<Launcher>,
        events: Arc<Events>,
        bin_dir: PathBuf,
        endpoint: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            launcher,
            events,
            bin_dir,
            endpoint,
            running: RwLock::default(),
            next_id: AtomicU64::new(1),
            stopping: AtomicBool::new(false),
        })
    }

    /// The executable of `function`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn executable(&self, function: &Function) -> Result<Executable, Failure> {
        let path = self.bin_dir.join(&function.binary);
        match path.metadata().and_then(|file| file.modified()) {
            Ok(built) => Ok(Executable { path, built }),
            Err(_) => Err(Failure::Init(missing(&path, function))),
        }
    }

    /// The process with this number.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Process>> {
        read(&self.running).get(&id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        read(&self.running).values().cloned().collect()
    }

    /// Starts another process of `function`.
    ///
    /// # Errors
    ///
    /// It cannot be started, or the gateway is stopping.
    pub(crate) async fn start(
        self: &Arc<Self>,
        function: &Arc<Function>,
        executable: Executable,
    ) -> Result<Arc<Process>, Failure> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(Failure::Killed("the gateway is stopping".into()));
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let Executable { path, built } = executable;
        let program = Program {
            path: std::path::absolute(&path).unwrap_or(path),
            arguments: Vec::new(),
            environment: environment::of(function, &self.endpoint, id),
        };
        let process = Arc::new(Process::new(function, built, started));
        // Before it is started: it may call sooner than the launcher has said that it runs.
        write(&self.running).insert(id, Arc::clone(&process));
        let child = match self.launcher.start(&program).await {
            Ok(child) => child,
            Err(error) => {
                write(&self.running).remove(&id);
                process.end(error.to_string());
                return Err(Failure::Init(format!("{} cannot be started: {error}", program.path.display())));
            }
        };
        let (processes, watched) = (Arc::clone(self), Arc::clone(&process));
        tokio::spawn(async move {
            let how = watched.watch(child, &processes.events).await;
            write(&processes.running).remove(&id);
            watched.end(how);
        });
        Ok(process)
    }

    /// Kills every process and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let processes = self.all();
        for process in &processes {
            process.kill();
        }
        for process in processes {
            process.ended().await;
        }
    }
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
