//! One of many leaves, and everybody is told.

use std::time::{Duration, Instant};

use arbiter_tests::{Room, Socket, Stack};
use futures::StreamExt as _;
use serde_json::json;

use crate::quiet_stack;
use crate::statistics::{Sample, grouped};

/// Members of the room.
const MEMBERS: usize = 500;
/// How many of them leave, one after the other.
const ROUNDS: usize = 10;
/// How long a notice is waited for before it is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Members that join at once.
const JOIN_AT_ONCE: usize = 8;

/// The time until the last one knows, as a table.
pub(crate) async fn measure() -> String {
    eprintln!("A room of {MEMBERS} members.");
    let stack = quiet_stack().start().await;
    let (room, sfu) = Room::claimed(&stack, "/hall").await;
    let joining = (0..MEMBERS).map(|i| {
        let (stack, hall) = (&stack, &room);
        async move { stack.join(&hall.id, &format!("member-{i}")).await }
    });
    let members: Vec<Socket> = futures::stream::iter(joining).buffered(JOIN_AT_ONCE).collect().await;
    let (times, lost) = rounds(&stack, &room, members, sfu).await;
    let sample = Sample::of_times(times);
    format!(
        "### Fan-out\n\n\
         One of {MEMBERS} members leaves; from its request until the last of the others and the SFU has its \
         `clientDisconnect`,\n{ROUNDS} times, milliseconds.\n\n\
         | Fastest | p50 | Slowest | Notices | Lost |\n|--:|--:|--:|--:|--:|\n\
         | {} | {} | {} | {} | {} |\n",
        sample.min(),
        sample.p50(),
        sample.max(),
        grouped(ROUNDS * MEMBERS),
        if lost == 0 { "none".into() } else { format!("**{lost}**") },
    )
}

/// Lets one member after the other leave. Answers with the times to the last notice, and how many never came.
async fn rounds(stack: &Stack, room: &Room, mut members: Vec<Socket>, sfu: Socket) -> (Vec<Duration>, usize) {
    members.push(sfu);
    let (mut times, mut lost) = (vec![], 0);
    for round in 0..ROUNDS {
        let mut leaver = members.remove(0);
        let start = Instant::now();
        leaver.send(&json!({ "action": "leave" }).to_string()).await;
        let told = members.iter_mut().map(|member| async {
            tokio::time::timeout(PATIENCE, member.next_of("clientDisconnect"))
                .await
                .ok()
                .map(|_| start.elapsed())
        });
        let told = futures::future::join_all(told).await;
        lost += told.iter().filter(|time| time.is_none()).count();
        times.extend(told.into_iter().flatten().max());
        // Somebody else comes in its place, before the SFU at the end.
        leaver.close(1000).await;
        let newcomer = stack.join(&room.id, &format!("newcomer-{round}")).await;
        members.insert(members.len() - 1, newcomer);
    }
    (times, lost)
}
