//! Relaying: from a client's socket to the SFU's, through the whole gateway.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use arbiter_tests::{Room, Socket, Stack};
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::record;
use crate::statistics::{Sample, grouped};
use crate::{WRITES, quiet_stack};

/// How many connections are in the table.
const CONNECTIONS: [usize; 3] = [10, 1_000, 100_000];
/// Relays measured at each size, one after the other.
const RELAYS: usize = 3_000;
/// Relays before that.
const WARM_UP: usize = 200;
/// What `BatchWriteItem` takes.
const BATCH: usize = 25;
/// Clients that send at once, where the rate is measured, and how many messages each has under way.
const SENDERS: usize = 16;
const UNDER_WAY: usize = 2;
/// For how long.
const SUSTAINED: Duration = Duration::from_secs(10);

/// Latency at each size of the table, and the rate, as tables.
pub(crate) async fn measure() -> String {
    let stack = quiet_stack().start().await;
    let (room, mut sfu) = Room::claimed(&stack, "/relay").await;
    let mut client = stack.join(&room.id, "ada").await;
    let mut text = format!(
        "### Relay\n\n\
         A candidate of {} bytes from a client's socket to the SFU's, one after the other, and the invocation of \
         `handshake` in it.\nMilliseconds.\n\n\
         | Connections in the table | p50 | p99 | p99.9 | Greatest | Relays | `handshake` p50 / p99 | Items read |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|\n",
        candidate(&room, "ada").len(),
    );
    let mut rows = 2;
    for connections in CONNECTIONS {
        eprintln!("Relays, with {connections} connections in the table.");
        fill(&stack, &room, rows..connections).await;
        rows = connections;
        let times = relays(&stack, &room, &mut client, &mut sfu).await;
        let records = record::all(&stack).await;
        let inside = Sample::new(records.iter().map(|record| record.duration_ms));
        let reads = records.iter().flat_map(|record| &record.calls).filter_map(|call| call.items);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} / {} | {} |",
            grouped(connections),
            times.p50(),
            times.p99(),
            times.p999(),
            times.max(),
            grouped(times.len()),
            inside.p50(),
            inside.p99(),
            reads.max().unwrap_or_default(),
        )
        .expect(WRITES);
    }
    let rate = sustained(&stack, &room, &mut sfu).await;
    let seconds = SUSTAINED.as_secs();
    writeln!(
        text,
        "\nSustained with the last of these: **{rate} relays a second** for {seconds} s, {SENDERS} clients with \
         {UNDER_WAY} messages\nunder way each. Clients, gateway, database and functions share the machine's cores.",
    )
    .expect(WRITES);
    text
}

/// A request as Chromium makes it.
fn candidate(room: &Room, sender: &str) -> String {
    let text = "candidate:2301678419 1 udp 2122260223 192.0.2.44 51234 typ host generation 0 ufrag KfN4 network-id 1";
    json!({ "action": "handshake", "data": room.candidate(sender, text) }).to_string()
}

async fn relays(stack: &Stack, room: &Room, client: &mut Socket, sfu: &mut Socket) -> Sample {
    let text = candidate(room, "ada");
    let mut times = Vec::with_capacity(RELAYS);
    for i in 0..WARM_UP + RELAYS {
        if i == WARM_UP {
            record::forget(stack).await;
        }
        let start = Instant::now();
        client.send(&text).await;
        sfu.next_text().await;
        if i >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    Sample::of_times(times)
}

/// Relays a second, with a message sent for each that arrived.
async fn sustained(stack: &Stack, room: &Room, sfu: &mut Socket) -> String {
    eprintln!("Relays, as many as there can be for {} s.", SUSTAINED.as_secs());
    let mut senders = Vec::new();
    for i in 0..SENDERS {
        let socket = stack.join(&room.id, &format!("sender-{i}")).await;
        senders.push((socket, candidate(room, &format!("sender-{i}"))));
    }
    for (socket, text) in &mut senders {
        for _ in 0..UNDER_WAY {
            socket.send(text).await;
        }
    }
    let start = Instant::now();
    let mut relayed = 0_u32;
    while start.elapsed() < SUSTAINED {
        let message: Value = serde_json::from_str(&sfu.next_text().await).expect("JSON");
        relayed += 1;
        let number =
            message.get("sender").and_then(Value::as_str).and_then(|sender| sender.strip_prefix("sender-"));
        let number: usize = number.and_then(|number| number.parse().ok()).expect("a sender's number");
        let (socket, text) = senders.get_mut(number).expect("a sender");
        socket.send(text).await;
    }
    let rate = f64::from(relayed) / start.elapsed().as_secs_f64();
    grouped(format!("{rate:.0}").parse().unwrap_or_default())
}

/// Adds rows of connections, and of members of other rooms.
async fn fill(stack: &Stack, room: &Room, numbers: std::ops::Range<usize>) {
    let client = reqwest::Client::new();
    let call = async |operation: &str, body: Value| -> Value {
        let target = format!("DynamoDB_20120810.{operation}");
        let request = client.post(&stack.urls.dynamodb_url).header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.0").body(body.to_string());
        let response = request.send().await.expect("the database");
        let status = response.status();
        let text = response.text().await.expect("an answer");
        assert!(status.is_success(), "{operation}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    };
    let tables = call("ListTables", json!({})).await;
    let table = |name: &str| {
        let names = tables.get("TableNames").and_then(Value::as_array).expect("names of tables");
        let found = names.iter().filter_map(Value::as_str).find(|table| table.contains(name));
        found.expect("a table").to_owned()
    };
    let (connections, rooms) = (table("Connections"), table("Rooms"));
    let numbers: Vec<usize> = numbers.collect();
    let writes = numbers.chunks(BATCH).map(async |numbers| {
        let rows: Vec<_> = numbers.iter().map(|i| put(&connection(*i))).collect();
        call("BatchWriteItem", json!({ "RequestItems": { connections.as_str(): rows } })).await;
        let rows: Vec<_> = numbers.iter().map(|i| put(&member(*i))).collect();
        call("BatchWriteItem", json!({ "RequestItems": { rooms.as_str(): rows } })).await;
    });
    futures::stream::iter(writes).buffer_unordered(8).collect::<Vec<_>>().await;
    // The rows belong to other rooms: this one has who is in it, and nobody else.
    assert_eq!(stack.get_room_id("/relay").await, (200, json!({ "roomId": room.id, "id": room.id })));
}

fn put(item: &Value) -> Value {
    json!({ "PutRequest": { "Item": item } })
}

const FAR: &str = "4102444800";
const THEN: &str = "1795251110352";

fn connection(i: usize) -> Value {
    json!({
        "connectionId": { "S": format!("Row{i:011}A=") }, "connectedAt": { "N": THEN }, "kind": { "S": "client" },
        "peerId": { "S": format!("peer-{i}") }, "roomId": { "S": format!("room-{}", i / 8) },
        "expiresAt": { "N": FAR },
    })
}

fn member(i: usize) -> Value {
    json!({
        "pk": { "S": format!("ROOM#room-{}", i / 8) }, "sk": { "S": format!("PEER#peer-{i}") },
        "connectionId": { "S": format!("Row{i:011}A=") }, "connectedAt": { "N": THEN },
        "joinedAt": { "N": THEN }, "expiresAt": { "N": FAR },
    })
}
