//! A socket is lost, and somebody wants the place: it is held for its member.

use arbiter_tests::{Project, Room, Socket, Stack, until};
use reqwest::Method;
use serde_json::{Value, json};

const OWN: &str = "a resume token of alice's";
const ANOTHER: &str = "a resume token of mallory's";

fn client(room: &str, peer: &str, resume_token: Option<&str>) -> Value {
    json!({ "type": "client", "id": peer, "roomId": room, "resumeToken": resume_token })
}

fn refusal(answer: &Value) -> (u64, &str) {
    (answer["status"].as_u64().unwrap_or_default(), answer["code"].as_str().unwrap_or_default())
}

const IN_USE: (u64, &str) = (409, "peer_in_use");

async fn identified(stack: &Stack, data: Value) -> Socket {
    let mut socket = stack.connect().await;
    let answer = socket.request("identify", data).await;
    assert_eq!(answer["type"], "identified", "{answer}");
    socket
}

async fn answer(stack: &Stack, data: Value) -> (Socket, Value) {
    let mut socket = stack.connect().await;
    let answer = socket.request("identify", data).await;
    (socket, answer)
}

async fn held(stack: &Stack) -> Vec<Value> {
    let mut items = stack.rooms("PEER#").await;
    items.retain(|item| item["pk"].as_str().unwrap().starts_with("HELD#"));
    items
}

async fn members(stack: &Stack) -> usize {
    stack.rooms("PEER#").await.len() - held(stack).await.len()
}

/// Moves a held place's end into the past, as five minutes would.
async fn five_minutes_pass(stack: &Stack) {
    let item = held(stack).await.remove(0);
    let table = stack.admin("/tables/RoomsTable").await["name"].clone();
    let update = json!({
        "TableName": table,
        "Key": { "pk": { "S": item["pk"] }, "sk": { "S": item["sk"] } },
        "UpdateExpression": "SET heldUntil = heldUntil - :minutes",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": { ":minutes": { "N": "300000" } },
    });
    let request = reqwest::Client::new()
        .post(&stack.urls.dynamodb_url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
        .body(update.to_string());
    assert!(request.send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn who_hears_that_somebody_is_lost_cannot_become_it() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut mallory = stack.join(&room.id, "mallory").await;
    let mut thief = stack.connect().await;
    let alice = identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    alice.cut();
    assert_eq!(mallory.next_of("clientDisconnect").await["reason"], "lost");
    for token in [None, Some(ANOTHER)] {
        let refused = thief.request("identify", client(&room.id, "alice", token)).await;
        assert_eq!(refusal(&refused), IN_USE, "{refused}");
    }
    assert_eq!(members(&stack).await, 1, "mallory alone");
    sfu.next_of("clientDisconnect").await;
    let absent = sfu.request("handshake", room.candidate_to("alice", "c")).await;
    assert_eq!(absent["code"], "peer_not_found");

    let mut alice = identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    assert_eq!(alice.request("handshake", room.candidate("alice", "c")).await["type"], "ack");
    assert_eq!(refusal(&thief.request("identify", client(&room.id, "alice", None)).await), IN_USE);
    assert_eq!((members(&stack).await, held(&stack).await.len()), (2, 0));

    // Lost once more, and for so long that it is anybody's.
    alice.cut();
    mallory.next_of("clientDisconnect").await;
    assert_eq!(refusal(&thief.request("identify", client(&room.id, "alice", None)).await), IN_USE);
    five_minutes_pass(&stack).await;
    let answer = thief.request("identify", client(&room.id, "alice", None)).await;
    assert_eq!(answer["type"], "identified", "{answer}");
}

#[tokio::test]
async fn nothing_is_held_for_who_leaves_or_gave_no_resume_token() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut other = stack.join(&room.id, "other").await;
    identified(&stack, client(&room.id, "alice", None)).await.cut();
    assert_eq!(other.next_of("clientDisconnect").await["reason"], "lost");
    let mut alice = identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    assert_eq!(alice.request("leave", json!({})).await["type"], "ack");
    let closed = identified(&stack, client(&room.id, "alice", Some(ANOTHER))).await;
    other.next_of("clientDisconnect").await;
    closed.close(1000).await;
    assert_eq!(other.next_of("clientDisconnect").await["reason"], "left");
    identified(&stack, client(&room.id, "alice", Some(OWN))).await;
}

/// Nobody was told of the loss: whoever wants the place has the holder probed, and ends its stay.
#[tokio::test]
async fn who_finds_a_holder_gone_does_not_get_its_place() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    identified(&stack, client(&room.id, "alice", Some(OWN))).await.cut();
    until("the socket is closed", async || {
        (stack.admin("/state").await["connections"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let (_thief, refused) = answer(&stack, client(&room.id, "alice", Some(ANOTHER))).await;
    assert_eq!(refusal(&refused), IN_USE, "{refused}");
    assert_eq!(sfu.next().await["reason"], "lost");
    identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    assert_eq!(sfu.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn in_a_session_others_hear_who_has_come_back_and_nobody_else_can() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "0").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut witness, _) = project.join(&session, "moderator", &json!({ "id": "witness" })).await;
    let token =
        |role: &str, data: &str| project.token(&session, &json!({ "role": role, "connection_data": data }));
    let own = token("moderator", "name=Alice");
    let alice =
        |resume: &str| project.identity(&session, &own, &json!({ "id": "alice", "resumeToken": resume }));
    let lost = identified(&stack, alice(OWN)).await;
    let first = witness.next_of("connectionCreated").await;
    assert_eq!(first.get("resumed"), None, "{first}");
    let mut thief = stack.connect().await;
    lost.cut();
    let destroyed = witness.next_of("connectionDestroyed").await;
    assert_eq!(destroyed["reason"], "networkDisconnected");

    let mallory = token("subscriber", "name=Mallory");
    let as_alice = project.identity(&session, &mallory, &json!({ "id": "alice", "resumeToken": ANOTHER }));
    let refused = thief.request("identify", as_alice.clone()).await;
    assert_eq!((refusal(&refused), &refused["otc"]["number"]), (IN_USE, &json!(1015)), "{refused}");
    // What was held is nobody, for whoever reads.
    let signal = witness.request("signal", json!({ "data": "a secret", "to": "alice" })).await;
    assert_eq!(refusal(&signal), (404, "peer_not_found"));
    let (status, listed) = project.rest(Method::GET, &session, "/connection", None).await;
    assert_eq!((status, &listed["count"]), (200, &json!(1)), "{listed}");
    let counted = stack.rooms("SESSION").await;
    assert_eq!(counted[0]["connections"], 1);

    // By its resume token, and by a token that signs the same identity.
    for resume in [OWN, "a new one, after a reload"] {
        let back = identified(&stack, alice(resume)).await;
        let created = witness.next_of("connectionCreated").await;
        assert_eq!(created["resumed"], true, "{created}");
        assert_eq!(created["connection"]["data"], "name=Alice");
        assert_ne!(created["connection"]["creationTime"], first["connection"]["creationTime"]);
        assert_eq!(refusal(&thief.request("identify", as_alice.clone()).await), IN_USE);
        back.cut();
        witness.next_of("connectionDestroyed").await;
    }
    five_minutes_pass(&stack).await;
    assert_eq!(thief.request("identify", as_alice).await["type"], "identified");
    let created = witness.next_of("connectionCreated").await;
    assert_eq!((&created["connection"]["data"], created.get("resumed")), (&json!("name=Mallory"), None));
}

#[tokio::test]
async fn who_is_sent_away_has_no_place_to_come_back_to() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "0").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut moderator, _) = project.join(&session, "moderator", &json!({ "id": "moderator" })).await;
    let token = project.token(&session, &json!({ "connection_data": "name=Alice" }));
    let own = project.identity(&session, &token, &json!({ "id": "alice", "resumeToken": OWN }));
    let nobody = project.token(&session, &json!({}));
    let other = project.identity(&session, &nobody, &json!({ "id": "alice" }));
    let force = json!({ "connectionId": "alice" });
    let path = "/connection/alice";

    let mut there = identified(&stack, own.clone()).await;
    assert_eq!(moderator.request("forceDisconnect", force.clone()).await["type"], "ack");
    there.closed().await;
    stack.invoked("disconnect", 1).await;
    assert_eq!(held(&stack).await.len(), 0);
    // It may come as anybody may; and others hear of no return.
    let lost = identified(&stack, own.clone()).await;
    let created = moderator.next_of("connectionCreated").await;
    assert_eq!(created.get("resumed"), None);
    lost.cut();
    until("its place is held", async || (held(&stack).await.len() == 1).then_some(())).await;
    assert_eq!(moderator.request("forceDisconnect", force.clone()).await["type"], "ack");
    let gone = moderator.request("forceDisconnect", force.clone()).await;
    assert_eq!(refusal(&gone), (404, "peer_not_found"));
    identified(&stack, other.clone()).await.close(1000).await;
    // The same by REST.
    identified(&stack, own).await.cut();
    until("its place is held", async || (held(&stack).await.len() == 1).then_some(())).await;
    assert_eq!(refusal(&answer(&stack, other.clone()).await.1), IN_USE);
    assert_eq!(project.rest(Method::DELETE, &session, path, None).await.0, 204);
    assert_eq!(project.rest(Method::DELETE, &session, path, None).await.0, 404);
    identified(&stack, other).await;
}

#[tokio::test]
async fn a_token_of_a_session_may_say_who_its_bearer_is() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "0").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let bound = project.token(&session, &json!({ "peerId": "alice" }));
    let as_another = project.identity(&session, &bound, &json!({ "id": "bob" }));
    let refused = answer(&stack, as_another).await.1;
    assert_eq!(refusal(&refused), (403, "forbidden"));
    assert_eq!(refused["message"], "id: must be the token's peerId");
    let no_id = project.token(&session, &json!({ "peerId": "not an id" }));
    assert_eq!(refusal(&answer(&stack, project.identity(&session, &no_id, &json!({}))).await.1).0, 401);

    // Without an id it is the token's. Whoever is bound to the id has what is held of it.
    let (socket, identified) = answer(&stack, project.identity(&session, &bound, &json!({}))).await;
    assert_eq!(identified["connection"]["connectionId"], "alice", "{identified}");
    drop(socket);
    until("it is lost", async || (members(&stack).await == 0).then_some(())).await;
    let free = project.token(&session, &json!({}));
    let with_resume_token = json!({ "id": "alice", "resumeToken": OWN });
    let (alice, _) = answer(&stack, project.identity(&session, &free, &with_resume_token)).await;
    alice.cut();
    until("its place is held", async || (held(&stack).await.len() == 1).then_some(())).await;
    let stranger = project.identity(&session, &free, &json!({ "id": "alice" }));
    assert_eq!(refusal(&answer(&stack, stranger).await.1), IN_USE);
    let (_, back) = answer(&stack, project.identity(&session, &bound, &json!({}))).await;
    assert_eq!(back["type"], "identified", "{back}");
}

/// What a return costs beside an arrival: the transaction that is refused, and says for whom the place is held.
#[tokio::test]
async fn a_loss_and_an_arrival_cost_what_they_did_and_a_return_a_transaction_more() {
    let stack = Stack::start().await;
    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let alice = identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    alice.cut();
    until("its place is held", async || (held(&stack).await.len() == 1).then_some(())).await;
    identified(&stack, client(&room.id, "alice", Some(OWN))).await;
    let operations = async |function: &str, nth: usize| {
        let invocation = stack.invoked(function, nth + 1).await.remove(nth);
        let calls = invocation["calls"].as_array().unwrap().iter();
        let mut names: Vec<_> = calls.map(|call| call["operation"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names.join(" ")
    };
    // The SFU's comes first.
    assert_eq!(operations("identify", 1).await, "GetItem PostToConnection TransactWriteItems");
    assert_eq!(
        operations("identify", 2).await,
        "GetItem PostToConnection TransactWriteItems TransactWriteItems"
    );
    assert_eq!(
        operations("disconnect", 0).await,
        "DeleteItem GetItem PostToConnection Query TransactWriteItems"
    );
}
