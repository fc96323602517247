//! Faults on demand: what AWS does to a system on a bad day, when a test or a curious person asks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::sync::lock;

/// A fault as it is asked for, in the admin API and with `--fault`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fault {
    #[serde(flatten)]
    pub(crate) kind: FaultKind,
    /// Strikes so often, then rests. Absent: until it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    /// Only for this function: the name of its executable.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    /// From 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
}

/// What goes wrong.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(tag = "fault", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum FaultKind {
    /// `$disconnect` comes late, never or twice.
    Disconnect {
        mode: DisconnectMode,
        #[serde(default)]
        delay_ms: u64,
    },
    /// A DynamoDB call is slow or fails.
    Dynamodb {
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<DynamodbError>,
        #[serde(default)]
        when: When,
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        #[serde(default)]
        delay_ms: u64,
    },
    /// A call of `@connections` is slow or fails.
    Management {
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<u16>,
        /// The error is a status and nothing else, as proxies and emulators answer.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        untyped: bool,
        #[serde(default)]
        delay_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        connection_id: Option<String>,
    },
    /// `RunTask` fails.
    Ecs { error: EcsError },
    /// A call of SQS is slow or fails, or what it sends is delivered twice.
    Sqs {
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<SqsError>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repeat: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        #[serde(default)]
        delay_ms: u64,
    },
    /// The process is killed when its `after_calls`-th AWS call has been executed and not yet answered;
    /// 0: when it is handed the invocation.
    Kill { after_calls: usize },
    /// A message waits before its function is invoked, so that a later one overtakes it.
    Delay {
        route: String,
        #[serde(default)]
        delay_ms: u64,
        #[serde(default)]
        jitter_ms: u64,
    },
    /// Every socket is cut, again and again.
    Cut { every_ms: u64 },
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DisconnectMode {
    Delay,
    Drop,
    Repeat,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DynamodbError {
    Throttle,
    Internal,
    /// `TransactionConflictException`.
    Conflict,
    /// `TransactionCanceledException` whose reasons are `TransactionConflict`.
    ConflictCancelled,
    /// No answer at all.
    Timeout,
}

/// Whether the call is executed before its answer is replaced.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    #[default]
    Before,
    After,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EcsError {
    /// An answer with `failures`.
    Failure,
    /// A server error.
    Internal,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SqsError {
    Throttle,
    Internal,
    /// No answer at all.
    Timeout,
}

/// A place where a fault may strike.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Probe<'a> {
    Disconnect,
    Dynamodb { function: Option<&'a str>, operation: &'a str },
    Management { function: Option<&'a str>, connection: &'a str },
    Ecs { function: Option<&'a str> },
    Sqs { function: Option<&'a str>, operation: &'a str },
    Kill { function: &'a str, calls: usize },
    Delay { route: &'a str },
}

impl Fault {
    /// Reads a fault from JSON.
    ///
    /// # Errors
    ///
    /// A sentence that says what the kind takes.
    pub(crate) fn from_json(json: &Json) -> Result<Self, String> {
        let members = json.as_object().ok_or("a fault is a JSON object with a member \"fault\"")?;
        let kind = members.get("fault").and_then(Json::as_str).unwrap_or_default();
        let own: &[&str] = match kind {
            "disconnect" => &["mode", "delayMs"],
            "dynamodb" => &["error", "when", "operation", "delayMs"],
            "management" => &["error", "untyped", "delayMs", "connectionId"],
            "ecs" => &["error"],
            "sqs" => &["error", "repeat", "operation", "delayMs"],
            "kill" => &["afterCalls"],
            "delay" => &["route", "delayMs", "jitterMs"],
            "cut" => &["everyMs"],
            _ => {
                return Err(
                    "\"fault\" is one of disconnect, dynamodb, management, ecs, sqs, kill, delay, cut".into(),
                );
            }
        };
        let common = ["fault", "times", "function", "probability"];
        if let Some(unknown) =
            members.keys().find(|key| !own.contains(&key.as_str()) && !common.contains(&key.as_str()))
        {
            return Err(format!("{kind} has no member {unknown}; it takes {}", own.join(", ")));
        }
        let fault: Self = serde_json::from_value(json.clone()).map_err(|error| format!("{kind}: {error}"))?;
        match &fault.kind {
            FaultKind::Management { error: Some(status), .. } if ![410, 429, 500].contains(status) => {
                Err("management: error is 410, 429 or 500".into())
            }
            FaultKind::Kill { .. } if fault.function.is_none() => Err("kill: name the function".into()),
            FaultKind::Cut { every_ms: 0 } => Err("cut: everyMs is above 0".into()),
            _ if fault.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) => {
                Err("probability is from 0 to 1".into())
            }
            FaultKind::Disconnect { .. }
            | FaultKind::Dynamodb { .. }
            | FaultKind::Management { .. }
            | FaultKind::Ecs { .. }
            | FaultKind::Sqs { .. }
            | FaultKind::Kill { .. }
            | FaultKind::Delay { .. }
            | FaultKind::Cut { .. } => Ok(fault),
        }
    }

    /// The function that it is limited to.
    pub(crate) fn function(&self) -> Option<&str> {
        self.function.as_deref()
    }

    /// Limits it to the function with this executable.
    pub(crate) fn set_function(&mut self, binary: String) {
        self.function = Some(binary);
    }

    fn matches(&self, probe: Probe<'_>) -> bool {
        let function = match probe {
            Probe::Dynamodb { function, .. }
            | Probe::Management { function, .. }
            | Probe::Sqs { function, .. }
            | Probe::Ecs { function } => function,
            Probe::Kill { function, .. } => Some(function),
            Probe::Disconnect | Probe::Delay { .. } => None,
        };
        if self.function.is_some() && self.function.as_deref() != function {
            return false;
        }
        match (&self.kind, probe) {
            (FaultKind::Disconnect { .. }, Probe::Disconnect)
            | (FaultKind::Ecs { .. }, Probe::Ecs { .. }) => true,
            (FaultKind::Dynamodb { operation, .. }, Probe::Dynamodb { operation: called, .. })
            | (FaultKind::Sqs { operation, .. }, Probe::Sqs { operation: called, .. }) => {
                operation.as_deref().is_none_or(|operation| operation == called)
            }
            (FaultKind::Management { connection_id, .. }, Probe::Management { connection, .. }) => {
                connection_id.as_deref().is_none_or(|id| id == connection)
            }
            (FaultKind::Kill { after_calls }, Probe::Kill { calls, .. }) => *after_calls == calls,
            (FaultKind::Delay { route, .. }, Probe::Delay { route: taken }) => route == "*" || route == taken,
            (
                FaultKind::Disconnect { .. }
                | FaultKind::Dynamodb { .. }
                | FaultKind::Management { .. }
                | FaultKind::Ecs { .. }
                | FaultKind::Sqs { .. }
                | FaultKind::Kill { .. }
                | FaultKind::Delay { .. }
                | FaultKind::Cut { .. },
                _,
            ) => false,
        }
    }
}

/// A fault that has been asked for, as `GET /faults` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Active {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    /// How often it has struck.
    fired: u64,
    #[serde(skip)]
    task: Option<AbortHandle>,
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    /// Looked at first, so that a run without faults takes no lock for them.
    any: AtomicBool,
    ids: AtomicU64,
    /// Changes with every deletion.
    deletions: watch::Sender<()>,
}

impl Faults {
    /// Puts `fault` in force and answers with its id.
    pub(crate) fn add(&self, fault: Fault) -> u64 {
        let id = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.active).push(Active { id, fault, fired: 0, task: None });
        self.any.store(true, Ordering::Release);
        id
    }

    /// Ties a task to a fault: it is aborted when the fault is deleted.
    pub(crate) fn attach(&self, id: u64, task: AbortHandle) {
        if let Some(active) = lock(&self.active).iter_mut().find(|active| active.id == id) {
            active.task = Some(task);
        }
    }

    /// Counts one strike of fault `id`, and answers whether it has another.
    pub(crate) fn strike(&self, id: u64) -> bool {
        let mut all = lock(&self.active);
        let Some(active) = all.iter_mut().find(|active| active.id == id) else { return false };
        if active.fault.times.is_some_and(|times| active.fired >= times) {
            return false;
        }
        active.fired += 1;
        true
    }

    /// Deletes the fault `id`, or all; answers how many there were.
    pub(crate) fn delete(&self, id: Option<u64>) -> usize {
        let mut all = lock(&self.active);
        let before = all.len();
        all.retain(|active| {
            let keep = id.is_some_and(|id| id != active.id);
            if let (false, Some(task)) = (keep, &active.task) {
                task.abort();
            }
            keep
        });
        self.any.store(!all.is_empty(), Ordering::Release);
        self.deletions.send_replace(());
        before - all.len()
    }

    /// All, with how often each has struck.
    pub(crate) fn list(&self) -> Json {
        serde_json::to_value(&*lock(&self.active)).unwrap_or_default()
    }

    /// What [`Faults::held`] waits for. To be asked for before a fault is taken.
    pub(crate) fn deletions(&self) -> watch::Receiver<()> {
        self.deletions.subscribe()
    }

    /// Waits for `delay`, or until a fault is deleted: a test can hold a call for as long as it wants.
    pub(crate) async fn held(mut deletions: watch::Receiver<()>, delay: Duration) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            Ok(()) = deletions.changed() => {}
        }
    }

    /// The first fault that strikes at `probe`.
    pub(crate) fn take(&self, probe: Probe<'_>) -> Option<FaultKind> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut all = lock(&self.active);
        let struck = all.iter_mut().find(|active| {
            active.fault.times.is_none_or(|times| active.fired < times)
                && active.fault.matches(probe)
                && active.fault.probability.is_none_or(|p| rand::random::<f64>() < p)
        })?;
        struck.fired += 1;
        Some(struck.fault.kind.clone())
    }
}

/// `delay` and up to `jitter` more, in milliseconds.
pub(crate) fn jittered(delay: u64, jitter: u64) -> Duration {
    let extra = if jitter == 0 { 0 } else { rand::random_range(0..=jitter) };
    Duration::from_millis(delay.saturating_add(extra))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(list: &[Json]) -> Faults {
        let faults = Faults::default();
        for fault in list {
            faults.add(Fault::from_json(fault).unwrap());
        }
        faults
    }

    #[test]
    fn every_kind_of_the_admin_api_is_read_and_shown_as_it_was_given() {
        for fault in [
            json!({"fault": "disconnect", "mode": "repeat", "delayMs": 5}),
            json!({"fault": "dynamodb", "error": "conflict-cancelled", "when": "after", "operation": "PutItem",
                   "delayMs": 0, "times": 3, "function": "identify", "probability": 0.5}),
            json!({"fault": "dynamodb", "when": "before", "delayMs": 20}),
            json!({"fault": "management", "error": 410, "delayMs": 0, "connectionId": "a="}),
            json!({"fault": "management", "error": 429, "untyped": true, "delayMs": 0}),
            json!({"fault": "ecs", "error": "failure"}),
            json!({"fault": "sqs", "error": "throttle", "operation": "SendMessage", "delayMs": 5}),
            json!({"fault": "sqs", "repeat": true, "delayMs": 0}),
            json!({"fault": "kill", "function": "identify", "afterCalls": 1}),
            json!({"fault": "delay", "route": "*", "delayMs": 0, "jitterMs": 50}),
            json!({"fault": "cut", "everyMs": 1000}),
        ] {
            let read = Fault::from_json(&fault).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), fault);
        }
    }

    #[test]
    fn a_fault_that_makes_no_sense_is_refused_with_a_reason() {
        for (fault, why) in [
            (json!({"fault": "nope"}), "is one of"),
            (json!({"fault": "ecs", "error": "failure", "mode": 1}), "ecs has no member mode"),
            (json!({"fault": "management", "error": 418}), "410, 429 or 500"),
            (json!({"fault": "kill", "afterCalls": 1}), "name the function"),
            (json!({"fault": "ecs", "error": "failure", "probability": 2}), "from 0 to 1"),
            (json!([]), "JSON object"),
        ] {
            let error = Fault::from_json(&fault).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_fault_strikes_where_it_matches_and_as_often_as_it_may() {
        let faults = faults(&[
            json!({"fault": "dynamodb", "error": "throttle", "operation": "GetItem", "function": "f", "times": 2}),
            json!({"fault": "kill", "function": "f", "afterCalls": 2}),
            json!({"fault": "delay", "route": "*", "delayMs": 1}),
        ]);
        let get = Probe::Dynamodb { function: Some("f"), operation: "GetItem" };
        assert!(faults.take(Probe::Dynamodb { function: Some("g"), operation: "GetItem" }).is_none());
        assert!(faults.take(Probe::Dynamodb { function: Some("f"), operation: "PutItem" }).is_none());
        assert!(faults.take(get).is_some() && faults.take(get).is_some() && faults.take(get).is_none());
        assert!(faults.take(Probe::Kill { function: "f", calls: 1 }).is_none());
        assert!(faults.take(Probe::Kill { function: "f", calls: 2 }).is_some());
        assert!(faults.take(Probe::Delay { route: "identify" }).is_some());
        assert_eq!(faults.list()[0]["fired"], 2);
        assert_eq!(faults.delete(Some(1)), 1);
        assert_eq!(faults.delete(None), 2);
        assert!(faults.take(Probe::Delay { route: "identify" }).is_none());
    }
}
