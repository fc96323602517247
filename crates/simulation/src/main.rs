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
mod call;
mod checks;
mod checks_of_pages;
mod client;
mod connector;
mod dynamodb;
mod faults;
#[expect(dead_code, reason = "the runs with real binaries need more of it")]
#[path = "../../../tests/tests/sessions/heard.rs"]
mod heard;
#[expect(dead_code, reason = "nobody tries to be somebody else here")]
#[path = "../../../tests/tests/sessions/history.rs"]
mod history;
mod invocation;
mod lambda;
#[path = "../../../tests/tests/sessions/mutes.rs"]
mod mutes;
mod names;
mod page;
mod pages;
mod plan;
mod project;
mod queues;
mod run;
mod services;
mod sfu;
mod sockets;
#[expect(dead_code, reason = "what is told may be told twice here")]
#[path = "../../../tests/tests/sessions/streams.rs"]
mod streams;
mod tables;
#[path = "../../../tests/tests/sessions/view.rs"]
mod view;
mod waiting;
mod wire;
mod world;

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// So many runs have a process of their own: the SDK keeps something for each of their clients.
const CHUNK: u64 = 50;

fn main() -> ExitCode {
    let (seed, runs) = (number("SEED"), number("RUNS"));
    let runs = runs.unwrap_or(if seed.is_some() { 1 } else { 200 });
    let first = seed.unwrap_or_default();
    let started = Instant::now();
    let failed = if runs > CHUNK { in_processes(first, runs, started) } else { here(first, runs) };
    println!("{runs} runs from seed {first} on, {failed} failed");
    // Not on standard output, which is the same whenever a seed is.
    eprintln!("{:.1} s", started.elapsed().as_secs_f64());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty());
    text.map(|text| text.parse().expect(name))
}

/// Plays runs, one after the other; answers how many failed.
fn here(first: u64, runs: u64) -> u64 {
    let mut failed = 0;
    for seed in first..first + runs {
        // Also when a task of the simulation panics, which its runtime would keep to itself.
        std::panic::set_hook(Box::new(move |panic| {
            println!("{}\n  {panic}", fails(seed));
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
    }
    failed
}

/// Plays runs in processes, as many at once as there are processors, or `JOBS`.
fn in_processes(first: u64, runs: u64, started: Instant) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let jobs =
        number("JOBS").unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get() as u64));
    let (next, done, failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if from >= runs {
                        return;
                    }
                    let chunk = CHUNK.min(runs - from);
                    let mut command = Command::new(&program);
                    command.env("SEED", (first + from).to_string()).env("RUNS", chunk.to_string());
                    let output = command.output().expect("a process of runs");
                    let said = String::from_utf8_lossy(&output.stdout);
                    let broken = said.lines().filter(|line| line.starts_with("SEED=")).count() as u64;
                    for line in
                        said.lines().filter(|line| line.starts_with("SEED=") || line.starts_with("  "))
                    {
                        println!("{line}");
                    }
                    let failed = failed.fetch_add(broken, Ordering::Relaxed) + broken;
                    let done = done.fetch_add(chunk, Ordering::Relaxed) + chunk;
                    println!("{done} runs, {failed} failed, {:.0} s", started.elapsed().as_secs_f64());
                }
            });
        }
    });
    failed.into_inner()
}

fn fails(seed: u64) -> String {
    format!("SEED={seed} fails; this plays it again: make simulate SEED={seed}")
}
