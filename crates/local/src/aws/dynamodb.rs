//! DynamoDB: an embedded database, called in this process, without a hop.

use std::path::Path;

use axum::http::StatusCode;
use dynoxide::actions::{
    batch_get_item::BatchGetItemRequest, batch_write_item::BatchWriteItemRequest,
    create_table::CreateTableRequest, delete_item::DeleteItemRequest, delete_table::DeleteTableRequest,
    describe_table::DescribeTableRequest, describe_time_to_live::DescribeTimeToLiveRequest,
    get_item::GetItemRequest, list_tables::ListTablesRequest, put_item::PutItemRequest, query::QueryRequest,
    scan::ScanRequest, transact_get_items::TransactGetItemsRequest,
    transact_write_items::TransactWriteItemsRequest, update_item::UpdateItemRequest,
    update_time_to_live::UpdateTimeToLiveRequest,
};
use dynoxide::{Database, DynoxideError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::call::{Called, NO_ANSWER};
use super::reply::Reply;
use crate::faults::{Dynamodb, When};
use crate::streams::{Streams, retention};
use crate::template::stack::Table;

/// Answers one call, with whatever fault is due, and tells the readers of streams of it.
pub(crate) async fn answer(database: &Database, streams: &Streams, called: &Called<'_>) -> Reply {
    let execute = || {
        let reply = execute(database, called.operation, called.body);
        if !matches!(called.operation, "GetItem" | "Query" | "BatchGetItem" | "TransactGetItems" | "Scan") {
            streams.wrote();
        }
        reply
    };
    let Some(mut struck) = called.struck(called.operation, Dynamodb::text) else { return execute() };
    struck.hold(struck.fault.delay()).await;
    let Some(failure) = struck.fault.failure(called.body) else { return execute() };
    if struck.fault.when == When::After {
        execute();
    }
    if struck.fault.is_timeout() {
        tokio::time::sleep(NO_ANSWER).await;
    }
    failure
}

/// Runs one operation.
pub(crate) fn execute(database: &Database, operation: &str, body: &[u8]) -> Reply {
    match operation {
        "GetItem" => run(body, |r: GetItemRequest| database.get_item(r), one),
        "PutItem" => run(body, |r: PutItemRequest| database.put_item(r), one),
        "UpdateItem" => run(body, |r: UpdateItemRequest| database.update_item(r), one),
        "DeleteItem" => run(body, |r: DeleteItemRequest| database.delete_item(r), one),
        "Query" => run(body, |r: QueryRequest| database.query(r), |answer| Some(answer.scanned_count)),
        "Scan" => run(body, |r: ScanRequest| database.scan(r), |answer| Some(answer.scanned_count)),
        "BatchGetItem" => {
            let mut keys = 0;
            let mut reply = run(
                body,
                |r: BatchGetItemRequest| {
                    keys = r.request_items.values().map(|table| table.keys.len()).sum();
                    database.batch_get_item(r)
                },
                |_| None,
            );
            reply.items = Some(keys);
            reply
        }
        "BatchWriteItem" => run(body, |r: BatchWriteItemRequest| database.batch_write_item(r), |_| None),
        "TransactGetItems" => {
            run(body, |r: TransactGetItemsRequest| database.transact_get_items(r), |_| None)
        }
        "TransactWriteItems" => {
            let mut items = 0;
            let mut reply = run(
                body,
                |r: TransactWriteItemsRequest| {
                    items = r.transact_items.len();
                    database.transact_write_items(r)
                },
                |_| None,
            );
            reply.items = Some(items);
            reply
        }
        "CreateTable" => run(body, |r: CreateTableRequest| database.create_table(r), |_| None),
        "DeleteTable" => run(body, |r: DeleteTableRequest| database.delete_table(r), |_| None),
        "DescribeTable" => run(body, |r: DescribeTableRequest| database.describe_table(r), |_| None),
        "ListTables" => run(body, |r: ListTablesRequest| database.list_tables(r), |_| None),
        "UpdateTimeToLive" => {
            run(body, |r: UpdateTimeToLiveRequest| database.update_time_to_live(r), |_| None)
        }
        "DescribeTimeToLive" => {
            run(body, |r: DescribeTimeToLiveRequest| database.describe_time_to_live(r), |_| None)
        }
        _ => Reply::failure(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.service#UnknownOperationException",
            "this operation is not supported here",
        ),
    }
}

/// A call of one item.
#[expect(clippy::unnecessary_wraps, reason = "has the type of the other counts")]
fn one<A>(_: &A) -> Option<usize> {
    Some(1)
}

fn run<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
    items: impl FnOnce(&A) -> Option<usize>,
) -> Reply {
    let request = serde_json::from_slice(body)
        .map_err(|error| DynoxideError::SerializationException(error.to_string()));
    match request.and_then(operation) {
        Ok(answer) => {
            let items = items(&answer);
            let body = serde_json::to_vec(&answer).unwrap_or_default();
            Reply { status: StatusCode::OK, body: body.into(), items, error: None }
        }
        Err(error) => Reply {
            status: StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST),
            body: error.to_json().into(),
            items: None,
            error: None,
        },
    }
}

/// Opens the database, in memory or in `file`, with the tables of the template.
///
/// # Errors
///
/// A sentence: the file cannot be opened, or holds a table with other keys.
pub(crate) fn open(file: Option<&Path>, tables: &[Table]) -> Result<Database, String> {
    let database = match file {
        None => retention::memory(tables),
        Some(file) => retention::file(file, tables),
    };
    let database = database.map_err(|error| match file {
        Some(file) => format!("{}: {error}", file.display()),
        None => error.to_string(),
    })?;
    if file.is_some() {
        // No fsync for each write: a power cut may cost the last ones, which is no loss on a laptop.
        database.enable_bulk_loading().map_err(|error| error.to_string())?;
    }
    for table in tables {
        create(&database, table)
            .map_err(|error| format!("{}: table {}: {error}", table.at, table.logical))?;
    }
    Ok(database)
}

fn create(database: &Database, table: &Table) -> Result<(), String> {
    let describe = json!({ "TableName": table.name }).to_string();
    let present = execute(database, "DescribeTable", describe.as_bytes());
    if present.status == StatusCode::OK {
        let present: Json = serde_json::from_slice(&present.body).unwrap_or_default();
        if present.pointer("/Table/KeySchema") != table.definition.get("KeySchema") {
            return Err(
                "the stored table has other keys; delete the data folder (LOCAL_DIR) and start again".into(),
            );
        }
        return match table.stream() {
            // One with another view has been taken off when the file was opened.
            Some(_) if present.pointer("/Table/StreamSpecification").is_none() => enable(database, table),
            _ => Ok(()),
        };
    }
    succeed(&execute(database, "CreateTable", table.definition.to_string().as_bytes()))?;
    if let Some(attribute) = &table.ttl {
        let request = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
        });
        succeed(&execute(database, "UpdateTimeToLive", request.to_string().as_bytes()))?;
    }
    Ok(())
}

/// Gives a stream to a table that was stored without one.
fn enable(database: &Database, table: &Table) -> Result<(), String> {
    let request = json!({
        "TableName": table.name,
        "StreamSpecification": table.definition.get("StreamSpecification"),
    });
    let request = serde_json::from_value(request).map_err(|error| error.to_string())?;
    database.update_table(request).map(drop).map_err(|error| error.to_string())
}

fn succeed(reply: &Reply) -> Result<(), String> {
    if reply.status == StatusCode::OK {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&reply.body).into_owned())
    }
}

/// Up to `limit` items of a table, as plain JSON.
pub(crate) async fn items(database: &Database, table: &str, limit: usize) -> Vec<Json> {
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let mut request = json!({ "TableName": table, "Limit": 1_000 });
        if let (Some(start), Some(members)) = (start, request.as_object_mut()) {
            members.insert("ExclusiveStartKey".into(), start);
        }
        let reply = execute(database, "Scan", request.to_string().as_bytes());
        let page: Page = serde_json::from_slice(&reply.body).unwrap_or_default();
        items.extend(page.items.into_iter().map(plain_item));
        start = page.last_evaluated_key;
        if items.len() >= limit || start.is_none() {
            items.truncate(limit);
            return items;
        }
        // A page of a large table takes some milliseconds: others go first.
        tokio::task::yield_now().await;
    }
}

/// An answer of `Scan`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    items: Vec<Map<String, Json>>,
    last_evaluated_key: Option<Json>,
}

fn plain_item(attributes: Map<String, Json>) -> Json {
    attributes.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// `{"S": "x"}` as `"x"`.
fn plain(value: Json) -> Json {
    let Json::Object(typed) = value else { return value };
    let Some((kind, value)) = typed.into_iter().next() else { return Json::Null };
    match (kind.as_str(), value) {
        ("N", Json::String(number)) => number.parse().map_or(Json::String(number), Json::Number),
        ("NS", Json::Array(numbers)) => {
            numbers.into_iter().map(|number| plain(json!({ "N": number }))).collect()
        }
        ("L", Json::Array(items)) => items.into_iter().map(plain).collect(),
        ("M", Json::Object(map)) => plain_item(map),
        ("NULL", _) => Json::Null,
        (_, value) => value,
    }
}

/// `"x"` as `{"S": "x"}`: the other way, for rows that are given as plain JSON.
pub(crate) fn typed(value: &Json) -> Json {
    match value {
        Json::Null => json!({ "NULL": true }),
        Json::Bool(flag) => json!({ "BOOL": flag }),
        Json::Number(number) => json!({ "N": number.to_string() }),
        Json::String(text) => json!({ "S": text }),
        Json::Array(items) => json!({ "L": items.iter().map(typed).collect::<Vec<_>>() }),
        Json::Object(members) => json!({ "M": typed_item(members) }),
    }
}

/// The attributes of an item.
pub(crate) fn typed_item(members: &Map<String, Json>) -> Json {
    members.iter().map(|(name, value)| (name.clone(), typed(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::yaml::At;

    fn table() -> Table {
        Table {
            logical: "T".into(),
            name: "local-T".into(),
            definition: json!({
                "TableName": "local-T",
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            }),
            ttl: Some("expiresAt".into()),
            at: At { file: "t".into(), line: 1 },
        }
    }

    #[tokio::test]
    async fn items_go_in_and_come_out_as_plain_json() {
        let database = open(None, &[table()]).unwrap();
        let item = json!({ "id": "a", "n": 12, "l": [1, "x"], "m": { "t": true }, "z": null });
        let put = json!({ "TableName": "local-T", "Item": typed_item(item.as_object().unwrap()) });
        let reply = execute(&database, "PutItem", put.to_string().as_bytes());
        assert_eq!((reply.status, reply.items), (StatusCode::OK, Some(1)));
        assert_eq!(items(&database, "local-T", 10).await, [item]);
    }

    #[test]
    fn a_failed_condition_is_a_400_with_its_type() {
        let database = open(None, &[table()]).unwrap();
        let put = json!({ "TableName": "local-T", "Item": { "id": { "S": "a" } },
                          "ConditionExpression": "attribute_exists(id)" });
        let reply = execute(&database, "PutItem", put.to_string().as_bytes());
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(String::from_utf8_lossy(&reply.body).contains("ConditionalCheckFailedException"));
        assert_eq!(execute(&database, "Nope", b"{}").status, StatusCode::BAD_REQUEST);
        assert_eq!(execute(&database, "GetItem", b"[").status, StatusCode::BAD_REQUEST);
    }
}
