//! `make bench`: measures the functions and the relay on this machine, prints the tables and writes them into
//! `docs/BENCHMARKS.md`. Nothing is asserted about time; it ends by itself after a few minutes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends with a sentence")]

mod calls;
mod fan_out;
mod functions;
mod record;
mod relay;
mod report;
mod statistics;

use arbiter_tests::Stack;
use arbiter_tests::stack::Options;

/// Why writing to a String cannot fail.
const WRITES: &str = "a String takes everything";

/// A gateway whose tasks end at once, that prints nothing.
fn quiet_stack() -> Options {
    Stack::with()
        .container(Some("true"))
        .parameter("MaxRooms", "500")
        .parameter("MaxIdleRooms", "500")
        .arguments(&["--quiet"])
}

#[tokio::main]
async fn main() {
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: its figures say nothing. Use `make bench`.");
    }
    let sections = [
        functions::measure().await,
        Box::pin(calls::measure()).await,
        relay::measure().await,
        fan_out::measure().await,
    ];
    let tables = sections.join("\n");
    println!("{tables}");
    report::write(&tables);
}
