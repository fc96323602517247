//! Sessions to the `OpenTok` model: how fast they fill, and how fast a signal is with everybody. A debug build
//! measures a tenth of it, so that it can be seen to run.

mod joining;
mod signals;

use arbiter_tests::Project;

use crate::quiet_stack;

/// Connections that ask for something at once: each request that is under way has a process of its own.
const AT_ONCE: usize = 8;
/// How long a message is waited for before it is lost.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Joins and signals, as tables.
pub(crate) async fn measure() -> String {
    let stack = quiet_stack().start().await;
    let project = Project::create(&stack).await;
    // Who has joined stays: a thousand who go at once would be measured with whatever comes next.
    let (joins, many, _some) = joining::measure(&project).await;
    let (fan_out, _many) = signals::fan_out(many).await;
    let one_by_one = signals::one_by_one(&stack, &project).await;
    format!("{joins}\n{fan_out}\n{one_by_one}")
}
