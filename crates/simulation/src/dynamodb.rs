//! DynamoDB: an embedded one, with what it does not have: transactions take a while, and meet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dynoxide::{Database, DynoxideError};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::http::Answer;
use crate::world::World;

pub(crate) const CONNECTIONS: &str = "connections";
pub(crate) const ROOMS: &str = "rooms";

/// An item: its table, and its key as JSON.
type Key = (String, String);

/// The two tables.
pub(crate) struct Tables {
    database: Database,
    under_way: Mutex<UnderWay>,
}

/// What transactions do at the moment, and have done.
#[derive(Default)]
struct UnderWay {
    /// Items that a transaction is about to change or to check.
    items: BTreeSet<Key>,
    /// Requests, by their tokens: not answered yet, or done.
    requests: BTreeMap<String, Option<Vec<u8>>>,
}

impl Tables {
    pub(crate) fn new() -> Self {
        let database = Database::memory().unwrap();
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        for (name, attributes, keys) in [
            (CONNECTIONS, vec![text("connectionId")], vec![key("connectionId", "HASH")]),
            (ROOMS, vec![text("pk"), text("sk")], vec![key("pk", "HASH"), key("sk", "RANGE")]),
        ] {
            let table = json!({
                "TableName": name, "AttributeDefinitions": attributes, "KeySchema": keys,
                "BillingMode": "PAY_PER_REQUEST",
            });
            database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        }
        Self { database, under_way: Mutex::default() }
    }

    /// All items of a partition of the rooms table, or of the whole of it.
    pub(crate) fn items(&self, pk: Option<&str>) -> Vec<Value> {
        let mut items = self.scan(ROOMS);
        items.retain(|item| pk.is_none_or(|pk| item["pk"]["S"] == *pk));
        items
    }

    /// All rows of connections.
    pub(crate) fn connections(&self) -> Vec<Value> {
        self.scan(CONNECTIONS)
    }

    fn scan(&self, table: &str) -> Vec<Value> {
        let request = json!({ "TableName": table }).to_string();
        let Answer { body, .. } = self.run("Scan", request.as_bytes());
        let mut found: Value = serde_json::from_slice(&body).unwrap();
        let Value::Array(mut items) = found["Items"].take() else { return vec![] };
        items.sort_by_key(ToString::to_string);
        items
    }

    fn run(&self, operation: &str, body: &[u8]) -> Answer {
        let tables = &self.database;
        match operation {
            "GetItem" => done(body, |request| tables.get_item(request)),
            "BatchGetItem" => done(body, |request| tables.batch_get_item(request)),
            "Query" => done(body, |request| tables.query(request)),
            "Scan" => done(body, |request| tables.scan(request)),
            "PutItem" => done(body, |request| tables.put_item(request)),
            "UpdateItem" => done(body, |request| tables.update_item(request)),
            "DeleteItem" => done(body, |request| tables.delete_item(request)),
            "TransactWriteItems" => done(body, |request| tables.transact_write_items(request)),
            _ => panic!("DynamoDB is asked to {operation}"),
        }
    }
}

fn done<Q: serde::de::DeserializeOwned, A: serde::Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Answer {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()));
    match request.and_then(operation) {
        Ok(answer) => Answer { status: 200, body: serde_json::to_vec(&answer).unwrap() },
        Err(error) => Answer { status: error.status_code(), body: error.to_json().into() },
    }
}

/// Does what a call asks for, and sees that the stream has what it writes.
pub(crate) async fn execute(world: &Arc<World>, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "BatchGetItem" if world.strikes(world.faults.split) => split(world, body).await,
        "Query" if world.strikes(world.faults.split) => page(world, body),
        "GetItem" | "BatchGetItem" | "Query" => world.tables.run(operation, body),
        "TransactWriteItems" => transact(world, body).await,
        _ => {
            let request: Value = serde_json::from_slice(body).unwrap();
            let key = written(&request).unwrap();
            if world.tables.under_way.lock().unwrap().items.contains(&key) {
                return Answer::refused("TransactionConflictException");
            }
            write(world, operation, body, &[key])
        }
    }
}

/// An answer without an effect.
pub(crate) fn refusal(world: &Arc<World>, operation: &str, body: &[u8]) -> Answer {
    match world.draw(|fate| fate.random_range(0..4)) {
        0 => Answer::failed(500, "InternalServerError"),
        1 => Answer::refused("ThrottlingException"),
        2 if operation == "TransactWriteItems" => {
            let request: Value = serde_json::from_slice(body).unwrap();
            let items = request["TransactItems"].as_array().unwrap().len();
            let struck = world.draw(|fate| fate.random_range(0..items));
            canceled(items, &[struck])
        }
        2 if matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem") => {
            Answer::refused("TransactionConflictException")
        }
        _ => Answer::refused("ProvisionedThroughputExceededException"),
    }
}

/// A transaction that has met others at these items.
fn canceled(items: usize, met: &[usize]) -> Answer {
    let reason = |n| {
        if met.contains(&n) {
            json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" })
        } else {
            json!({ "Code": "None" })
        }
    };
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": (0..items).map(reason).collect::<Vec<_>>(),
    });
    Answer { status: 400, body: body.to_string().into() }
}

/// Prepares, waits and commits. A request that is repeated under its token is done once.
async fn transact(world: &Arc<World>, body: &[u8]) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap();
    let token = request["ClientRequestToken"].as_str().unwrap().to_owned();
    let keys: Vec<Key> = request["TransactItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| written(item.as_object().unwrap().values().next().unwrap()).unwrap())
        .collect();
    {
        let mut under_way = world.tables.under_way.lock().unwrap();
        match under_way.requests.get(&token) {
            Some(Some(body)) => return Answer { status: 200, body: body.clone() },
            Some(None) => return Answer::refused("TransactionInProgressException"),
            None => {}
        }
        let met: Vec<_> = (0..keys.len()).filter(|n| under_way.items.contains(&keys[*n])).collect();
        if !met.is_empty() {
            return canceled(keys.len(), &met);
        }
        under_way.items.extend(keys.iter().cloned());
        under_way.requests.insert(token.clone(), None);
    }
    let millis = world.draw(|fate| [0, 2, 5, 20, 60].choose(fate).copied().unwrap());
    sleep(Duration::from_millis(millis)).await;
    let answer = write(world, "TransactWriteItems", body, &keys);
    let mut under_way = world.tables.under_way.lock().unwrap();
    under_way.items.retain(|item| !keys.contains(item));
    if answer.status == 200 {
        under_way.requests.insert(token, Some(answer.body.clone()));
    } else {
        under_way.requests.remove(&token);
    }
    answer
}

/// Writes. What rooms are newly owed goes to the stream.
fn write(world: &Arc<World>, operation: &str, body: &[u8], keys: &[Key]) -> Answer {
    let owed: Vec<_> = keys.iter().filter(|(table, key)| table == ROOMS && key.contains("OWED#")).collect();
    let before: Vec<_> = owed.iter().map(|key| world.tables.holds(key)).collect();
    let answer = world.tables.run(operation, body);
    for (key, there) in owed.into_iter().zip(before) {
        if !there && world.tables.holds(key) {
            world.owes(serde_json::from_str(&key.1).unwrap());
        }
    }
    answer
}

impl Tables {
    fn holds(&self, (table, key): &Key) -> bool {
        let key: Value = serde_json::from_str(key).unwrap();
        let request = json!({ "TableName": table, "Key": key }).to_string();
        let found: Value = serde_json::from_slice(&self.run("GetItem", request.as_bytes()).body).unwrap();
        !found["Item"].is_null()
    }
}

/// Which item a write, or an action of a transaction, is about.
fn written(action: &Value) -> Option<Key> {
    let table = action["TableName"].as_str()?;
    let item = if action["Key"].is_object() { &action["Key"] } else { &action["Item"] };
    let names: &[&str] = if table == CONNECTIONS { &["connectionId"] } else { &["pk", "sk"] };
    let key: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), item[*name].clone())).collect();
    Some((table.to_owned(), Value::Object(key).to_string()))
}

/// Reads some of the keys, then most of the others, and leaves the rest.
async fn split(world: &Arc<World>, body: &[u8]) -> Answer {
    let request: Value = serde_json::from_slice(body).unwrap();
    let mut parts = [json!({}), json!({}), json!({})];
    for (table, wanted) in request["RequestItems"].as_object().unwrap() {
        for key in wanted["Keys"].as_array().unwrap() {
            let part = &mut parts[world.draw(|fate| fate.random_range(0..3))];
            if part[table].is_null() {
                part[table] = wanted.clone();
                part[table]["Keys"] = json!([]);
            }
            part[table]["Keys"].as_array_mut().unwrap().push(key.clone());
        }
    }
    let mut found = json!({});
    let [first, second, left] = parts;
    for part in [first, second] {
        if part.as_object().unwrap().is_empty() {
            continue;
        }
        let request = json!({ "RequestItems": part }).to_string();
        let Answer { status, body } = world.tables.run("BatchGetItem", request.as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let got: Value = serde_json::from_slice(&body).unwrap();
        for (table, items) in got["Responses"].as_object().unwrap() {
            if found[table].is_null() {
                found[table] = json!([]);
            }
            found[table].as_array_mut().unwrap().extend(items.as_array().unwrap().iter().cloned());
        }
        world.wait(0, 10).await;
    }
    Answer { status: 200, body: json!({ "Responses": found, "UnprocessedKeys": left }).to_string().into() }
}

/// A page of one to three items.
fn page(world: &Arc<World>, body: &[u8]) -> Answer {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    request["Limit"] = world.draw(|fate| fate.random_range(1..=3)).into();
    world.tables.run("Query", request.to_string().as_bytes())
}
