//! Sessions: who is let in, as what, and what the others hear of it.

use arbiter_tests::{Project, Room, Socket, Stack, until};
use reqwest::Method;
use serde_json::{Value, json};

/// The pair by which clients tell one stay from another.
fn stay(connection: &Value) -> (String, u64) {
    let id = connection["connectionId"].as_str().unwrap().to_owned();
    (id, connection["creationTime"].as_u64().unwrap())
}

fn otc(error: &Value) -> (u64, &str, u64) {
    let number = error["otc"]["number"].as_u64().unwrap_or_default();
    (error["status"].as_u64().unwrap(), error["code"].as_str().unwrap(), number)
}

#[tokio::test]
async fn a_newcomer_learns_who_is_there_and_the_others_learn_of_it() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut ann = stack.connect().await;
    let token = project.token(
        &session,
        &json!({ "role": "moderator", "connection_data": "name=Ann", "initial_layout_class_list": "focus small" }),
    );
    let first = ann.request("identify", project.identity(&session, &token, &json!({}))).await;
    assert_eq!(first["peerId"], first["connectionId"], "without an id the socket's own is used");
    assert_eq!(first["connection"]["connectionId"], first["peerId"]);
    assert_eq!(first["connection"]["data"], "name=Ann");
    assert_eq!(first["layoutClassList"], json!(["focus", "small"]));
    assert_eq!((&first["mediaMode"], &first["e2ee"]), (&json!("routed"), &json!(false)));
    assert_eq!(first["connections"], json!([]));
    let all = json!({
        "publish": 1, "subscribe": 1, "signal": 1, "forceDisconnect": 1, "forceUnpublish": 1, "forceMute": 1,
    });
    assert_eq!(first["capabilities"], all);

    let (bob, second) = project.join(&session, "subscriber", &json!({ "id": "bob" })).await;
    assert_eq!(second["connections"], json!([first["connection"]]));
    assert_eq!(second["capabilities"]["signal"], 0);
    let created = ann.next_of("connectionCreated").await;
    assert_eq!(created, json!({ "type": "connectionCreated", "connection": second["connection"] }));

    let listed = project.rest(Method::GET, &session, "/connection", None).await;
    assert_eq!((listed.0, &listed.1["count"]), (200, &json!(2)));

    bob.close(1000).await;
    let destroyed = ann.next_of("connectionDestroyed").await;
    assert_eq!(stay(&destroyed["connection"]), stay(&second["connection"]));
    assert_eq!(destroyed["reason"], "clientDisconnected");
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 1);
}

#[tokio::test]
async fn each_way_to_go_has_its_reason() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut watcher, _) = project.join(&session, "moderator", &json!({ "id": "watcher" })).await;
    let reason = async |watcher: &mut Socket, id: &str| {
        let destroyed = watcher.next_of("connectionDestroyed").await;
        assert_eq!(destroyed["connection"]["connectionId"], id);
        destroyed["reason"].as_str().unwrap().to_owned()
    };
    let (socket, _) = project.join(&session, "publisher", &json!({ "id": "cut" })).await;
    socket.cut();
    assert_eq!(reason(&mut watcher, "cut").await, "networkDisconnected");
    let (mut socket, _) = project.join(&session, "publisher", &json!({ "id": "leaver" })).await;
    assert_eq!(socket.request("leave", json!({})).await["type"], "ack");
    assert_eq!(reason(&mut watcher, "leaver").await, "clientDisconnected");
    // The socket may come in again, as a stay of its own.
    let token = project.token(&session, &json!({}));
    let again =
        socket.request("identify", project.identity(&session, &token, &json!({ "id": "leaver" }))).await;
    assert_eq!(again["type"], "identified");

    for by_rest in [false, true] {
        let (mut victim, _) = project.join(&session, "publisher", &json!({ "id": "victim" })).await;
        if by_rest {
            let done = project.rest(Method::DELETE, &session, "/connection/victim", None).await;
            assert_eq!(done, (204, Value::Null));
        } else {
            let done = watcher.request("forceDisconnect", json!({ "connectionId": "victim" })).await;
            assert_eq!(done["type"], "ack", "{done}");
        }
        let told = victim.told_or_closed().await;
        assert_eq!(told.last().unwrap(), &json!({ "type": "goAway", "reason": "forceDisconnected" }));
        victim.closed().await;
        assert_eq!(reason(&mut watcher, "victim").await, "forceDisconnected");
    }
    let gone = project.rest(Method::DELETE, &session, "/connection/victim", None).await;
    assert_eq!(gone.0, 404);
    let gone = watcher.request("forceDisconnect", json!({ "connectionId": "victim" })).await;
    assert_eq!(otc(&gone), (404, "peer_not_found", 0));
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
}

#[tokio::test]
async fn only_moderators_end_what_others_do() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    for role in ["subscriber", "publisher", "publisheronly"] {
        let (mut socket, _) = project.join(&session, role, &json!({ "id": role })).await;
        let refused = socket.request("forceDisconnect", json!({ "connectionId": "subscriber" })).await;
        assert_eq!(otc(&refused), (403, "forbidden", 1520), "{role}");
        let bad = socket.request("forceDisconnect", json!({ "connectionId": "a b" })).await;
        assert_eq!(otc(&bad), (400, "bad_message", 1011));
        let reported = socket.request("reportIssue", json!({ "text": "no sound" })).await;
        assert_eq!(reported["type"], "issueReported");
        let id = reported["issueId"].as_str().unwrap();
        let stored = stack.rooms("ISSUE").await;
        let stored = stored.iter().find(|item| item["pk"] == format!("ISSUE#{id}")).unwrap();
        assert_eq!((&stored["text"], &stored["connectionId"]), (&json!("no sound"), &json!(role)));
        let empty = socket.request("reportIssue", json!({ "text": "" })).await;
        assert_eq!(otc(&empty), (400, "bad_message", 1011));
    }
    let mut nobody = stack.connect().await;
    for action in ["signal", "forceDisconnect", "reportIssue"] {
        let data = json!({ "connectionId": "x", "text": "x" });
        assert_eq!(otc(&nobody.request(action, data).await), (400, "connection_not_found", 1010), "{action}");
    }
}

/// Also where the route is not one of sessions alone, and before anybody has looked at who sends.
#[tokio::test]
async fn whatever_is_refused_in_a_session_has_opentoks_number() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut member, _) = project.join(&session, "subscriber", &json!({ "id": "p" })).await;
    let bad = member.request("handshake", json!({ "type": "sideways" })).await;
    assert_eq!(otc(&bad), (400, "bad_message", 1011));
    let receiver =
        json!({ "type": "consumer", "sender": "p", "receiver": "q", "roomId": session, "candidate": {} });
    assert_eq!(otc(&member.request("handshake", receiver).await), (400, "bad_message", 1011));
    let others = json!({ "type": "producer", "sender": "q", "roomId": session, "candidate": {} });
    assert_eq!(otc(&member.request("handshake", others).await), (403, "forbidden", 0));
    for data in [json!([]), json!({ "ifSpare": 1 }), json!({ "ifSpare": true })] {
        assert_eq!(otc(&member.request("leave", data.clone()).await), (400, "bad_message", 1011), "{data}");
    }
    for action in ["handshake", "leave", "signal", "forceDisconnect", "reportIssue"] {
        member.send(&json!({ "action": action, "requestId": 7, "data": {} }).to_string()).await;
        assert_eq!(otc(&member.next().await), (400, "bad_message", 1011), "{action}");
    }

    let (room, _sfu) = Room::claimed(&stack, "page").await;
    let mut client = stack.join(&room.id, "p").await;
    let bad = client.request("handshake", json!({ "type": "sideways" })).await;
    assert_eq!(otc(&bad), (400, "bad_message", 0), "a room's clients are told no number");
    assert_eq!(otc(&client.request("leave", json!([])).await), (400, "bad_message", 0));
}

#[tokio::test]
async fn a_wrong_key_or_token_is_told_its_number_and_closed() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let other = Project::named(&stack, "47000002").await;
    let (session, elsewhere) = (project.routed().await, project.routed().await);
    let good = project.token(&session, &json!({}));
    let cases = [
        ("no token", json!({ "token": null })),
        ("not a token", json!({ "token": "T1==nonsense" })),
        ("unknown key", json!({ "apiKey": "47999999" })),
        ("no key's shape", json!({ "apiKey": "key" })),
        ("another project's key", json!({ "apiKey": other.api_key })),
        (
            "another project's key and token",
            json!({ "apiKey": other.api_key, "token": other.token(&session, &json!({})) }),
        ),
        ("another project's token", json!({ "token": other.token(&session, &json!({})) })),
        ("another session's token", json!({ "token": project.token(&elsewhere, &json!({})) })),
        ("expired", json!({ "token": project.token(&session, &json!({ "exp": 1_700_000_000 })) })),
        ("another scope", json!({ "token": project.token(&session, &json!({ "scope": "x" })) })),
        ("no such role", json!({ "token": project.token(&session, &json!({ "role": "boss" })) })),
        ("a REST credential", json!({ "token": project.credential() })),
    ];
    for (what, change) in cases {
        let mut socket = stack.connect().await;
        let refused = socket.request("identify", project.identity(&session, &good, &change)).await;
        assert_eq!(otc(&refused), (401, "unauthorized", 1004), "{what}: {refused}");
        assert_eq!(refused["otc"]["name"], "OTC_SESSION_AUTHORIZATION_FAILURE");
        socket.closed().await;
    }
    // A good token for a session that is not there.
    let mut socket = stack.connect().await;
    let token = project.token("1_nowhere", &json!({}));
    let refused = socket.request("identify", project.identity("1_nowhere", &token, &json!({}))).await;
    assert_eq!(otc(&refused), (404, "room_not_found", 1005));
    // Without a key it is no session to anybody.
    let plain = json!({ "type": "client", "id": "eve", "roomId": session });
    let refused = socket.request("identify", plain).await;
    assert_eq!(refused["code"], "room_not_found");
    assert!(stack.rooms("PEER#").await.is_empty());
    let log = stack.log();
    assert!(!log.contains(&good) && !log.contains(&project.secret), "nothing secret is logged");
}

#[tokio::test]
async fn a_session_has_a_limit_that_counts_right() {
    let stack = Stack::with().parameter("SessionConnections", "2").start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (ann, _) =
        project.join(&session, "publisher", &json!({ "id": "ann", "resumeToken": "a".repeat(16) })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    let token = project.token(&session, &json!({}));
    let mut cyd = stack.connect().await;
    let refused = cyd.request("identify", project.identity(&session, &token, &json!({ "id": "cyd" }))).await;
    assert_eq!(otc(&refused), (429, "connection_limit_exceeded", 1027));
    // Taking one's own place over is no further connection, and saying the same again is none either.
    let (_again, _) =
        project.join(&session, "publisher", &json!({ "id": "ann", "resumeToken": "a".repeat(16) })).await;
    let same = bob.request("identify", project.identity(&session, &token, &json!({ "id": "bob" }))).await;
    assert_eq!(same["type"], "identified");
    drop(ann);
    bob.close(1000).await;
    stack.invoked("disconnect", 2).await;
    let let_in = cyd.request("identify", project.identity(&session, &token, &json!({ "id": "cyd" }))).await;
    assert_eq!(let_in["type"], "identified");
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
}

#[tokio::test]
async fn a_planned_reconnect_is_seen_by_nobody() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({})).await;
    let resume = json!({ "id": "ann", "resumeToken": "0123456789abcdef" });
    let (mut old, first) = project.join(&session, "publisher", &resume).await;
    assert_eq!(bob.next_of("connectionCreated").await["connection"], first["connection"]);
    let (mut new, second) = project.join(&session, "publisher", &resume).await;
    assert_eq!(second["connection"], first["connection"], "the stay goes on");
    assert_ne!(second["connectionId"], first["connectionId"]);
    assert_eq!(old.told_or_closed().await.last().unwrap()["reason"], "replaced");
    old.closed().await;
    stack.invoked("disconnect", 1).await;
    assert_eq!(bob.heard().await, Vec::<Value>::new());
    // Its signals have the same name, and its socket's own numbers.
    new.request("signal", json!({ "data": "still me" })).await;
    let heard = bob.next_of("signal").await;
    assert_eq!((&heard["signal"]["from"], &heard["signal"]["seq"]), (&json!("ann"), &json!(1)));
    // A stranger does not take the place.
    let mut eve = stack.connect().await;
    let token = project.token(&session, &json!({}));
    let refused = eve.request("identify", project.identity(&session, &token, &json!({ "id": "ann" }))).await;
    assert_eq!(otc(&refused), (409, "peer_in_use", 1015));
}

#[tokio::test]
async fn who_asked_for_silence_hears_nothing_of_others() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let quiet = json!({ "id": "quiet", "connectionEventsSuppressed": true });
    let (mut quiet, identified) = project.join(&session, "publisher", &quiet).await;
    assert_eq!(identified["connections"], json!([]));
    assert_eq!(ann.next_of("connectionCreated").await["connection"]["connectionId"], "quiet");
    let (bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    ann.next_of("connectionCreated").await;
    bob.close(1000).await;
    ann.next_of("connectionDestroyed").await;
    ann.request("signal", json!({ "type": "chat", "data": "hello" })).await;
    let heard = quiet.heard().await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["type"], "signal");
}

#[tokio::test]
async fn an_encrypted_session_wants_a_secret_and_never_sees_it() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.session("p2p.preference=disabled&e2ee=true").await;
    let token = project.token(&session, &json!({}));
    let mut socket = stack.connect().await;
    let refused = socket.request("identify", project.identity(&session, &token, &json!({ "id": "a" }))).await;
    assert_eq!(otc(&refused), (400, "encryption_secret_missing", 6000));
    let ready = project.identity(&session, &token, &json!({ "id": "a", "e2eeReady": true }));
    let let_in = socket.request("identify", ready).await;
    assert_eq!(let_in["e2ee"], true, "{let_in}");
}

/// More connections than one message holds come in parts, before `identified`.
#[tokio::test]
async fn a_long_list_comes_in_parts() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut there = vec![];
    for n in 0..120 {
        let mut socket = stack.connect().await;
        let token = project.token(&session, &json!({ "connection_data": "x".repeat(1000) }));
        let quiet = json!({ "id": format!("peer-{n}"), "connectionEventsSuppressed": true });
        let said = socket.request("identify", project.identity(&session, &token, &quiet)).await;
        assert_eq!(said["type"], "identified", "{said}");
        there.push(socket);
    }
    let (mut ann, identified) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let mut listed: Vec<Value> = identified["connections"].as_array().unwrap().clone();
    let before = ann.heard().await;
    assert!(!before.is_empty() && before.iter().all(|message| message["type"] == "connections"));
    for message in &before {
        listed.extend(message["connections"].as_array().unwrap().iter().cloned());
    }
    let mut ids: Vec<_> = listed.iter().map(|one| one["connectionId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((listed.len(), ids.len()), (120, 120));
}

/// A room whose SFU serves a session is entered through that only.
#[tokio::test]
async fn the_room_behind_a_session_is_no_way_around_its_token() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (room, _sfu) = Room::unclaimed(&stack).await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let offer = crate::session_media::offer("ann", &session, true);
    assert_eq!(ann.request("handshake", offer).await["type"], "ack");
    let mut eve = stack.connect().await;
    let plain = json!({ "type": "client", "id": "eve", "roomId": room.id });
    assert_eq!(eve.request("identify", plain).await["code"], "room_not_found");
}

/// Somebody is found gone by a signal. Who has come since the signal's receivers were looked up has them in its list.
#[tokio::test]
async fn who_came_while_somebody_was_found_gone_hears_of_it() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let quiet = json!({ "id": "ghost", "connectionEventsSuppressed": true });
    let (ghost, there) = project.join(&session, "publisher", &quiet).await;
    let dropped = stack.fault(json!({ "fault": "disconnect", "mode": "drop" })).await;
    ghost.cut();
    until("the drop", async || {
        let faults = stack.admin("/faults").await;
        (faults[0]["id"] == dropped && faults[0]["fired"] == 1).then_some(())
    })
    .await;
    let hold = stack.hold("signal", "TransactWriteItems").await;
    ann.send(r#"{"action":"signal","requestId":"s","data":{}}"#).await;
    stack.held(&hold).await;
    let (mut zoe, said) = project.join(&session, "publisher", &json!({ "id": "zoe" })).await;
    assert_eq!(said["connections"].as_array().unwrap().len(), 2, "the ghost is in the list");
    stack.no_fault(&hold).await;
    ann.next_of("ack").await;
    let told = zoe.next_of("connectionDestroyed").await;
    assert_eq!(stay(&told["connection"]), stay(&there["connection"]));
}

/// A stay ends while its own identify has not yet read whom to tell.
#[tokio::test]
async fn nobody_is_told_of_the_beginning_of_a_stay_that_is_over() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "moderator", &json!({ "id": "ann" })).await;
    let mut short = stack.connect().await;
    let hold = stack.hold("identify", "Query").await;
    let token = project.token(&session, &json!({}));
    let identify = json!({
        "action": "identify", "requestId": "i", "data": project.identity(&session, &token, &json!({ "id": "short" })),
    });
    short.send(&identify.to_string()).await;
    stack.held(&hold).await;
    assert_eq!(ann.request("forceDisconnect", json!({ "connectionId": "short" })).await["type"], "ack");
    ann.next_of("connectionDestroyed").await;
    let (mut zoe, said) = project.join(&session, "publisher", &json!({ "id": "zoe" })).await;
    assert_eq!(said["connections"].as_array().unwrap().len(), 1, "only Ann is there");
    stack.no_fault(&hold).await;
    stack.invoked("identify", 3).await;
    assert_eq!(zoe.heard().await, Vec::<Value>::new());
}

/// Reads fail after the place is written: nobody could be told. The next try is announced.
#[tokio::test]
async fn an_identify_that_failed_half_way_is_announced_when_it_is_tried_again() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let mut bob = stack.connect().await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({ "id": "bob" }));
    let broken =
        json!({ "fault": "dynamodb", "function": "identify", "operation": "Query", "error": "internal" });
    let fault = stack.fault(broken).await;
    assert_eq!(otc(&bob.request("identify", identity.clone()).await), (500, "internal_error", 2000));
    stack.no_fault(&fault).await;
    ann.heard().await;
    let again = bob.request("identify", identity).await;
    assert_eq!(again["type"], "identified", "{again}");
    assert_eq!(ann.next_of("connectionCreated").await["connection"], again["connection"]);
    assert_eq!(stack.rooms("SESSION").await[0]["connections"], 2);
}

/// Who only asks for the list of now, and does not get it, is still there.
#[tokio::test]
async fn a_failed_look_at_the_list_ends_no_stay() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
    ann.next_of("connectionCreated").await;
    let token = project.token(&session, &json!({}));
    let identity = project.identity(&session, &token, &json!({ "id": "bob" }));
    let broken =
        json!({ "fault": "dynamodb", "function": "identify", "operation": "Query", "error": "internal" });
    let fault = stack.fault(broken).await;
    assert_eq!(otc(&bob.request("identify", identity).await), (500, "internal_error", 2000));
    stack.no_fault(&fault).await;
    assert_eq!(bob.request("signal", json!({ "data": "still here" })).await["type"], "ack");
    let heard = ann.heard().await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["signal"]["data"], "still here");
}
