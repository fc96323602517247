//! Starting and running each function.

use std::fmt::Write as _;
use std::time::Duration;

use arbiter_tests::stack::binary;
use arbiter_tests::{Project, Room, Stack};
use serde_json::json;

use crate::record::{self, OF_SESSIONS, Record};
use crate::statistics::Sample;
use crate::{WRITES, quiet_stack};

/// Calls with new processes only, for the first invocations.
const COLD_CALLS: usize = 40;
/// Calls with processes that are there already.
const WARM_CALLS: usize = 150;
/// Handshakes of one call, and signals of one session.
const HANDSHAKES: usize = 10;
/// A process unused for so long is ended, where all have to be new.
const KEEP_WARM: &str = "50ms";
/// By then it has been.
const ALL_ENDED: Duration = Duration::from_millis(200);

/// A small call, in which every function is invoked: a room is made, claimed, entered, used and left.
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
    client.request("ping", json!({})).await;
    client.request("leave", json!({})).await;
    client.close(1000).await;
    sfu.request("leave", json!({})).await;
    sfu.close(1000).await;
}

/// A small session, in which every function is invoked that only sessions need.
async fn session(project: &Project<'_>, signals: usize) {
    let session = project.routed().await;
    let (mut ada, _) = project.join_named(&session, "moderator", "ada", false).await;
    let (bob, _) = project.join_named(&session, "publisher", "bob", false).await;
    for _ in 0..signals {
        ada.request("signal", json!({ "type": "chat", "data": "hello" })).await;
    }
    let text = json!({ "data": "hello" });
    let (status, _) = project.rest(reqwest::Method::POST, &session, "/signal", Some(text)).await;
    assert_eq!(status, 204, "a signal by REST");
    ada.request("reportIssue", json!({ "text": "I hear nobody." })).await;
    ada.request("forceDisconnect", json!({ "connectionId": "bob" })).await;
    drop(bob);
    ada.close(1000).await;
}

/// What the functions did that only sessions need. What the others do in a session is no part of their figures here.
async fn of_sessions(stack: &Stack) -> Vec<Record> {
    let records = record::all(stack).await.into_iter();
    records.filter(|record| OF_SESSIONS.contains(&record.function.as_str())).collect()
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
    let project = Project::create(&stack).await;
    for _ in 0..COLD_CALLS {
        session(&project, 1).await;
        tokio::time::sleep(ALL_ENDED).await;
    }
    cold.extend(of_sessions(&stack).await);
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
        session(&project, HANDSHAKES).await;
    }
    warm.extend(of_sessions(&stack).await);
    table(&cold, &warm)
}

fn table(cold: &[Record], warm: &[Record]) -> String {
    let mut text = String::from(
        "### Functions\n\n\
         Spawn to ready: from starting the process to its first `/invocation/next`, connections opened. An invocation: from\n\
         handing out the event to its answer, with all its calls. Milliseconds, p50 / p99.\n\n\
         | Function | Spawn to ready | First invocation | Warm invocation | Peak memory | Size, stripped |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for name in record::functions() {
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
