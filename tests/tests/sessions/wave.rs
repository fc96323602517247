//! Runs that go on concurrently on one stack, under the same faults.

use std::time::{Duration, Instant};

use arbiter_tests::{Project, Stack};
use futures::future::join_all;
use tokio::time::sleep;

use crate::checks::{failures, story};
use crate::faults::{self, Faults};
use crate::run::Run;
use crate::settling::{Server, Table, nothing_left, settled};

/// Runs at the same time on a stack.
const SIDE_BY_SIDE: usize = 48;
/// Waves on a stack. Its sockets stay open, and are looked at whenever a wave settles: a fresh stack is cheaper in the
/// end.
const WAVES: usize = 4;
/// Of each function. More would take longer to start than they help.
const PROCESSES: &str = "16";

/// Plays so many runs with new seeds, as far as the time allows.
pub(crate) async fn many(runs: usize, time: Duration) {
    let start = Instant::now();
    // The first of a stack's.
    let first = u64::from(rand::random::<u32>()) / WAVES as u64 * WAVES as u64;
    let waves = runs.div_ceil(SIDE_BY_SIDE);
    // Faults are a stack's, so that a run's faults are known by its seed: the upper half of it is its wave's.
    let seeds: Vec<Vec<u64>> = (0..waves as u64)
        .map(|wave| {
            let upper = first.wrapping_add(wave) << 32;
            (0..SIDE_BY_SIDE as u64).map(|run| upper | run).collect()
        })
        .collect();
    let mut played = 0;
    for seeds in seeds.chunks(WAVES) {
        played += play(seeds, || start.elapsed() < time).await;
        println!("{played} runs in {:?}", start.elapsed());
    }
}

/// Plays one run many times.
pub(crate) async fn again(seed: u64) {
    play(&vec![vec![seed; SIDE_BY_SIDE]; WAVES], || true).await;
}

/// Plays waves on one stack, as long as there is time; answers how many runs that were.
async fn play(waves: &[Vec<u64>], in_time: impl Fn() -> bool) -> usize {
    if !in_time() {
        return 0;
    }
    let grace = faults::grace((waves[0][0] >> 32) / WAVES as u64);
    let stack = Stack::with().arguments(&["--max-processes", PROCESSES]);
    let stack = stack.parameter("ReconnectGraceSeconds", &grace.to_string()).start().await;
    let project = Project::create(&stack).await;
    let table = Table::of(&stack).await;
    let mut done: Vec<Run<'_>> = vec![];
    let mut broken = 0;
    for seeds in waves.iter().take_while(|_| in_time()) {
        let faults = Faults::of(seeds[0] >> 32, grace);
        let fresh = join_all(seeds.iter().map(|seed| Run::new(&table, &project, *seed, faults.lossy))).await;
        let first = done.len();
        done.extend(fresh);
        for fault in &faults.list {
            stack.fault(fault.clone()).await;
        }
        join_all(done[first..].iter_mut().map(Run::play)).await;
        settled(&stack, &done).await;
        stack.no_faults().await;
        if faults.dropping || faults.lossy {
            join_all(done[first..].iter().map(Run::post_to_all)).await;
            settled(&stack, &done).await;
        }
        if grace > 0 && (faults.late || faults.lossy) {
            sleep(Duration::from_secs(grace)).await;
            join_all(done[first..].iter().map(Run::post_to_all)).await;
        }
        nothing_left(&stack).await;
        settled(&stack, &done).await;
        if faults.lossy {
            join_all(done[first..].iter_mut().map(Run::identify_again)).await;
            nothing_left(&stack).await;
            settled(&stack, &done).await;
        }
        let log = stack.log();
        let told_late: Vec<_> = log.lines().filter(|line| line.contains("Change told late")).collect();
        for run in &done[first..] {
            let twice = faults.lossy || told_late.iter().any(|line| line.contains(&run.session));
            let server = Server::of(&table, run).await;
            let found = failures(run, &server, faults.lossy, twice);
            if !found.is_empty() {
                broken += 1;
                println!(
                    "SEED={}\n{}\n{}\nfaults: {:?}\n{}\n",
                    run.seed,
                    found.join("\n"),
                    run.session,
                    faults,
                    story(run)
                );
            }
        }
    }
    assert_eq!(broken, 0, "runs that did not end as they should: see above");
    done.len()
}
