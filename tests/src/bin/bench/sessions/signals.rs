//! Signals: to a thousand connections, and one by one.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbiter_tests::{Project, Socket, Stack};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::{AT_ONCE, PATIENCE};
use crate::WRITES;
use crate::record;
use crate::statistics::{Sample, grouped};

/// Signals to everybody, one after the other.
const SIGNALS: u64 = if cfg!(debug_assertions) { 5 } else { 30 };
/// Signals to the other one of two, one after the other, and before that.
const ONE_BY_ONE: usize = if cfg!(debug_assertions) { 100 } else { 1_000 };
const WARM_UP: usize = 50;
/// A line of chat.
const TEXT: &str =
    "What is said in a room of many: a line of text, as long as people write when they talk to each other.";

/// A signal has come.
struct Heard {
    by: usize,
    seq: u64,
    at: Instant,
}

/// One of the members signals to all; the times until they have heard, as a table, and the members.
pub(super) async fn fan_out(members: Vec<Socket>) -> (String, Vec<Socket>) {
    let count = members.len();
    eprintln!("Signals to {}.", grouped(count));
    let pings = Arc::new(Semaphore::new(AT_ONCE));
    let (tells, mut told) = mpsc::unbounded_channel();
    let (members, mut says): (Vec<JoinHandle<Socket>>, Vec<mpsc::UnboundedSender<String>>) = members
        .into_iter()
        .enumerate()
        .map(|(by, socket)| {
            let (say, said) = mpsc::unbounded_channel();
            (tokio::spawn(listen(by, socket, said, tells.clone(), Arc::clone(&pings))), say)
        })
        .unzip();
    drop(tells);
    let sender = says.first().expect("a sender").clone();
    // How often each has heard each, and how long after it was said first.
    let mut deliveries: HashMap<(usize, u64), usize> = HashMap::new();
    let mut rounds: Vec<Sample> = vec![];
    for seq in 1..=SIGNALS {
        let start = Instant::now();
        sender.send(signal(&json!({ "type": "chat", "data": TEXT }))).expect("the sender is there");
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            let left = (start + PATIENCE).saturating_duration_since(Instant::now());
            let Ok(Some(one)) = tokio::time::timeout(left, told.recv()).await else { break };
            let times_heard = deliveries.entry((one.by, one.seq)).or_default();
            *times_heard += 1;
            if one.seq == seq && *times_heard == 1 {
                times.push(one.at.duration_since(start));
            }
        }
        rounds.push(Sample::of_times(times));
    }
    // Whatever else was on its way.
    says.clear();
    drop(sender);
    while let Some(one) = told.recv().await {
        *deliveries.entry((one.by, one.seq)).or_default() += 1;
    }
    let mut sockets = Vec::with_capacity(count);
    for member in members {
        sockets.push(member.await.expect("a member that listens to the end"));
    }
    let wanted = (0..count).flat_map(|by| (1..=SIGNALS).map(move |seq| (by, seq)));
    let lost = wanted.filter(|one| !deliveries.contains_key(one)).count();
    let twice = deliveries.values().filter(|times| **times > 1).count();
    (table(count, &rounds, lost, twice), sockets)
}

fn table(count: usize, rounds: &[Sample], lost: usize, twice: usize) -> String {
    let row = |what: &str, permille: usize| {
        let of_each = Sample::new(rounds.iter().filter_map(|round| round.at(permille)));
        format!("| {what} | {} | {} | {} |\n", of_each.min(), of_each.p50(), of_each.max())
    };
    let none = |count: usize| if count == 0 { "none".into() } else { format!("**{}**", grouped(count)) };
    let signals = usize::try_from(SIGNALS).unwrap_or_default();
    format!(
        "### Signals to all\n\n\
         One of {} connections of a session signals to all, {SIGNALS} times, the next when all have heard the last: from its \
         request\nuntil a receiver has the signal. Milliseconds.\n\n\
         | Of one signal | Fastest signal | Median | Slowest signal |\n|---|--:|--:|--:|\n{}{}{}\n\
         Of {} deliveries {} were lost and {} came twice.\n",
        grouped(count),
        row("p50 of its receivers", 500),
        row("p99", 990),
        row("all have heard", 1000),
        grouped(count * signals),
        none(lost),
        none(twice),
    )
}

/// Says what it is told to say, and tells what it hears, until nobody tells it any more.
async fn listen(
    by: usize,
    mut socket: Socket,
    mut say: mpsc::UnboundedReceiver<String>,
    tells: mpsc::UnboundedSender<Heard>,
    pings: Arc<Semaphore>,
) -> Socket {
    let tell = |message: &Value, at: Instant| {
        if let Some(seq) = message.pointer("/signal/seq").and_then(Value::as_u64) {
            // Nobody listens only when the measurement has failed.
            let _ = tells.send(Heard { by, seq, at });
        }
    };
    loop {
        tokio::select! {
            text = say.recv() => match text {
                Some(text) => socket.send(&text).await,
                None => break,
            },
            text = socket.next_text() => {
                let at = Instant::now();
                tell(&serde_json::from_str(&text).expect("JSON"), at);
            }
        }
    }
    // What was sent before has come when a ping is answered.
    let _turn = pings.acquire().await.expect("it is never closed");
    for message in socket.heard().await {
        tell(&message, Instant::now());
    }
    socket
}

/// Two members, one of whom signals to the other or to both, one signal after the other, as a table.
pub(super) async fn one_by_one(stack: &Stack, project: &Project<'_>) -> String {
    eprintln!("Signals one by one.");
    let session = project.routed().await;
    let (mut ada, _) = project.join_named(&session, "publisher", "ada", false).await;
    let (mut bob, _) = project.join_named(&session, "publisher", "bob", false).await;
    let all = json!({ "type": "chat", "data": TEXT });
    let one = json!({ "type": "chat", "data": TEXT, "to": "bob" });
    let mut text = String::from(
        "### Signals one by one\n\n\
         From one of two sockets to the other, each when the last has been heard, and the invocation of `signal` in it. \
         Milliseconds.\n\n\
         | To | p50 | p99 | p99.9 | Slowest | Signals | `signal` p50 / p99 |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for (to, request) in [("all", signal(&all)), ("one", signal(&one))] {
        let mut times: Vec<Duration> = Vec::with_capacity(ONE_BY_ONE);
        for number in 0..WARM_UP + ONE_BY_ONE {
            if number == WARM_UP {
                record::forget(stack).await;
            }
            let start = Instant::now();
            ada.send(&request).await;
            bob.next_of("signal").await;
            if number >= WARM_UP {
                times.push(start.elapsed());
            }
            // What was said to all is heard by its sender too.
            if to == "all" {
                ada.next_of("signal").await;
            }
        }
        let records = record::all(stack).await;
        let inside = records.iter().filter(|record| record.function == "signal");
        let inside = Sample::new(inside.map(|record| record.duration_ms));
        let times = Sample::of_times(times);
        writeln!(
            text,
            "| {to} | {} | {} | {} | {} | {} | {} / {} |",
            times.p50(),
            times.p99(),
            times.p999(),
            times.max(),
            grouped(times.len()),
            inside.p50(),
            inside.p99(),
        )
        .expect(WRITES);
    }
    text
}

/// A request without an answer, unless it is refused.
fn signal(data: &Value) -> String {
    json!({ "action": "signal", "data": data }).to_string()
}
