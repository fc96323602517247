//! What each function asks of AWS, once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arbiter_tests::{Room, Stack, until};
use serde_json::json;

use crate::record::{self, Call, Record};
use crate::statistics::grouped;
use crate::{WRITES, quiet_stack};

/// What the design allows: operations, and how often.
pub(crate) type Design = &'static [(&'static str, usize)];

pub(crate) struct Step {
    what: &'static str,
    design: Design,
    record: Record,
}

/// Takes the steps one by one, so that every invocation is known by name.
pub(crate) struct Steps<'a> {
    stack: &'a Stack,
    pub(crate) taken: Vec<Step>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(stack: &'a Stack) -> Self {
        Self { stack, taken: vec![] }
    }

    /// Waits for the invocation of `function` that what was done since the last step has caused.
    pub(crate) async fn took(&mut self, what: &'static str, function: &str, design: Design) {
        self.saw(what, function, design).await;
        record::forget(self.stack).await;
    }

    /// The same, where what it has caused in turn is waited for next.
    async fn saw(&mut self, what: &'static str, function: &str, design: Design) {
        let record = until(what, async || {
            record::all(self.stack).await.into_iter().find(|record| record.function == function)
        })
        .await;
        self.taken.push(Step { what, design, record });
    }
}

/// Calls and bytes of one invocation of each kind, as a table.
pub(crate) async fn measure() -> String {
    eprintln!("Calls of each function.");
    let stack = quiet_stack().start().await;
    let mut taken = steps(&stack).await;
    drop(stack);
    // With one room to be kept warm, and a TURN server.
    let turn = "turn:turn.example.com:3478";
    let stack = quiet_stack().parameter("IdleRooms", "1").parameter("TurnUrls", turn).start().await;
    taken.extend(steps_of_warm_rooms(&stack).await);
    table("Calls of one invocation", &taken)
}

async fn steps_of_warm_rooms(stack: &Stack) -> Vec<Step> {
    let mut steps = Steps::new(stack);
    let (room, _sfu) = Room::unclaimed(stack).await;
    record::forget(stack).await;
    stack.claim("/a").await;
    let asks: Design = &[("Query", 1), ("SendMessage", 1), ("TransactWriteItems", 1)];
    steps.saw("claimRoom, the last warm room", "claim-room", asks).await;
    // Two looks: at the pool that is short, and at the one that is full.
    let refills: Design = &[("GetItem", 1), ("Query", 2), ("RunTask", 1), ("TransactWriteItems", 1)];
    stack.claim("/b").await;
    steps.took("refill, of one room", "refill", refills).await;
    let mut client = stack.connect().await;
    let identified = client.identify(&room.id, "ada").await;
    record::forget(stack).await;
    let id = identified.get("connectionId").and_then(|id| id.as_str()).expect("an id").replace('=', "%3D");
    stack.http(reqwest::Method::GET, &format!("/iceServers?connectionId={id}"), None).await;
    steps.took("iceServers, with TURN", "get-ice-servers", &[("GetItem", 1)]).await;
    let (_spare, mut sfu) = Room::unclaimed(stack).await;
    record::forget(stack).await;
    sfu.request("leave", json!({ "ifSpare": true })).await;
    let spare: Design = &[
        ("DeleteItem", 1),
        ("GetItem", 2),
        ("PostToConnection", 1),
        ("Query", 2),
        ("TransactWriteItems", 1),
    ];
    steps.took("leave, a spare SFU", "leave", spare).await;
    steps.taken
}

async fn steps(stack: &Stack) -> Vec<Step> {
    let mut steps = Steps::new(stack);
    let room = Room::pending(stack).await;
    steps.took("createRoom", "create-room", &[("Query", 1), ("RunTask", 1), ("TransactWriteItems", 1)]).await;
    let mut sfu = arbiter_tests::Socket::open(&room.signal_server_url).await.expect("the SFU's socket");
    steps.took("$connect", "connect", &[("PutItem", 1)]).await;
    room.identify_sfu(&mut sfu, &["candidates"]).await;
    let of_sfu: Design = &[("BatchGetItem", 1), ("PostToConnection", 1), ("TransactWriteItems", 1)];
    steps.took("identify, an SFU", "identify", of_sfu).await;
    stack.claim("/a").await;
    steps.took("claimRoom", "claim-room", &[("Query", 1), ("TransactWriteItems", 1)]).await;
    stack.get_room_id("/a").await;
    steps.took("getRoomId", "get-room-id", &[("GetItem", 2)]).await;

    let mut client = stack.join(&room.id, "ada").await;
    let of_client: Design = &[("GetItem", 1), ("PostToConnection", 1), ("TransactWriteItems", 1)];
    steps.took("identify, a client", "identify", of_client).await;
    let mut other = stack.join(&room.id, "bob").await;
    record::forget(stack).await;
    let handshake =
        json!({ "action": "handshake", "data": room.candidate("ada", "candidate:1 1 udp 2122260223") });
    client.send(&handshake.to_string()).await;
    sfu.next_text().await;
    steps.took("handshake, a candidate", "handshake", &[("BatchGetItem", 1), ("PostToConnection", 1)]).await;
    sfu.request("roster", json!({ "roomId": room.id, "peers": ["ada", "bob"] })).await;
    steps.took("roster, of two", "roster", &[("BatchGetItem", 1), ("PostToConnection", 1)]).await;
    client.request("ping", json!({})).await;
    steps.took("ping", "default", &[("PostToConnection", 1)]).await;
    let leaves: Design = &[
        ("DeleteItem", 1),
        ("GetItem", 1),
        ("PostToConnection", 3),
        ("Query", 1),
        ("TransactWriteItems", 1),
    ];
    client.request("leave", json!({})).await;
    steps.took("leave, of three in the room", "leave", leaves).await;
    client.close(1000).await;
    steps.took("$disconnect, of nobody", "disconnect", &[("DeleteItem", 1), ("GetItem", 1)]).await;
    other.request("ping", json!({})).await;
    record::forget(stack).await;
    other.cut();
    let ends: Design = &[
        ("DeleteItem", 1),
        ("GetItem", 1),
        ("PostToConnection", 1),
        ("Query", 1),
        ("TransactWriteItems", 1),
    ];
    steps.took("$disconnect, of two in the room", "disconnect", ends).await;
    steps.taken
}

pub(crate) fn table(title: &str, steps: &[Step]) -> String {
    let mut text = format!(
        "### {title}\n\n\
         Counted at the wire; bytes are those of the bodies, sent and received.\n\n\
         | Invocation | Calls | DynamoDB | Posts and others | As designed |\n|---|---|--:|--:|---|\n",
    );
    for Step { what, design, record } in steps {
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &record.calls {
            *counted.entry(call.operation.as_str()).or_default() += 1;
        }
        let list = |counts: &mut dyn Iterator<Item = (&str, usize)>| {
            let times =
                |(name, n): (&str, usize)| if n == 1 { name.to_owned() } else { format!("{n} {name}") };
            counts.map(times).collect::<Vec<_>>().join(", ")
        };
        let counts = list(&mut counted.iter().map(|(name, n)| (*name, *n)));
        let allowed = list(&mut design.iter().copied());
        let verdict = if counts == allowed { "yes".to_owned() } else { format!("**no**: {allowed}") };
        let (database, others): (Vec<_>, Vec<_>) =
            record.calls.iter().partition(|call| call.service == "dynamodb");
        writeln!(text, "| {what} | {counts} | {} | {} | {verdict} |", bytes(&database), bytes(&others))
            .expect(WRITES);
    }
    text
}

fn bytes(calls: &[&Call]) -> String {
    let sum = |size: fn(&Call) -> usize| grouped(calls.iter().map(|call| size(call)).sum());
    if calls.is_empty() {
        return "–".into();
    }
    format!("{} / {}", sum(|call| call.request_bytes), sum(|call| call.response_bytes))
}
