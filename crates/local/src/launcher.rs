//! Child processes that do not outlive the gateway, however it ends.
//!
//! On Linux the gateway starts itself again as `arbiter-local launch`, which asks the kernel to be killed
//! when its parent is gone, makes sure that the parent has not gone already, and then becomes the
//! program (`exec` keeps the request). So a child ends with the gateway even when that is killed outright.
//! The kernel watches the *thread* that forked, so one thread, which lives as long as the process, forks
//! them all. Not covered: grandchildren of a program, and set-user-ID programs.
//!
//! Elsewhere programs are started directly. A function then ends by itself when the Runtime API is gone;
//! a task may outlive a gateway that was killed outright.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The hidden subcommand.
#[cfg(target_os = "linux")]
pub(crate) const SUBCOMMAND: &str = "launch";

/// Variables of the gateway's own environment that children get: what programs need to run at all, and
/// what a developer sets to see more. No `AWS_*`.
const INHERITED: &[&str] =
    &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "RUST_LOG", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// What to start.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: BTreeMap<String, String>,
}

struct Request {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// Starts programs, all from one thread.
pub(crate) struct Launcher {
    requests: Sender<Request>,
}

impl Launcher {
    /// Must be called within a Tokio runtime.
    pub(crate) fn new() -> Self {
        let (requests, receiver) = channel();
        let runtime = Handle::current();
        std::thread::spawn(move || serve(&runtime, &receiver));
        Self { requests }
    }

    /// Starts `program` in its own process group, with its output piped.
    pub(crate) async fn start(&self, program: &Program) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the launcher is gone");
        self.requests.send(Request { command: command(program), reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn serve(runtime: &Handle, requests: &Receiver<Request>) {
    let _context = runtime.enter();
    while let Ok(mut request) = requests.recv() {
        // A requester that has gone away drops the child, which kills it.
        let _ = request.reply.send(request.command.spawn());
    }
}

fn command(program: &Program) -> Command {
    let mut command = launched(program);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs(&program.environment)
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[cfg(target_os = "linux")]
fn launched(program: &Program) -> Command {
    // Not the path of the executable: that may have been rebuilt since.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("arbiter-local").arg(SUBCOMMAND).arg(std::process::id().to_string()).arg(&program.path);
    command
}

#[cfg(not(target_os = "linux"))]
fn launched(program: &Program) -> Command {
    Command::new(&program.path)
}

/// If this process was started as a launcher, becomes the program; returns only if it was not.
pub(crate) fn become_program_if_launched() {
    #[cfg(target_os = "linux")]
    {
        let mut arguments = std::env::args_os().skip(1);
        if arguments.next().is_some_and(|first| first == SUBCOMMAND) {
            become_program(arguments);
        }
    }
}

#[cfg(target_os = "linux")]
fn become_program(mut arguments: impl Iterator<Item = OsString>) {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = arguments.next();
    let Some(program) = arguments.next() else { std::process::exit(127) };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("cannot tie {} to the gateway: {error}", program.display());
        std::process::exit(127);
    }
    // The gateway may have died before that; then nobody is left to be waited for.
    let now = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if now.map(OsString::from) != parent {
        std::process::exit(127);
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    eprintln!("cannot start {}: {error}", program.display());
    std::process::exit(127);
}

/// Kills a child with everything in its process group. The child must not have been waited for yet, so
/// that its id is still its own.
pub(crate) fn kill_group(pid: u32, gently: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let signal = if gently { Signal::TERM } else { Signal::KILL };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It fails only when the group is gone, which is what was wanted.
        let _ = kill_process_group(pid, signal);
    }
}

/// The executable file that `program` names, as a shell would find it.
///
/// # Errors
///
/// A sentence that says why nothing can be started.
pub(crate) fn find(program: &str) -> Result<PathBuf, String> {
    if program.contains('/') {
        let path = Path::new(program);
        return if is_executable(path) {
            std::path::absolute(path).map_err(|error| format!("{program}: {error}"))
        } else {
            Err(format!("{program} is not an executable file"))
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
        .ok_or_else(|| format!("{program} is not in PATH"))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
