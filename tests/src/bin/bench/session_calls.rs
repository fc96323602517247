//! What each function asks of AWS in a session, once.

use arbiter_tests::{Project, Room, Socket, Stack};
use reqwest::Method;
use serde_json::{Value, json};

use crate::calls::{self, Design, Step, Steps};
use crate::quiet_stack;
use crate::record;

/// Calls and bytes of one invocation of each kind, as a table.
pub(crate) async fn measure() -> String {
    eprintln!("Calls of each function in a session.");
    let stack = quiet_stack().start().await;
    let steps = Box::pin(steps(&stack)).await;
    calls::table("Calls of one invocation in a session", &steps)
}

/// Three in a session, who signal, and whom a moderator ends.
async fn steps(stack: &Stack) -> Vec<Step> {
    let project = Project::create(stack).await;
    warm_up(&project).await;
    record::forget(stack).await;
    let mut steps = Steps::new(stack);
    let session = project.routed().await;
    steps.took("create a session, REST", "session-api", &[("PutItem", 1)]).await;

    let join = async |id: &str, role: &str| {
        let (socket, _) = project.join_named(&session, role, id, false).await;
        socket
    };
    let mut ada = join("ada", "moderator").await;
    let first: Design =
        &[("DeleteItem", 1), ("PostToConnection", 1), ("Query", 1), ("TransactWriteItems", 1)];
    steps.took("identify, the first in a session", "identify", first).await;
    let mut bob = join("bob", "publisher").await;
    record::forget(stack).await;
    let mut cleo = join("cleo", "publisher").await;
    let third: Design =
        &[("DeleteItem", 1), ("PostToConnection", 3), ("Query", 1), ("TransactWriteItems", 1)];
    steps.took("identify, the third in a session", "identify", third).await;

    let said = json!({ "type": "chat", "data": "hello" });
    ada.send(&request("signal", &said)).await;
    let to_all: Design = &[("PostToConnection", 3), ("Query", 1), ("UpdateItem", 1)];
    steps.took("signal, to all three", "signal", to_all).await;
    bob.send(&request("signal", &json!({ "type": "chat", "data": "hello", "to": "ada" }))).await;
    let to_one: Design = &[("GetItem", 1), ("PostToConnection", 1), ("UpdateItem", 1)];
    steps.took("signal, to one", "signal", to_one).await;
    cleo.request("reportIssue", json!({ "text": "I hear nobody." })).await;
    let report: Design = &[("GetItem", 1), ("PostToConnection", 1), ("PutItem", 1), ("UpdateItem", 1)];
    steps.took("reportIssue", "report-issue", report).await;
    streams(&mut steps, stack, &mut ada, &mut cleo).await;
    ada.send(&request("forceDisconnect", &json!({ "connectionId": "cleo" }))).await;
    let ends: Design = &[
        ("DeleteConnection", 1),
        ("DeleteItem", 1),
        ("GetItem", 2),
        ("PostToConnection", 3),
        ("Query", 1),
        ("TransactWriteItems", 1),
    ];
    steps.took("forceDisconnect, of one of three", "moderate", ends).await;
    drop(cleo);

    rest(&mut steps, &project, &session, &said).await;
    let dora = join("dora", "publisher").await;
    record::forget(stack).await;
    let path = "/connection/dora";
    assert_eq!(project.rest(Method::DELETE, &session, path, None).await.0, 204);
    steps.took("force disconnect of one of three, REST", "session-api", ends).await;
    drop(dora);

    media(&mut steps, stack, &session, &mut bob).await;
    relayed(&mut steps, stack, &project).await;
    steps.taken
}

/// Two in a relayed session, one of whom publishes.
async fn relayed(steps: &mut Steps<'_>, stack: &Stack, project: &Project<'_>) {
    let session = project.session("p2p.preference=enabled").await;
    let (mut eve, _) = project.join_named(&session, "publisher", "eve", false).await;
    let (mut fay, _) = project.join_named(&session, "publisher", "fay", false).await;
    eve.request("publish", json!({ "streamId": "evescam1~eve" })).await;
    record::forget(stack).await;
    fay.send(&request("subscribe", &json!({ "streamId": "evescam1~eve" }))).await;
    eve.next_of("subscription").await;
    let asked: Design =
        &[("BatchGetItem", 1), ("GetItem", 1), ("PostToConnection", 1), ("Query", 1), ("UpdateItem", 1)];
    steps.took("subscribe, in a relayed session", "subscribe", asked).await;
    let candidate = json!({
        "type": "consumer", "sender": "fay", "receiver": "eve", "roomId": session,
        "candidate": { "candidate": "candidate:1 1 udp 2122260223" },
    });
    fay.send(&request("handshake", &candidate)).await;
    eve.next_of("consumer").await;
    let relay: Design = &[("BatchGetItem", 1), ("PostToConnection", 1), ("Query", 1), ("UpdateItem", 1)];
    steps.took("handshake, from client to client", "handshake", relay).await;
}

/// Cleo publishes; three are in the session, and no SFU.
async fn streams(steps: &mut Steps<'_>, stack: &Stack, ada: &mut Socket, cleo: &mut Socket) {
    let stream = json!({ "streamId": "cleocam1~cleo" });
    cleo.request("publish", stream.clone()).await;
    let told: Design = &[
        ("BatchGetItem", 1),
        ("DeleteItem", 1),
        ("PostToConnection", 3),
        ("Query", 1),
        ("TransactWriteItems", 1),
        ("UpdateItem", 1),
    ];
    steps.took("publish, in a session of three", "publish", told).await;
    cleo.request("updateStream", json!({ "streamId": "cleocam1~cleo", "hasAudio": false })).await;
    steps.took("updateStream, in a session of three", "publish", told).await;
    ada.request("subscribe", stream.clone()).await;
    // There is no SFU: what is posted is the refusal.
    let asked: Design = &[("BatchGetItem", 1), ("PostToConnection", 1), ("UpdateItem", 1)];
    steps.took("subscribe", "subscribe", asked).await;
    ada.request("unsubscribe", stream.clone()).await;
    steps.took("unsubscribe", "subscribe", asked).await;
    cleo.request("updateStream", json!({ "streamId": "cleocam1~cleo", "hasAudio": true })).await;
    record::forget(stack).await;
    ada.request("forceMuteStream", stream.clone()).await;
    let muted: Design = &[
        ("BatchGetItem", 1),
        ("DeleteItem", 1),
        ("GetItem", 1),
        ("PostToConnection", 4),
        ("Query", 1),
        ("TransactWriteItems", 1),
    ];
    steps.took("forceMuteStream, in a session of three", "moderate", muted).await;
    cleo.request("updateStream", json!({ "streamId": "cleocam1~cleo", "hasAudio": true })).await;
    record::forget(stack).await;
    ada.request("forceMuteAll", json!({})).await;
    let all: Design = &[
        ("DeleteItem", 1),
        ("GetItem", 2),
        ("PostToConnection", 4),
        ("Query", 1),
        ("TransactWriteItems", 1),
        ("UpdateItem", 1),
    ];
    steps.took("forceMuteAll, in a session of three with a stream", "moderate", all).await;
    ada.request("disableForceMute", json!({})).await;
    let over: Design = &[
        ("DeleteItem", 1),
        ("GetItem", 2),
        ("PostToConnection", 4),
        ("Query", 1),
        ("TransactWriteItems", 1),
    ];
    steps.took("disableForceMute, in a session of three", "moderate", over).await;
    cleo.request("unpublish", stream).await;
    steps.took("unpublish, in a session of three", "publish", told).await;
    cleo.request("publish", json!({ "streamId": "cleocam2~cleo" })).await;
    record::forget(stack).await;
    ada.request("forceUnpublish", json!({ "streamId": "cleocam2~cleo" })).await;
    steps.took("forceUnpublish, in a session of three", "moderate", muted).await;
    record::forget(stack).await;
}

/// Functions read a project when they first meet it, and keep it: here they all have.
async fn warm_up(project: &Project<'_>) {
    let session = project.routed().await;
    for id in ["a", "b", "c", "d"] {
        project.join_named(&session, "publisher", id, false).await;
    }
}

/// Two are in the session.
async fn rest(steps: &mut Steps<'_>, project: &Project<'_>, session: &str, said: &Value) {
    let call = async |method: Method, path: &str, body: Option<&Value>| {
        project.rest(method, session, path, body.cloned()).await.0
    };
    assert_eq!(call(Method::POST, "/signal", Some(said)).await, 204);
    let to_all: Design = &[("PostToConnection", 2), ("Query", 1)];
    steps.took("signal to both, REST", "session-api", to_all).await;
    assert_eq!(call(Method::POST, "/connection/ada/signal", Some(said)).await, 204);
    let to_one: Design = &[("BatchGetItem", 1), ("PostToConnection", 1)];
    steps.took("signal to one, REST", "session-api", to_one).await;
    assert_eq!(call(Method::GET, "/connection", None).await, 200);
    steps.took("list of connections, REST", "session-api", &[("Query", 1)]).await;
    assert_eq!(call(Method::GET, "/stream", None).await, 200);
    steps.took("list of streams, REST", "session-api", &[("Query", 1)]).await;
}

/// The first publisher of a session claims an SFU; ada and bob are there.
async fn media(steps: &mut Steps<'_>, stack: &Stack, session: &str, bob: &mut Socket) {
    let (_room, mut sfu) = Room::unclaimed(stack).await;
    record::forget(stack).await;
    let candidate = json!({
        "type": "producer", "sender": "bob", "roomId": session,
        "candidate": { "candidate": "candidate:1 1 udp 2122260223" },
    });
    let offer = json!({
        "type": "producer", "sender": "bob", "roomId": session,
        "description": { "type": "offer", "sdp": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n" },
    });
    bob.send(&request("handshake", &offer)).await;
    sfu.next_text().await;
    let claims: Design = &[
        ("BatchGetItem", 1),
        ("DeleteItem", 1),
        ("GetItem", 2),
        ("PostToConnection", 3),
        ("Query", 2),
        ("TransactWriteItems", 1),
    ];
    steps.took("handshake, the first of a session: it claims", "handshake", claims).await;
    bob.send(&request("handshake", &candidate)).await;
    sfu.next_text().await;
    let relay: Design = &[("BatchGetItem", 1), ("PostToConnection", 1)];
    steps.took("handshake of a session, a candidate", "handshake", relay).await;
}

/// A request without an answer, unless it is refused.
fn request(action: &str, data: &Value) -> String {
    json!({ "action": action, "data": data }).to_string()
}
