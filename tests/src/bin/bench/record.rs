//! What the gateway counted of each invocation (`GET …/invocations`).

use arbiter_tests::{Stack, template};
use serde::Deserialize;

/// Those that only sessions need.
pub(crate) const OF_SESSIONS: [&str; 4] = ["signal", "force-disconnect", "report-issue", "session-api"];
/// It does what createRoom's does, and only when the pool is short.
const NOT_MEASURED: &str = "refill";

/// The functions in the order of the tables: those of rooms, then those that only sessions need.
pub(crate) fn functions() -> Vec<String> {
    let mut names = template::functions();
    names.retain(|name| name != NOT_MEASURED);
    names.sort_by_key(|name| OF_SESSIONS.contains(&name.as_str()));
    names
}

/// One invocation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) function: String,
    /// From handing out the event to the answer.
    pub(crate) duration_ms: f64,
    /// From spawning the process to its first `next`; the first invocation of a process has it.
    pub(crate) init_duration_ms: Option<f64>,
    /// Peak resident memory of the process.
    pub(crate) memory_kb: Option<u32>,
    pub(crate) calls: Vec<Call>,
}

/// One call of AWS, counted where it arrived.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    /// Bytes of the bodies.
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
    /// Items that a batch or a transaction names, or that a query answers with.
    pub(crate) items: Option<usize>,
}

/// What the gateway has recorded since it was last told to forget.
pub(crate) async fn all(stack: &Stack) -> Vec<Record> {
    serde_json::from_value(stack.admin("/invocations").await).expect("records of invocations")
}

/// Tells the gateway to forget.
pub(crate) async fn forget(stack: &Stack) {
    let url = format!("{}/invocations", stack.urls.admin_url);
    reqwest::Client::new().delete(url).send().await.expect("the admin endpoint");
}
