//! A session fills.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use arbiter_tests::{Project, Socket};
use futures::StreamExt as _;
use serde_json::Value;

use super::{AT_ONCE, PATIENCE};
use crate::WRITES;
use crate::statistics::{Sample, grouped};

/// Connections of a session in which nobody hears who comes and goes …
const MANY: usize = if cfg!(debug_assertions) { 100 } else { 1_000 };
/// … and of one in which everybody does.
const SOME: usize = if cfg!(debug_assertions) { 20 } else { 100 };

/// Somebody who has joined.
struct Member {
    socket: Socket,
    /// What it was told.
    identified: Value,
    took: Duration,
}

/// Times and rates of joining, as a table; everybody in the large session, and everybody else.
pub(super) async fn measure(project: &Project<'_>) -> (String, Vec<Socket>, Vec<Socket>) {
    // So that no process is started meanwhile.
    let first = fill(project, &project.routed().await, AT_ONCE, true).await;
    let mut others: Vec<Socket> = first.into_iter().map(|member| member.socket).collect();
    eprintln!("A session of {SOME}, in which each hears of each.");
    let session = project.routed().await;
    let start = Instant::now();
    let some = fill(project, &session, SOME, false).await;
    let joined = start.elapsed();
    let times = Sample::of_times(some.iter().map(|member| member.took));
    let some = some.into_iter().map(|member| everybody_else(member, start));
    let known = futures::future::join_all(some).await;
    let settled = known.iter().map(|(_, known)| known.at).max().unwrap_or_default();
    let pinging = known.into_iter().map(|(socket, known)| whatever_else(socket, known));
    let (sockets, known): (Vec<Socket>, Vec<Known>) =
        futures::stream::iter(pinging).buffer_unordered(AT_ONCE).unzip().await;
    others.extend(sockets);
    let missing: usize = known.iter().map(|known| (SOME - 1).saturating_sub(known.others.len())).sum();
    let twice: usize =
        known.iter().map(|known| known.came.values().filter(|count| **count > 1).count()).sum();

    eprintln!("A session of {}.", grouped(MANY));
    let session = project.routed().await;
    let start = Instant::now();
    let many = fill(project, &session, MANY, true).await;
    let mut text = format!(
        "### Joining a session\n\n\
         A socket is opened and identified in one session, {AT_ONCE} at once. Of {SOME} each hears of each other: who was \
         there\nbefore, and who came after.\n\n\
         | Connections | Connection events | All have joined | Joins a second | One join, ms: p50 | p99 | Slowest |\n\
         |--:|---|--:|--:|--:|--:|--:|\n",
    );
    let times_of_many = Sample::of_times(many.iter().map(|member| member.took));
    for (count, events, took, times) in
        [(SOME, "to everybody", joined, &times), (MANY, "suppressed", start.elapsed(), &times_of_many)]
    {
        let seconds = took.as_secs_f64();
        let rate = u32::try_from(count).map_or(0.0, f64::from) / seconds;
        writeln!(
            text,
            "| {} | {events} | {seconds:.2} s | {rate:.0} | {} | {} | {} |",
            grouped(count),
            times.p50(),
            times.p99(),
            times.max(),
        )
        .expect(WRITES);
    }
    let none = |count: usize| if count == 0 { "none".into() } else { format!("**{}**", grouped(count)) };
    writeln!(
        text,
        "\nEach of the {SOME} knew of the {} others {:.2} s after the first had begun to join. Of {} things to know, {} \
         missing and\n{} told twice.",
        SOME - 1,
        settled.as_secs_f64(),
        grouped(SOME * (SOME - 1)),
        none(missing),
        none(twice),
    )
    .expect(WRITES);
    (text, many.into_iter().map(|member| member.socket).collect(), others)
}

/// Lets so many join, as fast as they are let in.
async fn fill(project: &Project<'_>, session: &str, count: usize, suppressed: bool) -> Vec<Member> {
    let joining = (0..count).map(|number| async move {
        let id = format!("member-{number}");
        let start = Instant::now();
        let (socket, identified) = project.join_named(session, "publisher", &id, suppressed).await;
        Member { socket, identified, took: start.elapsed() }
    });
    futures::stream::iter(joining).buffered(AT_ONCE).collect().await
}

/// What somebody knows of the others.
#[derive(Default)]
struct Known {
    others: HashSet<String>,
    /// How often it was told of the coming of each. That somebody who came is also among those who were there is how it
    /// is meant: whoever comes at the same moment is told either way.
    came: HashMap<String, usize>,
    /// When it knew of everybody, or gave up waiting.
    at: Duration,
}

impl Known {
    fn hear(&mut self, message: &Value) {
        self.others.extend(listed(message));
        if let Some(id) = message.pointer("/connection/connectionId").and_then(Value::as_str)
            && message.get("type").and_then(Value::as_str) == Some("connectionCreated")
        {
            self.others.insert(id.to_owned());
            *self.came.entry(id.to_owned()).or_default() += 1;
        }
    }
}

/// Waits until somebody knows of everybody else.
async fn everybody_else(member: Member, start: Instant) -> (Socket, Known) {
    let Member { mut socket, identified, .. } = member;
    let mut known = Known::default();
    known.hear(&identified);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while known.others.len() + 1 < SOME {
        let Ok(message) = tokio::time::timeout_at(deadline, socket.next()).await else { break };
        known.hear(&message);
    }
    known.at = start.elapsed();
    (socket, known)
}

/// What was sent before has come when a ping is answered.
async fn whatever_else(mut socket: Socket, mut known: Known) -> (Socket, Known) {
    for message in socket.heard().await {
        known.hear(&message);
    }
    (socket, known)
}

/// Who is in a message's list of connections.
fn listed(message: &Value) -> HashSet<String> {
    let list = message.get("connections").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|one| one.get("connectionId")?.as_str().map(str::to_owned)).collect()
}
