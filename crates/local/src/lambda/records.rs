//! What invocations did: counted at the wire, for tests, benchmarks and the page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value as Json;

use super::memory::PeakMemory;
use crate::sync::lock;

/// Invocations that are remembered.
const KEPT: usize = 10_000;

/// One call of AWS by a function.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Call {
    /// `dynamodb`, `management`, `ecs`, `secrets` or `sqs`.
    pub(crate) service: &'static str,
    pub(crate) operation: String,
    /// Bytes of the request's body.
    pub(crate) request_bytes: usize,
    /// Bytes of the answer's body.
    pub(crate) response_bytes: usize,
    pub(crate) status: u16,
    /// Items that the call names (a write, a batch) or returns (a query).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<usize>,
    pub(crate) duration_ms: f64,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Ok,
    Error,
    Timeout,
    Killed,
    InitError,
}

/// One invocation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) seq: u64,
    pub(crate) function: String,
    pub(crate) request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<String>,
    pub(crate) route: String,
    /// Epoch milliseconds at which the function was handed the event.
    pub(crate) started_at: u64,
    /// From then to its answer.
    pub(crate) duration_ms: f64,
    /// From starting the process to its first `next`; only for the first invocation of a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) init_duration_ms: Option<f64>,
    pub(crate) outcome: Outcome,
    /// Peak resident memory of its process, which may have run other invocations since; absent where there is no
    /// `/proc`.
    #[serde(
        rename = "memoryKb",
        serialize_with = "PeakMemory::serialize",
        skip_serializing_if = "PeakMemory::is_unknown"
    )]
    pub(crate) memory: Arc<PeakMemory>,
    pub(crate) calls: Vec<Call>,
    /// Calls of the process before its first invocation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) init_calls: Vec<Call>,
}

#[derive(Default)]
struct Kept {
    seq: u64,
    ring: VecDeque<Record>,
}

/// The last invocations.
#[derive(Default)]
pub(crate) struct Records(Mutex<Kept>);

impl Records {
    pub(crate) fn push(&self, mut record: Record) {
        let mut kept = lock(&self.0);
        kept.seq += 1;
        record.seq = kept.seq;
        if kept.ring.len() == KEPT {
            kept.ring.pop_front();
        }
        kept.ring.push_back(record);
    }

    /// Those of `function`, or all, oldest first.
    pub(crate) fn list(&self, function: Option<&str>) -> Json {
        let kept = lock(&self.0);
        let chosen = kept.ring.iter().filter(|record| function.is_none_or(|name| name == record.function));
        serde_json::to_value(chosen.collect::<Vec<_>>()).unwrap_or_default()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).ring.clear();
    }
}
