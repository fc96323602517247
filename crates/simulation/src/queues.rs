//! What else is called: SQS, the stream of the rooms table, Secrets Manager, ECS.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::call::Answer;
use crate::invocation::Function;
use crate::lambda::invoke;
use crate::names::{PROJECT, PROJECTS, TIMERS};
use crate::world::World;

/// As the template has them.
const VISIBILITY: Duration = Duration::from_mins(3);
const RECEIVES: usize = 5;
const STREAM_WINDOW: u64 = 5_000;
const STREAM_ATTEMPTS: usize = 4;

/// Takes a message, and delivers it at least once.
pub(crate) fn send(world: &Arc<World>, operation: &str, body: &[u8]) -> Answer {
    if operation == "SendMessage" {
        let request: Value = serde_json::from_slice(body).unwrap();
        let delay = Duration::from_secs(request["DelaySeconds"].as_u64().unwrap_or_default());
        let function = if request["QueueUrl"] == TIMERS { Function::Timer } else { Function::Refill };
        let text = request["MessageBody"].as_str().unwrap().to_owned();
        for _ in 0..=usize::from(world.strikes(world.faults.queue)) {
            spawn_local(deliver(Arc::clone(world), function, text.clone(), delay));
        }
    }
    Answer { status: 200, body: br#"{"MessageId":"m"}"#.to_vec() }
}

async fn deliver(world: Arc<World>, function: Function, text: String, delay: Duration) {
    world.stream.messages.fetch_add(1, Ordering::Relaxed);
    sleep(delay).await;
    world.wait(1, if world.strikes(world.faults.queue) { 10_000 } else { 50 }).await;
    for _ in 0..RECEIVES {
        let event = json!({ "Records": [{ "messageId": "m", "body": text, "eventSource": "aws:sqs" }] });
        if invoke(&world, function, event).await.is_some() {
            world.stream.messages.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        sleep(VISIBILITY).await;
    }
    world.note(|| format!("{function:?}: a message is given up"));
}

impl World {
    /// Whether queues hold messages.
    pub(crate) fn queues_wait(&self) -> bool {
        self.stream.messages.load(Ordering::Relaxed) > 0
    }

    /// The sort keys, as JSON, of what the stream has given up.
    pub(crate) fn given_up(&self) -> BTreeSet<String> {
        self.stream.given_up.lock().unwrap().clone()
    }

    /// An item has been inserted that is owed to a room.
    pub(crate) fn owes(self: &Arc<Self>, key: Value) {
        let shard = key["pk"]["S"].as_str().unwrap().to_owned();
        let mut shards = self.stream.waiting.lock().unwrap();
        let read = shards.contains_key(&shard);
        shards.entry(shard.clone()).or_default().push_back(key);
        if !read {
            spawn_local(poll(Arc::clone(self), shard));
        }
    }
}

/// Reads a shard in batches, each as often as the event source says.
async fn poll(world: Arc<World>, shard: String) {
    loop {
        world.wait(0, STREAM_WINDOW).await;
        let batch: Vec<Value> = {
            let mut shards = world.stream.waiting.lock().unwrap();
            let waiting = shards.get_mut(&shard).unwrap();
            let most = waiting.len().min(100);
            let batch = waiting.drain(..most).collect::<Vec<_>>();
            if batch.is_empty() {
                shards.remove(&shard);
                return;
            }
            batch
        };
        let record = |key: &Value| {
            json!({
                "eventID": "e", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
                "awsRegion": "simulated", "eventSourceARN": "simulated",
                "dynamodb": {
                    "ApproximateCreationDateTime": world.now() / 1_000, "Keys": key, "SequenceNumber": "1",
                    "SizeBytes": 1, "StreamViewType": "KEYS_ONLY",
                },
            })
        };
        let event = json!({ "Records": batch.iter().map(record).collect::<Vec<_>>() });
        let mut handled = false;
        for attempt in 0..STREAM_ATTEMPTS {
            handled = invoke(&world, Function::Outbox, event.clone()).await.is_some();
            if handled {
                break;
            }
            world.wait(100, 1_000 << attempt).await;
        }
        if !handled {
            world.note(|| format!("the stream gives {} records up", batch.len()));
            let mut given_up = world.stream.given_up.lock().unwrap();
            given_up.extend(batch.iter().map(|key| key["sk"].to_string()));
        }
    }
}

/// `GetSecretValue`.
pub(crate) fn secret(body: &[u8]) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap();
    let (key, secret) = PROJECT;
    if request["SecretId"] == format!("{PROJECTS}{key}") && request["VersionStage"] == "AWSCURRENT" {
        let text = json!({ "apiKey": key, "secret": secret }).to_string();
        let body = json!({ "ARN": "arn", "Name": "name", "SecretString": text });
        return Answer { status: 200, body: body.to_string().into() };
    }
    Answer::refused("ResourceNotFoundException")
}

/// `RunTask`, which is done once for a token.
pub(crate) fn run_task(world: &Arc<World>, body: &[u8]) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap();
    let room = request["clientToken"].as_str().unwrap().to_owned();
    let variables = request["overrides"]["containerOverrides"][0]["environment"].as_array().unwrap();
    let url = variables.iter().find(|one| one["name"] == "SIGNAL_SERVER_URL").unwrap();
    let url = url["value"].as_str().unwrap().to_owned();
    let mut started = world.ecs.started.lock().unwrap();
    if started.insert(room.clone(), url.clone()).is_none() {
        // Some tasks never come to life.
        if world.draw(|fate| fate.random_bool(0.95)) || world.is_calm() {
            world.ecs.news.lock().unwrap().push((room, url));
        }
    }
    Answer { status: 200, body: br#"{"tasks":[{}],"failures":[]}"#.to_vec() }
}
