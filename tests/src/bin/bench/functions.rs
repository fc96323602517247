//! Starting and running each function.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Room, Stack, template};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::record::{self, Record};
use crate::statistics::Sample;
use crate::{WRITES, quiet_stack};

/// Calls with new processes only, for the first invocations.
const COLD_CALLS: usize = 40;
/// Calls with processes that are there already.
const WARM_CALLS: usize = 150;
/// Handshakes of one call.
const HANDSHAKES: usize = 10;
/// A process unused for so long is ended, where all have to be new.
const KEEP_WARM: &str = "50ms";
/// By then it has been.
const ALL_ENDED: Duration = Duration::from_millis(200);

/// A queue calls them: the one does what createRoom's does, and only when the pool is short, the other what
/// `$disconnect`'s does.
const NOT_MEASURED: [&str; 2] = ["refill", "timer"];

/// A small call, in which every function is invoked that rooms need: a room is made, claimed, entered, used and left.
async fn call(stack: &Stack, path: &str, handshakes: usize) {
    let (room, mut sfu) = Room::unclaimed(stack).await;
    let claimed = stack.claim(path).await;
    assert_eq!(claimed, (200, json!({ "roomId": room.id })), "claimRoom");
    assert_eq!(stack.get_room_id(path).await.0, 200, "getRoomId");
    assert_eq!(stack.http(reqwest::Method::GET, "/iceServers", None).await.0, 200, "iceServers");
    let mut client = stack.join(&room.id, "ada").await;
    let candidate =
        json!({ "action": "handshake", "data": room.candidate("ada", "candidate:1") }).to_string();
    for _ in 0..handshakes {
        client.send(&candidate).await;
        sfu.next_text().await;
    }
    sfu.request("roster", json!({ "roomId": room.id, "peers": ["ada"] })).await;
    client.request("ping", json!({})).await;
    client.request("leave", json!({})).await;
    client.close(1000).await;
    sfu.request("leave", json!({})).await;
    sfu.close(1000).await;
}

/// A request, as samples have it.
#[derive(Deserialize)]
struct Request {
    action: String,
    data: Value,
}

/// The requests that only sessions know, as the sample events have them: those of the routes that `rooms` is without.
fn requests_of_sessions(rooms: &BTreeSet<String>) -> Vec<Request> {
    // One request for each function: the sample of its name.
    let functions: BTreeSet<_> =
        template::message_routes().into_iter().map(|(_, function)| function).collect();
    let samples = functions.into_iter().filter(|function| !rooms.contains(function)).map(|function| {
        let event: Value = serde_json::from_str(&template::file(&format!("events/{function}.json")))?;
        serde_json::from_str(event.get("body").and_then(Value::as_str).unwrap_or_default())
    });
    samples.collect::<Result<_, _>>().expect("sample events are JSON")
}

/// A small session, in which every function is invoked that only sessions need. The samples name vic.
async fn session(project: &Project<'_>, requests: &[Request]) {
    let session = project.routed().await;
    let (mut ada, _) = project.join_named(&session, "moderator", "ada", false).await;
    let (vic, _) = project.join_named(&session, "publisher", "vic", false).await;
    for request in requests {
        ada.request(&request.action, request.data.clone()).await;
    }
    let text = json!({ "data": "hello" });
    let (status, _) = project.rest(reqwest::Method::POST, &session, "/signal", Some(text)).await;
    assert_eq!(status, 204, "a signal by REST");
    drop(vic);
    ada.close(1000).await;
}

/// What the functions did that only sessions need. What the others do in a session is no part of their figures here.
async fn of_sessions(stack: &Stack, rooms: &BTreeSet<String>) -> Vec<Record> {
    record::all(stack).await.into_iter().filter(|record| !rooms.contains(&record.function)).collect()
}

/// Starts, first and warm invocations, memory and size of every function, as a table.
pub(crate) async fn measure() -> String {
    eprintln!("Functions, each time with new processes: {COLD_CALLS} calls.");
    let stack = quiet_stack().arguments(&["--keep-warm", KEEP_WARM]).start().await;
    for i in 0..COLD_CALLS {
        call(&stack, &format!("/{i}"), 1).await;
        tokio::time::sleep(ALL_ENDED).await;
    }
    let mut cold = record::all(&stack).await;
    record::forget(&stack).await;
    let rooms = cold.iter().map(|record| record.function.clone()).collect();
    let requests = requests_of_sessions(&rooms);
    let project = Project::create(&stack).await;
    for _ in 0..COLD_CALLS {
        session(&project, &requests).await;
        tokio::time::sleep(ALL_ENDED).await;
    }
    cold.extend(of_sessions(&stack, &rooms).await);
    drop(stack);

    eprintln!("Functions, with processes that are there: {WARM_CALLS} calls.");
    let stack = quiet_stack().start().await;
    for i in 0..WARM_CALLS {
        call(&stack, &format!("/{i}"), HANDSHAKES).await;
    }
    let mut warm = record::all(&stack).await;
    record::forget(&stack).await;
    let project = Project::create(&stack).await;
    for _ in 0..WARM_CALLS {
        session(&project, &requests).await;
    }
    warm.extend(of_sessions(&stack, &rooms).await);
    table(&rooms, &cold, &warm)
}

fn table(rooms: &BTreeSet<String>, cold: &[Record], warm: &[Record]) -> String {
    let mut text = String::from(
        "### Functions\n\n\
         Spawn to ready: from starting the process to its first `/invocation/next`, connections opened. An invocation: from\n\
         handing out the event to its answer, with all its calls. Milliseconds, p50 / p99.\n\n\
         | Function | Spawn to ready | First invocation | Warm invocation | Peak memory | Size, stripped |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    // Those of rooms first.
    let mut names = template::functions();
    names.retain(|name| !NOT_MEASURED.contains(&name.as_str()));
    names.sort_by_key(|name| !rooms.contains(name));
    for name in names {
        let of = |records: &[Record]| -> Vec<Record> {
            records.iter().filter(|record| record.function == name).cloned().collect()
        };
        let (cold, warm) = (of(cold), of(warm));
        let ready = Sample::new(cold.iter().filter_map(|record| record.init_duration_ms));
        let first = cold.iter().filter(|record| record.init_duration_ms.is_some());
        let first = Sample::new(first.map(|record| record.duration_ms));
        let later = warm.iter().filter(|record| record.init_duration_ms.is_none());
        let later = Sample::new(later.map(|record| record.duration_ms));
        let memory = warm.iter().filter_map(|record| record.memory_kb).max();
        let memory = memory.map_or_else(|| "–".into(), |kb| format!("{:.1} MB", f64::from(kb) / 1024.0));
        let size = std::fs::metadata(binary(&name)).expect("the function's executable").len();
        let size = format!("{}.{:02} MB", size / 1_000_000, size % 1_000_000 / 10_000);
        writeln!(
            text,
            "| `{name}` | {} / {} | {} / {} | {} / {} | {memory} | {size} |",
            ready.p50(),
            ready.max(),
            first.p50(),
            first.max(),
            later.p50(),
            later.p99(),
        )
        .expect(WRITES);
    }
    writeln!(
        text,
        "\nOf starts and first invocations ({COLD_CALLS} or more each) the second figure is the greatest."
    )
    .expect(WRITES);
    text
}
