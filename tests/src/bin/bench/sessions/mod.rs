//! Sessions to the `OpenTok` model: how fast they fill, and how fast a signal is with everybody.

mod joining;
mod signals;

use arbiter_tests::Stack;

use crate::project::Project;
use crate::quiet_stack;

/// Connections that ask for something at once: each request that is under way has a process of its own.
const AT_ONCE: usize = 8;
/// How long a message is waited for before it is lost.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Joins and signals, as tables.
pub(crate) async fn measure() -> String {
    // One connection may signal as fast as it can.
    let stack: Stack =
        quiet_stack().parameter("SignalsPerSecond", "1000").parameter("SignalBurst", "1000").start().await;
    let project = Project::create(&stack).await;
    let (joins, members) = joining::measure(&project).await;
    let fan_out = signals::fan_out(members).await;
    let one_by_one = signals::one_by_one(&stack, &project).await;
    format!("{joins}\n{fan_out}\n{one_by_one}")
}
