//! Streams: who begins, changes and ends them, who hears of it, and that they end with their stay.

use std::collections::BTreeSet;

use arbiter_tests::{Project, Room, Socket, Stack};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::session_media::offer;

/// Who watches, and ann, who publishes.
pub(super) async fn two(stack: &Stack) -> (Project<'_>, String, Socket, Socket) {
    let project = Project::create(stack).await;
    let session = project.routed().await;
    let (watcher, _) = project.join(&session, "moderator", &json!({ "id": "watcher" })).await;
    let (ann, _) = project
        .join(&session, "publisher", &json!({ "id": "ann", "resumeToken": "ann-keeps-this-secret" }))
        .await;
    (project, session, watcher, ann)
}

pub(super) async fn published(socket: &mut Socket, data: Value) -> Value {
    let answer = socket.request("publish", data).await;
    assert_eq!(answer["type"], "published", "{answer}");
    answer
}

pub(super) async fn acked(socket: &mut Socket, action: &str, data: Value) {
    let answer = socket.request(action, data).await;
    assert_eq!(answer["type"], "ack", "{answer}");
}

pub(super) async fn refused(socket: &mut Socket, action: &str, data: Value) -> (u64, String, u64) {
    let answer = socket.request(action, data).await;
    assert_eq!(answer["type"], "error", "{answer}");
    let number = answer["otc"]["number"].as_u64().unwrap_or_default();
    (answer["status"].as_u64().unwrap(), answer["code"].as_str().unwrap().to_owned(), number)
}

pub(super) fn is(status: u64, code: &str, number: u64) -> (u64, String, u64) {
    (status, code.to_owned(), number)
}

#[tokio::test]
async fn a_stream_is_announced_listed_changed_and_ended() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    let (mut cyd, _) = project.join_named(&session, "subscriber", "cyd", true).await;
    let size = json!({ "width": 640, "height": 480 });
    let data =
        json!({ "name": "Ann", "hasAudio": false, "videoDimensions": size, "streamId": "annscam1~ann" });
    let answer = published(&mut ann, data.clone()).await;
    let created = watcher.next_of("streamCreated").await;
    let since = created["stream"]["creationTime"].as_u64().unwrap();
    let stream = json!({
        "streamId": "annscam1~ann", "connectionId": "ann", "creationTime": since, "name": "Ann",
        "hasAudio": false, "hasVideo": true, "videoType": "camera", "videoDimensions": size, "layoutClassList": [],
    });
    assert_eq!(created, json!({ "type": "streamCreated", "stream": stream, "version": 1 }));
    assert_eq!((&answer["stream"], &answer["version"]), (&stream, &json!(1)));
    assert_eq!(cyd.next_of("streamCreated").await, created, "streams are heard without connection events");

    // Again, because the answer was lost: the same answer, and nobody is told.
    assert_eq!(published(&mut ann, data).await["stream"], stream);
    let made = published(&mut ann, json!({ "videoType": "screen" })).await["stream"]["streamId"].clone();
    assert!(made.as_str().unwrap().ends_with("~ann"), "{made}");
    assert_eq!(watcher.next_of("streamCreated").await["version"], 2);

    let (_, newcomer) = project.join(&session, "subscriber", &json!({ "id": "dora" })).await;
    let mut listed = stream.clone();
    listed["version"] = json!(2);
    let streams = newcomer["streams"].as_array().unwrap();
    assert!(streams.len() == 2 && streams.contains(&listed), "{newcomer}");
    let hidden = json!({ "id": "eve", "connectionEventsSuppressed": true });
    let (_, newcomer) = project.join(&session, "subscriber", &hidden).await;
    assert_eq!((&newcomer["connections"], newcomer["streams"].as_array().unwrap().len()), (&json!([]), 2));

    let larger = json!({ "width": 1280, "height": 720 });
    let update =
        json!({ "streamId": "annscam1~ann", "hasAudio": true, "hasVideo": true, "videoDimensions": larger });
    acked(&mut ann, "updateStream", update.clone()).await;
    let heard = watcher.next_of("streamPropertyChanged").await;
    let changes = json!([
        { "changedProperty": "hasAudio", "oldValue": false, "newValue": true },
        { "changedProperty": "videoDimensions", "oldValue": size, "newValue": larger },
    ]);
    let stream = json!({ "streamId": "annscam1~ann" });
    let expected =
        json!({ "type": "streamPropertyChanged", "stream": stream, "changes": changes, "version": 3 });
    assert_eq!(heard, expected);
    acked(&mut ann, "updateStream", update).await;

    acked(&mut ann, "unpublish", json!({ "streamId": "annscam1~ann" })).await;
    acked(&mut ann, "unpublish", json!({ "streamId": "annscam1~ann" })).await;
    let destroyed = watcher.next_of("streamDestroyed").await;
    let expected = json!({
        "type": "streamDestroyed", "streamIds": ["annscam1~ann"], "reason": "clientDisconnected", "version": 4,
    });
    assert_eq!(destroyed, expected);
    // A publish that comes late brings back nothing.
    let late = refused(&mut ann, "publish", json!({ "streamId": "annscam1~ann" })).await;
    assert_eq!(late, is(404, "stream_not_found", 1535));
    let rest = watcher.heard().await;
    assert!(!rest.iter().any(|one| one["type"].as_str().unwrap().starts_with("stream")), "{rest:?}");
    assert!(ann.heard().await.iter().all(|one| one["type"] != "streamCreated"), "its publisher knows it");
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

#[tokio::test]
async fn each_refusal_has_its_number() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    let (mut cyd, _) = project.join(&session, "subscriber", &json!({ "id": "cyd" })).await;
    let (mut dan, _) = project.join(&session, "publisheronly", &json!({ "id": "dan" })).await;
    let id = published(&mut ann, json!({})).await["stream"]["streamId"].clone();
    assert_eq!(refused(&mut cyd, "publish", json!({})).await, is(403, "forbidden", 1500));
    let of_another = json!({ "streamId": "abcdefgh~watcher" });
    assert_eq!(refused(&mut ann, "publish", of_another).await, is(403, "forbidden", 1500));
    for action in ["unpublish", "updateStream"] {
        let data = |id: &Value| json!({ "streamId": id, "hasAudio": false });
        assert_eq!(refused(&mut watcher, action, data(&id)).await, is(403, "forbidden", 1500), "{action}");
        let unknown = json!("zzzzzzzz~ann");
        assert_eq!(
            refused(&mut ann, action, data(&unknown)).await,
            is(404, "stream_not_found", 1535),
            "{action}"
        );
        assert_eq!(
            refused(&mut ann, action, data(&json!("ann"))).await,
            is(400, "bad_message", 1011),
            "{action}"
        );
        let foreign = json!({ "streamId": id, "hasAudio": false, "roomId": session });
        if action == "unpublish" {
            assert_eq!(refused(&mut ann, action, foreign).await, is(403, "forbidden", 1500));
        }
    }
    let nothing = json!({ "streamId": id });
    assert_eq!(refused(&mut ann, "updateStream", nothing).await, is(400, "bad_message", 1011));
    let long = json!({ "name": "n".repeat(1025) });
    assert_eq!(refused(&mut ann, "publish", long).await, is(413, "too_large", 1011));

    let wanted = json!({ "streamId": id });
    assert_eq!(refused(&mut dan, "subscribe", wanted.clone()).await, is(403, "forbidden", 1501));
    assert_eq!(refused(&mut ann, "subscribe", wanted.clone()).await, is(403, "forbidden", 1501));
    assert_eq!(refused(&mut cyd, "subscribe", wanted.clone()).await, is(503, "sfu_unavailable", 0));
    let unknown = json!({ "streamId": "zzzzzzzz~ann" });
    assert_eq!(refused(&mut cyd, "subscribe", unknown.clone()).await, is(404, "stream_not_found", 1535));
    acked(&mut cyd, "unsubscribe", unknown).await;

    let mut stranger = stack.connect().await;
    assert_eq!(refused(&mut stranger, "publish", json!({})).await, is(400, "connection_not_found", 1010));
    let (room, _sfu) = Room::claimed(&stack, "/page").await;
    let mut page = stack.join(&room.id, "page").await;
    assert_eq!(refused(&mut page, "publish", json!({})).await, is(403, "forbidden", 0));
}

#[tokio::test]
async fn streams_end_with_their_stay_and_outlive_its_socket() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    let (mut cyd, _) = project.join_named(&session, "subscriber", "cyd", true).await;
    let id = published(&mut ann, json!({})).await["stream"]["streamId"].clone();

    // Another socket of the same stay: its streams are there, and it may end them.
    let same = json!({ "id": "ann", "resumeToken": "ann-keeps-this-secret" });
    let (mut ann, again) = project.join(&session, "publisher", &same).await;
    assert_eq!(again["streams"][0]["streamId"], id);
    let second = published(&mut ann, json!({})).await["stream"]["streamId"].clone();
    acked(&mut ann, "unpublish", json!({ "streamId": id })).await;
    acked(&mut ann, "leave", json!({})).await;
    let destroyed = watcher.next_of("connectionDestroyed").await;
    assert_eq!(
        (&destroyed["streams"], &destroyed["reason"]),
        (&json!([second]), &json!("clientDisconnected"))
    );
    cyd.next_of("streamDestroyed").await;
    let ends = json!({ "type": "streamDestroyed", "streamIds": [second], "reason": "clientDisconnected" });
    assert_eq!(cyd.next_of("streamDestroyed").await, ends);

    for (reason, end) in
        [("networkDisconnected", "cut"), ("forceDisconnected", "force"), ("clientDisconnected", "close")]
    {
        let (mut bob, _) = project.join(&session, "publisher", &json!({ "id": "bob" })).await;
        let id = published(&mut bob, json!({})).await["stream"]["streamId"].clone();
        match end {
            "cut" => bob.cut(),
            "close" => bob.close(1000).await,
            _ => acked(&mut watcher, "forceDisconnect", json!({ "connectionId": "bob" })).await,
        }
        let destroyed = watcher.next_of("connectionDestroyed").await;
        assert_eq!((&destroyed["streams"], &destroyed["reason"]), (&json!([id]), &json!(reason)));
        let ends = json!({ "type": "streamDestroyed", "streamIds": [id], "reason": reason });
        assert_eq!(cyd.next_of("streamDestroyed").await, ends);
    }
    let (_, newcomer) = project.join(&session, "subscriber", &json!({ "id": "dora" })).await;
    assert_eq!(newcomer["streams"], json!([]));
}

#[tokio::test]
async fn of_many_publishes_at_the_same_moment_eight_succeed() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    for n in 0..12 {
        let publish =
            json!({ "action": "publish", "requestId": format!("r{n}"), "data": { "name": n.to_string() } });
        ann.send(&publish.to_string()).await;
    }
    let (mut ids, mut limited) = (BTreeSet::new(), 0);
    while ids.len() + limited < 12 {
        let answer = ann.next().await;
        match answer["type"].as_str().unwrap() {
            "published" => {
                ids.insert(answer["stream"]["streamId"].as_str().unwrap().to_owned());
            }
            "error" => {
                assert_eq!(
                    (&answer["status"], &answer["code"]),
                    (&json!(429), &json!("stream_limit_exceeded"))
                );
                assert_eq!(answer["otc"], json!({ "number": 1605, "name": "OT_STREAM_LIMIT_EXCEEDED" }));
                limited += 1;
            }
            _ => {}
        }
    }
    assert_eq!((ids.len(), limited), (8, 4));
    let mut versions = BTreeSet::new();
    for _ in 0..8 {
        versions.insert(watcher.next_of("streamCreated").await["version"].as_u64().unwrap());
    }
    assert!(versions.len() <= 8 && versions.last() == Some(&8), "{versions:?}");
    let (_, listed) = project.rest(Method::GET, &session, "/stream", None).await;
    assert_eq!(listed["count"], 8);
}

#[tokio::test]
async fn a_publish_against_the_end_of_its_stay_leaves_nothing_behind() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, _ann) = two(&stack).await;
    let mut sockets = vec![];
    for n in 0..8 {
        let (socket, _) = project.join(&session, "publisher", &json!({ "id": format!("p{n}") })).await;
        sockets.push(socket);
    }
    let races = sockets.iter_mut().map(|socket| async move {
        for n in 0..3 {
            socket
                .send(&json!({ "action": "publish", "requestId": format!("p{n}"), "data": {} }).to_string())
                .await;
            if n == 1 {
                socket.send(r#"{"action":"leave","requestId":"leave"}"#).await;
            }
        }
        let mut answers = 0;
        while answers < 4 {
            let answer = socket.next().await;
            answers += usize::from(answer["requestId"].is_string());
        }
    });
    join_all(races).await;
    let (mut created, mut ended, mut gone) = (BTreeSet::new(), BTreeSet::new(), 0);
    while gone < 8 {
        let notice = watcher.next().await;
        match notice["type"].as_str().unwrap() {
            "streamCreated" => {
                created.insert(notice["stream"]["streamId"].as_str().unwrap().to_owned());
            }
            "connectionDestroyed" => {
                gone += 1;
                let streams = notice["streams"].as_array().cloned().unwrap_or_default();
                ended.extend(streams.iter().map(|id| id.as_str().unwrap().to_owned()));
            }
            _ => {}
        }
    }
    for notice in watcher.heard().await {
        if notice["type"] == "streamCreated" {
            created.insert(notice["stream"]["streamId"].as_str().unwrap().to_owned());
        }
    }
    assert!(created.is_subset(&ended), "{:?} never end", created.difference(&ended));
    let (_, listed) = project.rest(Method::GET, &session, "/stream", None).await;
    assert_eq!(listed, json!({ "count": 0, "items": [] }));
}

/// A stay ends while a publish of it has not yet read whom to tell.
#[tokio::test]
async fn nobody_is_told_of_a_stream_whose_stay_is_over() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    let hold = stack.hold("publish", "Query").await;
    ann.send(r#"{"action":"publish","requestId":"p","data":{}}"#).await;
    stack.held(&hold).await;
    assert_eq!(watcher.request("forceDisconnect", json!({ "connectionId": "ann" })).await["type"], "ack");
    let ended = watcher.next_of("connectionDestroyed").await;
    assert_eq!(ended["streams"].as_array().unwrap().len(), 1, "{ended}");
    let (mut zoe, said) = project.join(&session, "publisher", &json!({ "id": "zoe" })).await;
    assert_eq!(said["streams"], json!([]));
    stack.no_fault(&hold).await;
    stack.invoked("publish", 1).await;
    assert_eq!(zoe.heard().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_sfu_hears_of_streams_and_of_what_is_wanted_of_them() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::unclaimed(&stack).await;
    let (_project, session, mut watcher, mut ann) = two(&stack).await;
    let first = published(&mut ann, json!({})).await["stream"]["streamId"].clone();
    // The first publisher claims the SFU, which hears of the streams that there are.
    acked(&mut ann, "handshake", offer("ann", &session, true)).await;
    let word = sfu.next_of("streams").await;
    let one = json!({ "streamId": first, "hasAudio": true, "hasVideo": true });
    assert_eq!(
        (&word["clientId"], &word["version"], &word["streams"]),
        (&json!("ann"), &json!(1), &json!([one]))
    );
    assert!(word["connectedAt"].is_u64() && word["connectionId"].is_string(), "{word}");
    let second = published(&mut ann, json!({ "hasVideo": false })).await["stream"]["streamId"].clone();
    assert_eq!(sfu.next_of("streams").await["version"], 2);
    acked(&mut ann, "updateStream", json!({ "streamId": second, "hasAudio": false })).await;
    let word = sfu.next_of("streams").await;
    let two = json!({ "streamId": second, "hasAudio": false, "hasVideo": false });
    assert_eq!(word["version"], 3);
    assert!(word["streams"].as_array().unwrap().contains(&two), "{word}");
    let roster = sfu.request("roster", json!({ "roomId": session, "peers": ["ann", "watcher"] })).await;
    let of =
        |id: &str| roster["peers"].as_array().unwrap().iter().find(|peer| peer["id"] == id).unwrap().clone();
    assert_eq!((&of("ann")["version"], &of("ann")["streams"]), (&word["version"], &word["streams"]));
    assert_eq!((&of("watcher")["version"], &of("watcher")["streams"]), (&Value::Null, &Value::Null));

    acked(&mut watcher, "subscribe", json!({ "streamId": first, "hasVideo": false })).await;
    let wanted = sfu.next_of("subscription").await;
    assert!(wanted["connectedAt"].is_u64() && wanted["connectionId"].is_string(), "{wanted}");
    let said =
        |wanted: &Value| ["clientId", "streamId", "hasAudio", "hasVideo"].map(|field| wanted[field].clone());
    assert_eq!(said(&wanted), [json!("watcher"), first.clone(), json!(true), json!(false)]);
    acked(&mut watcher, "unsubscribe", json!({ "streamId": first })).await;
    let wanted = sfu.next_of("subscription").await;
    assert_eq!(said(&wanted), [json!("watcher"), first.clone(), json!(false), json!(false)]);

    // Its media never came: its publisher hears that, too.
    let stopped = json!({ "roomId": session, "streamId": first });
    acked(&mut sfu, "unpublish", stopped.clone()).await;
    acked(&mut sfu, "unpublish", stopped).await;
    for socket in [&mut watcher, &mut ann] {
        let destroyed = socket.next_of("streamDestroyed").await;
        let expected = json!({ "type": "streamDestroyed", "streamIds": [first], "reason": "mediaStopped", "version": 4 });
        assert_eq!(destroyed, expected);
    }
    let word = sfu.next_of("streams").await;
    assert_eq!((&word["version"], word["streams"].as_array().unwrap().len()), (&json!(4), 1));
    let elsewhere = json!({ "roomId": room.id, "streamId": second });
    assert_eq!(refused(&mut sfu, "unpublish", elsewhere).await, is(403, "forbidden", 0));
    let of_nobody = json!({ "roomId": session, "streamId": "abcdefgh~nobody" });
    acked(&mut sfu, "unpublish", of_nobody).await;

    // A post to an SFU that is gone ends it.
    sfu.cut();
    let gone = refused(&mut watcher, "subscribe", json!({ "streamId": second })).await;
    assert_eq!(gone, is(503, "sfu_unavailable", 0));
}

#[tokio::test]
async fn a_projects_server_lists_streams_and_gives_them_layout_classes() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let mut ann = stack.connect().await;
    let token = project.token(&session, &json!({ "initial_layout_class_list": "focus big" }));
    ann.request("identify", project.identity(&session, &token, &json!({ "id": "ann" }))).await;
    let (mut ben, _) = project.join(&session, "publisher", &json!({ "id": "ben" })).await;
    let one = published(&mut ann, json!({ "streamId": "annstrea~ann", "name": "A" })).await;
    assert_eq!(one["stream"]["layoutClassList"], json!(["focus", "big"]));
    published(&mut ben, json!({ "streamId": "benstrea~ben", "videoType": "screen" })).await;
    let item = |id: &str, kind: &str, name: &str, classes: &[&str]| json!({ "id": id, "videoType": kind, "name": name, "layoutClassList": classes });
    let (a, b) =
        (item("annstrea~ann", "camera", "A", &["focus", "big"]), item("benstrea~ben", "screen", "", &[]));
    let listed = project.rest(Method::GET, &session, "/stream", None).await;
    assert_eq!(listed, (200, json!({ "count": 2, "items": [a, b] })));
    assert_eq!(project.rest(Method::GET, &session, "/stream/annstrea~ann", None).await, (200, a));

    let set = async |items: Value| {
        project.rest(Method::PUT, &session, "/stream", Some(json!({ "items": items }))).await
    };
    let classes = |id: &str, classes: &[&str]| json!({ "id": id, "layoutClassList": classes });
    let both = json!([classes("benstrea~ben", &["full"]), classes("annstrea~ann", &[])]);
    let (a, b) = (item("annstrea~ann", "camera", "A", &[]), item("benstrea~ben", "screen", "", &["full"]));
    assert_eq!(set(both.clone()).await, (200, json!({ "count": 2, "items": [b, a] })));
    assert_eq!(set(both).await.0, 200, "again");
    assert_eq!(project.rest(Method::GET, &session, "/stream/benstrea~ben", None).await, (200, b));
    // All or nothing.
    let half = json!([classes("annstrea~ann", &["x"]), classes("zzzzzzzz~ben", &["x"])]);
    assert_eq!(set(half).await.0, 404);
    assert_eq!(project.rest(Method::GET, &session, "/stream/annstrea~ann", None).await, (200, a));
    for path in ["/stream/zzzzzzzz~ann", "/stream/abcdefgh~nobody", "/stream/x"] {
        assert_eq!(project.rest(Method::GET, &session, path, None).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn who_comes_back_with_a_lesser_role_ends_what_it_has_published_and_publishes_no_more() {
    let stack = Stack::start().await;
    let (project, session, mut watcher, mut ann) = two(&stack).await;
    for id in ["annscam1~ann", "annscam2~ann"] {
        published(&mut ann, json!({ "streamId": id })).await;
    }
    let again = json!({ "id": "ann", "resumeToken": "ann-keeps-this-secret" });
    let (mut ann, back) = project.join(&session, "subscriber", &again).await;
    assert_eq!(back["streams"].as_array().unwrap().len(), 2, "{back}");
    acked(&mut ann, "unpublish", json!({ "streamId": "annscam1~ann" })).await;
    assert_eq!(watcher.next_of("streamDestroyed").await["streamIds"], json!(["annscam1~ann"]));
    for (action, data) in [
        ("publish", json!({})),
        ("updateStream", json!({ "streamId": "annscam2~ann", "hasAudio": false })),
        ("unpublish", json!({ "streamId": "watching~watcher" })),
    ] {
        assert_eq!(refused(&mut ann, action, data).await, is(403, "forbidden", 1500), "{action}");
    }
}
