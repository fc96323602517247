//! The harness: a whole gateway of real binaries on free ports, clients and SFUs on real sockets.
//!
//! Tests set up through the public routes, and wait for conditions with a deadline, never for a time.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::match_wild_err_arm,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::missing_panics_doc,
    reason = "a harness ends its test as soon as something is not as it should be"
)]

pub mod project;
pub mod recorded;
pub mod room;
pub mod socket;
pub mod stack;
pub mod template;

pub use project::Project;
pub use room::Room;
pub use socket::Socket;
pub use stack::Stack;

use std::time::Duration;

/// How long anything may take before a test fails: long enough for a machine that builds beside it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `probe` answers something.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    match waited.await {
        Ok(found) => found,
        Err(_) => panic!("waited {DEADLINE:?} in vain: {what}"),
    }
}
