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

use serde_json::{Value, json};

/// How long anything may take before a test fails: long enough for a machine that builds beside it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A handshake that an SFU has received, as its sender has sent it: without the stamp that the gateway puts on each.
#[must_use]
pub fn unstamped(mut handshake: Value) -> Value {
    let stamp = handshake.as_object_mut().and_then(|members| members.remove("stamp"));
    let stamp = stamp.unwrap_or_else(|| panic!("it is not stamped: {handshake}"));
    assert!(stamp["connectedAt"].is_u64() && stamp["connectionId"].is_string(), "{stamp}");
    handshake
}

/// The same for several.
#[must_use]
pub fn unstamped_all(handshakes: Vec<Value>) -> Vec<Value> {
    handshakes.into_iter().map(unstamped).collect()
}

/// The stamp of a member, as the table has it.
pub async fn stamp_of(stack: &Stack, peer: &str) -> Value {
    let members = stack.rooms(&format!("PEER#{peer}")).await;
    let member = members.first().unwrap_or_else(|| panic!("{peer} is no member"));
    json!({ "connectedAt": member["connectedAt"], "connectionId": member["connectionId"] })
}

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
