//! `make bench`: measures the functions and the relay on this machine, prints the tables and writes them into
//! `docs/BENCHMARKS.md`. Nothing is asserted about time; it ends by itself after a few minutes.
//!
//! With the names of sections (`functions`, `calls`, `session-calls`, `relay`, `fan-out`, `sessions`) it measures
//! those, and writes no file.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends with a sentence")]

mod calls;
mod fan_out;
mod functions;
mod record;
mod relay;
mod report;
mod session_calls;
mod sessions;
mod statistics;

use arbiter_tests::Stack;
use arbiter_tests::stack::Options;

/// Why writing to a String cannot fail.
const WRITES: &str = "a String takes everything";

/// A gateway whose tasks end at once, that prints nothing. A signal of a connection that has just signalled costs a
/// second write where the rate is low; here none does.
fn quiet_stack() -> Options {
    Stack::with()
        .container(Some("true"))
        .parameter("MaxRooms", "500")
        .parameter("MaxIdleRooms", "500")
        .parameter("SignalsPerSecond", "1000")
        .parameter("SignalBurst", "1000")
        .arguments(&["--quiet"])
}

#[tokio::main]
async fn main() {
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say nothing. Use `make bench`.");
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |section: &str| wanted.is_empty() || wanted.iter().any(|name| name == section);
    let mut sections = Vec::new();
    if is_wanted("functions") {
        sections.push(functions::measure().await);
    }
    if is_wanted("calls") {
        sections.push(Box::pin(calls::measure()).await);
    }
    if is_wanted("session-calls") {
        sections.push(session_calls::measure().await);
    }
    if is_wanted("relay") {
        sections.push(relay::measure().await);
    }
    if is_wanted("fan-out") {
        sections.push(fan_out::measure().await);
    }
    if is_wanted("sessions") {
        sections.push(Box::pin(sessions::measure()).await);
    }
    let tables = sections.join("\n");
    println!("{tables}");
    if wanted.is_empty() && !cfg!(debug_assertions) {
        report::write(&tables);
    }
}
