//! Random runs of sessions through the real wire, with faults: whatever happens, when it has settled every client's
//! lists of connections and of streams are the server's, who is muted is known to all, no event has come twice and none
//! is missing, and what was acknowledged was heard once, also by who was away.
//!
//! A run that fails prints its seed and its steps. `SEED=<seed> cargo test -p arbiter-tests --test sessions` plays it
//! again, many times concurrently: the seed decides what is done and which faults are in force, not how the machine
//! interleaves it. `RUNS=<number>` makes so many, however long they take; without it as many are made as fit into
//! [`USUAL_TIME`].

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "this is a test")]

mod checks;
mod checks_of_streams;
mod client;
mod faults;
mod heard;
mod history;
mod mutes;
mod plan;
mod run;
mod settling;
mod stream_acts;
mod streams;
mod view;
mod wave;

use std::time::Duration;

/// No further wave is started after it.
const USUAL_TIME: Duration = Duration::from_secs(40);
/// So many are enough, if there is time for them.
const USUAL_RUNS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_everybody_ends_with_the_servers_list_and_hears_everything_once() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("SEED") {
        Some(seed) => wave::again(seed).await,
        None => match number("RUNS") {
            Some(runs) => wave::many(usize::try_from(runs).unwrap(), Duration::MAX).await,
            None => wave::many(USUAL_RUNS, USUAL_TIME).await,
        },
    }
}
