//! Runs the functions in one process against simulated services, as a seed has it: `make simulate`.
//!
//! `SEED=<number>` is the first seed (0 unless given), `RUNS=<number>` how many runs with seeds that follow it are made
//! (1 with a seed, else 200). One run alone prints what happens; the same seed prints the same, byte for byte. A run that
//! fails prints its seed.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this is a test: it ends as soon as the simulation itself is wrong"
)]

mod api;
mod checks;
mod checks_of_pages;
mod client;
mod dynamodb;
mod faults;
#[expect(dead_code, reason = "the runs with real binaries need more of it")]
#[path = "../../../tests/tests/sessions/heard.rs"]
mod heard;
#[path = "../../../tests/tests/sessions/history.rs"]
mod history;
mod http;
mod lambda;
mod page;
mod plan;
mod project;
mod queues;
mod run;
mod sfu;
#[path = "../../../tests/tests/sessions/view.rs"]
mod view;
mod wire;
mod world;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let number = |name: &str| {
        std::env::var(name).ok().filter(|text| !text.is_empty()).map(|text| text.parse::<u64>().expect(name))
    };
    let seed = number("SEED");
    let runs = number("RUNS").unwrap_or(if seed.is_some() { 1 } else { 200 });
    let first = seed.unwrap_or_default();
    let started = Instant::now();
    let mut failed = 0_u64;
    for seed in first..first + runs {
        // Also when a task of the simulation panics, which its runtime would keep to itself.
        std::panic::set_hook(Box::new(move |panic| {
            println!("{panic}\n{}", fails(seed));
            std::process::exit(1);
        }));
        let outcome = run::play(seed, runs == 1);
        let (lines, hash) = outcome.record;
        for line in lines {
            println!("{line}");
        }
        if runs == 1 {
            println!("record {hash:016x}");
        }
        if !outcome.failures.is_empty() {
            failed += 1;
            println!("{}", fails(seed));
            for failure in outcome.failures {
                println!("  {failure}");
            }
        }
        let done = seed - first + 1;
        if done.is_multiple_of(1_000) {
            println!("{done} runs, {failed} failed, {:.0} s", started.elapsed().as_secs_f64());
        }
    }
    println!("{runs} runs from seed {first} on, {failed} failed");
    // Not on standard output, which is the same whenever a seed is.
    eprintln!("{:.1} s", started.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fails(seed: u64) -> String {
    format!("SEED={seed} fails; this plays it again: make simulate SEED={seed}")
}
