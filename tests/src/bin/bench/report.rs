//! The generated part of `docs/BENCHMARKS.md`.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use arbiter_tests::stack::repository;

const BEGIN: &str = "<!-- bench: begin. `make bench` writes everything from here to the end mark. -->";
const END: &str = "<!-- bench: end -->";

/// Replaces the generated part, or adds it to a page that has none.
pub(crate) fn write(tables: &str) {
    let path = repository().join("docs/BENCHMARKS.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|_| "# Benchmarks\n".into());
    let (before, rest) = page.split_once(BEGIN).unwrap_or((page.as_str(), ""));
    let after = rest.split_once(END).map_or("\n", |(_, after)| after);
    let page = format!("{}\n\n{BEGIN}\n\n{}\n\n{tables}\n{END}{after}", before.trim_end(), machine());
    fs::write(&path, page).expect("docs/BENCHMARKS.md can be written");
    eprintln!("Written to docs/BENCHMARKS.md.");
}

/// Date, machine and compiler.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        line.map(|line| line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|kb| kb.split(' ').next()?.parse::<u64>().ok());
    let memory = memory.map_or_else(|| "unknown".into(), |kb| format!("{} GB", kb.div_ceil(1024 * 1024)));
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let rust = Command::new("rustc").arg("--version").output().ok();
    let rust = rust.and_then(|output| String::from_utf8(output.stdout).ok());
    let rust = rust.as_deref().and_then(|text| text.split(' ').nth(1)).unwrap_or("unknown").to_owned();
    format!(
        "Measured {} on {cores} cores ({model}), {memory} of memory, {}, Rust {rust}, release profile.",
        today(),
        std::env::consts::OS
    )
}

/// Today's date (UTC), counted from the epoch by years and months.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut days = seconds / 86_400;
    let mut year = 1970;
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}
