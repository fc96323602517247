//! What a template comes to: the parts that the gateway runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::yaml::At;
use crate::streams::filter::Pattern;

/// Everything in a template (and its nested ones) that runs here.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) functions: Vec<Function>,
    pub(crate) websocket: Option<WebSocketApi>,
    pub(crate) http: Option<HttpApi>,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) tasks: Vec<TaskDefinition>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) sources: Vec<EventSource>,
    pub(crate) stream_sources: Vec<StreamSource>,
    /// `(logical id, type)` of resources that need no counterpart here.
    pub(crate) accepted: Vec<(String, String)>,
}

/// One `AWS::Serverless::Function`.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) logical: String,
    /// The physical name, as `AWS_LAMBDA_FUNCTION_NAME` has it.
    pub(crate) name: String,
    /// The executable, and how lines and records call the function.
    pub(crate) binary: String,
    pub(crate) memory_mb: u32,
    pub(crate) timeout: Duration,
    /// The template's own variables, evaluated.
    pub(crate) environment: BTreeMap<String, String>,
    /// At most this many invocations at a time; more are throttled.
    pub(crate) reserved: Option<u32>,
    pub(crate) at: At,
}

/// The `AWS::Serverless::WebSocketApi`.
#[derive(Clone, Debug)]
pub(crate) struct WebSocketApi {
    pub(crate) api_id: String,
    pub(crate) stage: String,
    /// The member of a message's body that names its route.
    pub(crate) selector: String,
    /// Route key to the logical id of its function.
    pub(crate) routes: BTreeMap<String, String>,
    pub(crate) throttling: Throttling,
}

/// The HTTP API: an `AWS::Serverless::HttpApi`, or the one that SAM makes for functions without.
#[derive(Clone, Debug)]
pub(crate) struct HttpApi {
    pub(crate) logical: String,
    pub(crate) api_id: String,
    /// `$default`, or the first part of every path.
    pub(crate) stage: String,
    pub(crate) routes: Vec<HttpRoute>,
    pub(crate) cors: Option<Cors>,
    pub(crate) throttling: Throttling,
}

/// One route of the HTTP API.
#[derive(Clone, Debug)]
pub(crate) struct HttpRoute {
    /// `GET`, or `ANY`.
    pub(crate) method: String,
    /// `/rooms/{id}`, or `$default`.
    pub(crate) path: String,
    /// The logical id of the function.
    pub(crate) function: String,
}

/// `CorsConfiguration` of an HTTP API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) expose: Vec<String>,
    /// Seconds.
    pub(crate) max_age: Option<u32>,
    pub(crate) credentials: bool,
}

/// Requests that a stage lets through, a route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttling {
    pub(crate) default: Option<Limit>,
    /// By route key.
    pub(crate) routes: BTreeMap<String, Limit>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    /// The size of the bucket.
    pub(crate) burst: u32,
    /// Tokens a second.
    pub(crate) rate: f64,
}

/// One `AWS::DynamoDB::Table`.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) logical: String,
    pub(crate) name: String,
    /// The body of `CreateTable`.
    pub(crate) definition: serde_json::Value,
    /// The attribute that holds the epoch second after which an item may be deleted.
    pub(crate) ttl: Option<String>,
    pub(crate) at: At,
}

/// One `AWS::SecretsManager::Secret`.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) logical: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) source: SecretSource,
}

/// Where a secret's first value comes from.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    Text(String),
    /// A random text, by itself or as the member `key` of a JSON object.
    Generated {
        length: u32,
        punctuation: bool,
        within: Option<(serde_json::Map<String, serde_json::Value>, String)>,
    },
}

/// One `AWS::SQS::Queue`, a standard one.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) logical: String,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// How long a message is hidden after it is sent, unless it names a delay of its own.
    pub(crate) delay: Duration,
    /// How long a message is hidden after it is received.
    pub(crate) visibility: Duration,
    /// Then a message is dropped.
    pub(crate) retention: Duration,
    /// How long a `ReceiveMessage` waits that does not say.
    pub(crate) wait: Duration,
    pub(crate) redrive: Option<Redrive>,
    pub(crate) at: At,
}

/// `RedrivePolicy` of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redrive {
    /// The ARN of the dead-letter queue.
    pub(crate) target: String,
    /// A message that has been received this many times goes there.
    pub(crate) max_receives: u32,
}

/// A queue whose messages a function takes: an `AWS::Lambda::EventSourceMapping`, or an event of Type SQS.
#[derive(Clone, Debug)]
pub(crate) struct EventSource {
    /// The logical id of the function.
    pub(crate) function: String,
    /// The ARN of the queue.
    pub(crate) queue: String,
    /// The most messages of one invocation.
    pub(crate) batch: usize,
    /// The most invocations at one time.
    pub(crate) concurrency: usize,
    /// `ReportBatchItemFailures`: the answer names the messages that failed.
    pub(crate) partial: bool,
    pub(crate) at: At,
}

/// A stream whose records a function takes: an `AWS::Lambda::EventSourceMapping`, or an event of Type DynamoDB.
#[derive(Clone, Debug)]
pub(crate) struct StreamSource {
    /// The logical id of the function.
    pub(crate) function: String,
    /// The ARN of the stream.
    pub(crate) stream: String,
    /// The logical id of the table.
    pub(crate) table: String,
    pub(crate) start: Start,
    /// The most records of one invocation.
    pub(crate) batch: usize,
    /// How long records are gathered for a batch that is not full.
    pub(crate) window: Duration,
    /// How often a batch that failed is tried again; `None`: until its records are too old.
    pub(crate) retries: Option<u32>,
    /// A record that is as old as this is given up.
    pub(crate) age: Duration,
    /// A batch that failed is tried again in halves.
    pub(crate) bisect: bool,
    /// `ReportBatchItemFailures`: the answer names the first record that failed.
    pub(crate) partial: bool,
    /// The most batches at one time; records of one item stay in order.
    pub(crate) lanes: u32,
    /// A record that matches one of them goes to the function; any does when there is none.
    pub(crate) filters: Vec<Pattern>,
    /// The ARN of the queue that is told of records that are given up.
    pub(crate) dead: Option<String>,
    pub(crate) at: At,
}

/// Where a source begins that has read nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the next record.
    Latest,
    /// With the oldest record that is kept.
    TrimHorizon,
}

impl Table {
    /// The view type of its stream, if it has one.
    pub(crate) fn stream(&self) -> Option<&str> {
        self.definition.pointer("/StreamSpecification/StreamViewType")?.as_str()
    }
}

/// One `AWS::ECS::TaskDefinition`.
#[derive(Clone, Debug)]
pub(crate) struct TaskDefinition {
    pub(crate) arn: String,
    pub(crate) family: String,
    pub(crate) containers: Vec<Container>,
}

/// A container of a task.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Stack {
    /// The function with this logical id, executable or physical name.
    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.is(name))
    }
}

/// The function with this logical id, executable or physical name.
///
/// # Errors
///
/// A sentence that names those that there are.
pub(crate) fn named<'a>(functions: &'a [Arc<Function>], name: &str) -> Result<&'a Arc<Function>, String> {
    functions.iter().find(|function| function.is(name)).ok_or_else(|| {
        let names: Vec<_> = functions.iter().map(|function| function.binary.as_str()).collect();
        format!("there is no function {name}; there are {}", names.join(", "))
    })
}

impl Function {
    /// Whether `name` means this function.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.logical == name || self.binary == name || self.name == name
    }
}
