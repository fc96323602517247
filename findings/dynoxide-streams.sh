#!/usr/bin/env bash
# dynoxide-rs 3.2.0: a write that changes nothing has a stream record, records are kept for ever, and each makes the next write dearer.
#
# DynamoDB writes no record of a PutItem or UpdateItem that changes no data (as in https://www.tecracer.com/blog/2021/01/why-i-had-to-update-my-mental-model-of-dynamodb-streams.html).
# Amazon's guide (Streams): records are kept for up to 24 hours; streams are asynchronous, so that they cost the table no performance.
# Expected: INSERT alone for two equal PutItems; no record of a day ago; the 20 000th write as quick as the first.
# Happens: INSERT and MODIFY, both images equal; every record is there two days later by dynoxide's own clock; each write looks through all
# records of its table for the highest sequence number (MAX over a cast, without an index).
# Seen: "records of two equal puts: INSERT MODIFY; two days later: 2 kept; 500 puts after 20 000 others take 18 times as long as the first"
# Exit 0 while it is so. Needs cargo and a C compiler, and minutes: SQLite is compiled.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
dynoxide-rs = { version = "=3.2.0", default-features = false, features = ["native-sqlite"] }
serde_json = "1"

[workspace]
TOML
cat > src/main.rs <<'RUST'
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::storage_backend::ManualClock;
use serde_json::{Value, from_value, json};

fn put(database: &Database, id: usize) {
    let request: Value = json!({ "TableName": "Table", "Item": { "id": { "S": id.to_string() } } });
    database.put_item(from_value(request).unwrap()).unwrap();
}

fn time(database: &Database, ids: std::ops::Range<usize>) -> Duration {
    let start = Instant::now();
    ids.for_each(|id| put(database, id));
    start.elapsed()
}

fn records(database: &Database) -> Vec<String> {
    let request = GetShardIteratorRequest {
        stream_arn: "arn:aws:dynamodb:dynoxide:000000000000:table/Table/stream/x".into(),
        shard_id: dynoxide::streams::shard_id("Table"),
        shard_iterator_type: "TRIM_HORIZON".into(),
        sequence_number: None,
    };
    let shard_iterator = database.get_shard_iterator(request).unwrap().shard_iterator.unwrap();
    let answer = database.get_records(GetRecordsRequest { shard_iterator, limit: None }).unwrap();
    answer.records.into_iter().map(|record| record.event_name).collect()
}

fn main() {
    let clock = Arc::new(ManualClock::new(1_700_000_000));
    let database = Database::memory_with_clock(clock.clone()).unwrap();
    let table = json!({
        "TableName": "Table", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    database.create_table(from_value(table).unwrap()).unwrap();
    put(&database, 0);
    put(&database, 0);
    let names = records(&database).join(" ");
    clock.tick(Duration::from_secs(2 * 86_400));
    database.sweep_ttl().unwrap();
    let kept = records(&database).len();
    let first = time(&database, 1..501);
    time(&database, 501..20_501);
    let last = time(&database, 20_501..21_001);
    let times = (last.as_secs_f64() / first.as_secs_f64()).round();
    println!("records of two equal puts: {names}; two days later: {kept} kept; 500 puts after 20 000 others take {times} times as long as the first");
    std::process::exit(i32::from(!(names == "INSERT MODIFY" && kept == 2 && times >= 3.0)));
}
RUST
cargo run --quiet
