//! The peak resident memory of a process.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Serialize, Serializer};

/// The system counts it; this is what it said last, because it says nothing of a process that has ended.
#[derive(Debug, Default)]
pub(crate) struct PeakMemory {
    /// None before the process is started.
    pid: OnceLock<u32>,
    /// 0: not known.
    kb: AtomicU64,
}

impl PeakMemory {
    pub(crate) fn set_pid(&self, pid: u32) {
        // A process is started once.
        let _ = self.pid.set(pid);
    }

    /// Asks the system, which costs a read of `/proc`. The process must not have been waited for: its id may be
    /// another's.
    pub(crate) fn update(&self) {
        if let Some(kb) = self.pid.get().copied().and_then(read) {
            self.kb.store(kb, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        self.kb.load(Ordering::Relaxed) == 0
    }

    /// As a number of kB.
    pub(crate) fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.kb.load(Ordering::Relaxed).serialize(serializer)
    }
}

/// `None` where there is no `/proc`.
fn read(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
