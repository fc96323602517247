//! CPU time and memory of the process, from `/proc`: zero where there is none.

use std::fs;
use std::time::Duration;

#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    /// Since the start, in user and system mode.
    pub(super) cpu: Duration,
    /// Resident bytes.
    pub(super) memory: u64,
}

pub(super) fn usage() -> Usage {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let ticks: u64 = cpu_ticks(&read("/proc/self/stat")).unwrap_or_default();
    let pages: u64 =
        read("/proc/self/statm").split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let cpu = Duration::from_millis(ticks * 1_000 / per_second);
    Usage { cpu, memory: pages * rustix::param::page_size() as u64 }
}

/// `utime` and `stime` of proc(5). The program's name, in parentheses, may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_name_with_spaces() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 9 1 1";
        assert_eq!(cpu_ticks(stat), Some(200));
    }
}
