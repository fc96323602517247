//! The tables: an embedded DynamoDB.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use crate::call::Answer;

pub(crate) const CONNECTIONS: &str = "connections";
pub(crate) const ROOMS: &str = "rooms";

/// An item: its table, and its key as JSON.
pub(crate) type Key = (String, String);

/// The two tables.
pub(crate) struct Tables {
    database: Database,
    pub(crate) under_way: Mutex<UnderWay>,
}

/// What transactions do at the moment, and have done.
#[derive(Default)]
pub(crate) struct UnderWay {
    /// Items that a transaction is about to change or to check.
    pub(crate) items: BTreeSet<Key>,
    /// Requests, by their tokens: not answered yet, or done.
    pub(crate) requests: BTreeMap<String, Option<Vec<u8>>>,
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

    /// Does an operation.
    pub(crate) fn run(&self, operation: &str, body: &[u8]) -> Answer {
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

impl Tables {
    /// Whether there is such an item.
    pub(crate) fn holds(&self, (table, key): &Key) -> bool {
        let key: Value = serde_json::from_str(key).unwrap();
        let request = json!({ "TableName": table, "Key": key }).to_string();
        let found: Value = serde_json::from_slice(&self.run("GetItem", request.as_bytes()).body).unwrap();
        !found["Item"].is_null()
    }
}
