//! What the gateway counted of each invocation (`GET …/invocations`).

use arbiter_tests::Stack;
use serde::Deserialize;

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
