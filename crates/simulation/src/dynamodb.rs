//! DynamoDB, with what the embedded one does not have: transactions take a while, and meet.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::call::Answer;
use crate::tables::{CONNECTIONS, Key, ROOMS};
use crate::world::World;

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
