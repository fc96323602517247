//! A few hundred runs of the simulation, and that a run is the same whenever it is played. `make simulate` makes more.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::process::{Command, Output};

/// From here on; seeds below were looked at while the simulation was made.
const FIRST: &str = "1000";
const RUNS: &str = "200";

fn simulate(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    command.env_remove("SEED").env_remove("RUNS").envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn whatever_happens_nobody_is_lost_doubled_misled_or_left_waiting() {
    let output = simulate(&[("SEED", FIRST), ("RUNS", RUNS)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_seed_replays_to_the_byte_in_another_process() {
    for seed in ["1", "7", "42"] {
        let first = simulate(&[("SEED", seed)]);
        let lines = first.stdout.split(|byte| *byte == b'\n').count();
        assert!(lines > 100, "it has recorded nothing: {}", String::from_utf8_lossy(&first.stdout));
        assert!(first.stdout == simulate(&[("SEED", seed)]).stdout, "seed {seed} differs");
    }
}
