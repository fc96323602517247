//! Moderators mute and end the streams of others, on a socket and by REST: who hears of it, and what comes between.

use std::collections::BTreeSet;
use std::time::Duration;

use arbiter_tests::{Project, Room, Socket, Stack, until};
use futures::future::join_all;
use model::outbox::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::session_media::offer;
use super::streams::{acked, is, published, refused, two};

/// What a function that died has left is done within this time.
const SOON: Duration = Duration::from_secs(12);

/// Whether a stream has sound, as the table has it.
async fn sound(stack: &Stack, id: &str) -> Value {
    let members = stack.rooms("PEER#").await;
    let stream = members.iter().find_map(|member| member["streams"].get(id));
    stream.map_or(Value::Null, |stream| stream["hasAudio"].clone())
}

/// The streams that a `muteForced` names.
fn named(notice: &Value) -> BTreeSet<String> {
    let streams = notice["streams"].as_array().into_iter().flatten();
    streams.map(|stream| stream["streamId"].as_str().unwrap().to_owned()).collect()
}

async fn nothing_owed(stack: &Stack) {
    let settled = async {
        while !stack.rooms("OWED#").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(SOON, settled).await.unwrap();
}

fn on(id: &str) -> Value {
    json!({ "streamId": id, "hasAudio": true })
}

fn off(id: &str) -> Value {
    json!({ "streamId": id, "hasAudio": false })
}

fn stream(id: &str) -> Value {
    json!({ "streamId": id })
}

const ANN: &str = "annscam1~ann";
const BOB: &str = "bobscam1~bob";

#[tokio::test]
async fn one_stream_is_muted_and_its_publisher_switches_its_sound_on_again() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    let (mut cyd, _) = project.join_named(&session, "subscriber", "cyd", true).await;
    published(&mut ann, stream(ANN)).await;
    acked(&mut moderator, "forceMuteStream", stream(ANN)).await;
    let heard = ann.next_of("muteForced").await;
    let muted = json!({ "type": "muteForced", "streams": [{ "streamId": ANN, "version": 2 }] });
    assert_eq!(heard, muted);
    let change = json!({ "changedProperty": "hasAudio", "oldValue": true, "newValue": false });
    let changed =
        json!({ "type": "streamPropertyChanged", "stream": stream(ANN), "changes": [change], "version": 2 });
    for socket in [&mut moderator, &mut cyd] {
        assert_eq!(socket.next_of("streamPropertyChanged").await, changed);
    }
    // Again: nobody is told.
    acked(&mut moderator, "forceMuteStream", stream(ANN)).await;
    acked(&mut ann, "updateStream", on(ANN)).await;
    assert_eq!(moderator.next_of("streamPropertyChanged").await["version"], 3);
    assert_eq!(sound(&stack, ANN).await, true);
    for socket in [&mut moderator, &mut ann] {
        assert!(socket.heard().await.iter().all(|notice| notice["type"] != "muteForced"));
    }
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

#[tokio::test]
async fn all_are_muted_but_those_that_are_left_out_and_so_is_what_begins_until_that_is_over() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    let (mut bob, before) = project.join_named(&session, "publisher", "bob", true).await;
    assert_eq!((&before["muted"], &before["muteVersion"]), (&Value::Null, &Value::Null));
    published(&mut ann, stream(ANN)).await;
    published(&mut ann, json!({ "streamId": "annscam2~ann", "hasAudio": false })).await;
    published(&mut bob, stream(BOB)).await;
    published(&mut moderator, stream("podium00~watcher")).await;
    let but = json!({ "excludedStreamIds": ["podium00~watcher", "zzzzzzzz~nobody"] });
    acked(&mut moderator, "forceMuteAll", but).await;
    for socket in [&mut moderator, &mut ann, &mut bob] {
        let heard = socket.next_of("muteForced").await;
        assert_eq!((&heard["active"], &heard["muteVersion"]), (&json!(true), &json!(1)));
        assert_eq!(named(&heard), [ANN, BOB].map(str::to_owned).into());
        let versions: Vec<_> =
            heard["streams"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
        assert!(versions.contains(&&json!(3)) && versions.contains(&&json!(2)), "{heard}");
    }
    for (id, has_audio) in [(ANN, false), ("annscam2~ann", false), (BOB, false), ("podium00~watcher", true)] {
        assert_eq!(sound(&stack, id).await, has_audio, "{id}");
    }

    // Who comes later knows, and what it publishes begins without sound, which it may switch on.
    let (mut dan, came) = project.join_named(&session, "publisher", "dan", false).await;
    assert_eq!((&came["muted"], &came["muteVersion"]), (&json!(true), &json!(1)));
    let answer = published(&mut dan, stream("danscam1~dan")).await;
    assert_eq!((&answer["stream"]["hasAudio"], &answer["version"]), (&json!(false), &json!(1)));
    let created = bob.next_of("streamCreated").await;
    assert!([ANN, "podium00~watcher", "danscam1~dan"].iter().any(|id| created["stream"]["streamId"] == **id));
    acked(&mut dan, "updateStream", on("danscam1~dan")).await;
    assert_eq!(sound(&stack, "danscam1~dan").await, true);

    acked(&mut moderator, "disableForceMute", json!({})).await;
    for socket in [&mut moderator, &mut ann, &mut bob, &mut dan] {
        let heard = socket.next_of("muteForced").await;
        assert_eq!(heard, json!({ "type": "muteForced", "active": false, "muteVersion": 2 }));
    }
    assert_eq!(sound(&stack, ANN).await, false, "nobody is given sound back");
    let (mut eve, came) = project.join_named(&session, "publisher", "eve", false).await;
    assert_eq!((&came["muted"], &came["muteVersion"]), (&Value::Null, &json!(2)));
    let answer = published(&mut eve, json!({})).await;
    assert_eq!(answer["stream"]["hasAudio"], true);
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

/// All at once, as the rate allows.
#[tokio::test]
async fn a_publishers_burst_keeps_no_moderator_from_acting_and_is_no_failure_of_ours() {
    const BURST: usize = 45;
    let stack = Stack::start().await;
    let (_project, _session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    for number in 0..BURST {
        let data = json!({ "streamId": ANN, "videoDimensions": { "width": number, "height": 1 } });
        let update = json!({ "action": "updateStream", "requestId": format!("u{number}"), "data": data });
        ann.send(&update.to_string()).await;
    }
    acked(&mut moderator, "forceMuteStream", stream(ANN)).await;
    let (mut answers, mut codes) = (0, BTreeSet::new());
    while answers < BURST {
        let notice = ann.next().await;
        if notice["requestId"].is_string() {
            answers += 1;
            codes.extend(notice["code"].as_str().map(str::to_owned));
        }
    }
    codes.remove("too_many_requests");
    assert_eq!(codes, BTreeSet::new());
    acked(&mut moderator, "forceUnpublish", stream(ANN)).await;
}

#[tokio::test]
async fn a_stream_is_ended_by_a_moderator_and_its_publisher_hears_why() {
    let stack = Stack::start().await;
    let (_project, _session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    acked(&mut moderator, "forceUnpublish", stream(ANN)).await;
    let ended =
        json!({ "type": "streamDestroyed", "streamIds": [ANN], "reason": "forceUnpublished", "version": 2 });
    for socket in [&mut moderator, &mut ann] {
        assert_eq!(socket.next_of("streamDestroyed").await, ended);
    }
    // One that has ended just now: by either it is done.
    acked(&mut moderator, "forceUnpublish", stream(ANN)).await;
    acked(&mut ann, "unpublish", stream(ANN)).await;
    let late = refused(&mut ann, "publish", stream(ANN)).await;
    assert_eq!(late, is(404, "stream_not_found", 1535));
    published(&mut ann, stream("annscam2~ann")).await;
    for socket in [&mut moderator, &mut ann] {
        assert!(socket.heard().await.iter().all(|notice| notice["type"] != "streamDestroyed"));
    }
}

#[tokio::test]
async fn who_may_not_moderate_is_refused_by_number() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    let (mut cyd, _) = project.join_named(&session, "subscriber", "cyd", false).await;
    published(&mut ann, stream(ANN)).await;
    for (action, number) in [
        ("forceMuteStream", 1540),
        ("forceMuteAll", 1540),
        ("disableForceMute", 1540),
        ("forceUnpublish", 1530),
    ] {
        for socket in [&mut ann, &mut cyd] {
            assert_eq!(refused(socket, action, stream(ANN)).await, is(403, "forbidden", number), "{action}");
        }
        let mut stranger = stack.connect().await;
        let refusal = refused(&mut stranger, action, stream(ANN)).await;
        assert_eq!(refusal, is(400, "connection_not_found", 1010), "{action}");
    }
    for action in ["forceMuteStream", "forceUnpublish"] {
        for unknown in ["zzzzzzzz~ann", "zzzzzzzz~nobody"] {
            let refusal = refused(&mut moderator, action, stream(unknown)).await;
            assert_eq!(refusal, is(404, "stream_not_found", 1535), "{action} {unknown}");
        }
        for wrong in [json!({}), stream("ann")] {
            let refusal = refused(&mut moderator, action, wrong).await;
            assert_eq!(refusal, is(400, "bad_message", 1011), "{action}");
        }
    }
    let wrong = json!({ "excludedStreamIds": ["ann"] });
    assert_eq!(refused(&mut moderator, "forceMuteAll", wrong).await, is(400, "bad_message", 1011));
    assert_eq!(sound(&stack, ANN).await, true);
    let (room, _sfu) = Room::claimed(&stack, "/page").await;
    let mut page = stack.join(&room.id, "page").await;
    assert_eq!(refused(&mut page, "forceMuteAll", json!({})).await, is(403, "forbidden", 0));
}

#[tokio::test]
async fn a_projects_server_mutes_one_and_all_and_is_answered_with_the_project() {
    let stack = Stack::start().await;
    let (project, session, _watcher, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    published(&mut ann, stream("annscam2~ann")).await;
    let of_project = json!({
        "id": project.api_key, "applicationId": project.api_key, "status": "ACTIVE", "name": project.api_key,
        "environment": "standard", "createdAt": null,
    });
    let done = (200, of_project);
    let post = async |path: &str, body: Option<Value>| project.rest(Method::POST, &session, path, body).await;
    assert_eq!(post(&format!("/stream/{ANN}/mute"), None).await, done);
    assert_eq!(named(&ann.next_of("muteForced").await), [ANN.to_owned()].into());
    assert_eq!(post(&format!("/stream/{ANN}/mute"), Some(json!({}))).await, done, "again, in another form");
    for field in ["excludedStreamIds", "excludedStreams"] {
        acked(&mut ann, "updateStream", on(ANN)).await;
        assert_eq!(post("/mute", Some(json!({ "active": true, field: ["annscam2~ann"] }))).await, done);
        assert_eq!(named(&ann.next_of("muteForced").await), [ANN.to_owned()].into(), "{field}");
    }
    assert_eq!(sound(&stack, "annscam2~ann").await, true);
    assert_eq!(post("/mute", Some(json!({ "active": false, "excludedStreamIds": [] }))).await, done);
    assert_eq!(ann.next_of("muteForced").await["active"], false);
    for (path, body, status) in [
        ("/stream/zzzzzzzz~ann/mute", None, 404),
        ("/stream/zzzzzzzz~nobody/mute", None, 404),
        ("/stream/x/mute", None, 404),
        ("/mute", None, 400),
        ("/mute", Some(json!({})), 400),
        ("/mute", Some(json!({ "active": true, "excludedStreamIds": ["x"] })), 400),
    ] {
        let answer = post(path, body).await;
        assert_eq!((answer.0, &answer.1["code"]), (status, &json!(status)), "{path}");
    }
    let others = Project::named(&stack, "47000002").await;
    for path in [format!("/stream/{ANN}/mute"), "/mute".to_owned()] {
        let answer = others.rest(Method::POST, &session, &path, Some(json!({ "active": true }))).await;
        assert_eq!(answer.0, 404, "{path}");
    }
    assert!(ann.heard().await.iter().all(|notice| notice["type"] != "muteForced"));
}

#[tokio::test]
async fn an_sfu_forwards_no_sound_of_what_is_muted() {
    let stack = Stack::start().await;
    let (_room, mut sfu) = Room::unclaimed(&stack).await;
    let (_project, session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    acked(&mut ann, "handshake", offer("ann", &session, true)).await;
    assert_eq!(sfu.next_of("streams").await["streams"][0]["hasAudio"], true);
    let silent = json!([{ "streamId": ANN, "hasAudio": false, "hasVideo": true }]);
    acked(&mut moderator, "forceMuteStream", stream(ANN)).await;
    assert_eq!(sfu.next_of("streams").await["streams"], silent);
    acked(&mut ann, "updateStream", on(ANN)).await;
    assert_eq!(sfu.next_of("streams").await["streams"][0]["hasAudio"], true);
    acked(&mut moderator, "forceMuteAll", json!({})).await;
    assert_eq!(sfu.next_of("streams").await["streams"], silent);
    acked(&mut moderator, "forceUnpublish", stream(ANN)).await;
    assert_eq!(sfu.next_of("streams").await["streams"], json!([]));
}

/// A publish, or an unmute, has read that nothing is muted, and is written when all have been muted already.
#[tokio::test]
async fn what_gets_its_sound_while_all_are_muted_is_muted() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    let (mut bob, _) = project.join_named(&session, "publisher", "bob", false).await;
    published(&mut bob, json!({ "streamId": BOB, "hasAudio": false })).await;
    for (socket, action, data, id) in
        [(&mut ann, "publish", stream(ANN), ANN), (&mut bob, "updateStream", on(BOB), BOB)]
    {
        let hold = stack.hold("publish", "TransactWriteItems").await;
        let act = async { socket.request(action, data).await };
        let meanwhile = async {
            stack.held(&hold).await;
            acked(&mut moderator, "forceMuteAll", json!({})).await;
            stack.no_fault(&hold).await;
        };
        let (answer, ()) = futures::join!(act, meanwhile);
        assert_eq!(sound(&stack, id).await, false, "{action}");
        if action == "publish" {
            assert_eq!((&answer["stream"]["hasAudio"], &answer["version"]), (&json!(false), &json!(2)));
        }
        let version = if id == ANN { 2 } else { 3 };
        let own = json!({ "type": "muteForced", "streams": [{ "streamId": id, "version": version }] });
        while socket.next_of("muteForced").await != own {}
        // Whoever has seen it with sound hears that it has none.
        let heard = moderator.next_of("streamPropertyChanged").await;
        assert_eq!(heard["changes"][0]["newValue"], action == "updateStream");
        acked(&mut moderator, "disableForceMute", json!({})).await;
    }
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

/// Whoever comes after the session was looked up, and before all have lost their sound, has read that they have it.
#[tokio::test]
async fn who_comes_while_all_are_muted_hears_who_is() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    let hold = stack.hold("moderate", "UpdateItem").await;
    let mute = async { acked(&mut moderator, "forceMuteAll", json!({})).await };
    let meanwhile = async {
        stack.held(&hold).await;
        let (zoe, answer) = project.join_named(&session, "publisher", "zoe", false).await;
        assert_eq!((&answer["muted"], &answer["streams"][0]["hasAudio"]), (&json!(true), &json!(true)));
        stack.no_fault(&hold).await;
        zoe
    };
    let ((), mut zoe) = futures::join!(mute, meanwhile);
    assert_eq!(named(&zoe.next_of("muteForced").await), [ANN.to_owned()].into());
}

#[tokio::test]
async fn what_was_published_while_all_are_muted_is_muted_also_when_its_function_dies() {
    let stack = Stack::start().await;
    let (_project, _session, mut moderator, mut ann) = two(&stack).await;
    let hold = stack.hold("publish", "TransactWriteItems").await;
    // The count, the read, and the transaction.
    stack.fault(json!({ "fault": "kill", "function": "publish", "afterCalls": 3, "times": 1 })).await;
    ann.send(&json!({ "action": "publish", "data": stream(ANN) }).to_string()).await;
    stack.held(&hold).await;
    acked(&mut moderator, "forceMuteAll", json!({})).await;
    stack.no_fault(&hold).await;
    stack.invoked("publish", 1).await;
    assert_eq!(sound(&stack, ANN).await, true, "nobody has seen to it yet");
    nothing_owed(&stack).await;
    assert_eq!(sound(&stack, ANN).await, false);
    assert_eq!(ann.next_of("muteForced").await["active"], true);
    assert_eq!(named(&ann.next_of("muteForced").await), [ANN.to_owned()].into());
    assert_eq!(moderator.next_of("streamCreated").await["stream"]["hasAudio"], false);
}

#[tokio::test]
async fn of_a_mute_and_an_unmute_at_the_same_moment_the_one_that_comes_second_counts() {
    let stack = Stack::start().await;
    let (_project, _session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    // The mute is held back, its publisher switches the sound off and on, and the mute finds other streams than it read.
    let hold = stack.hold("moderate", "TransactWriteItems").await;
    let mute = async { acked(&mut moderator, "forceMuteStream", stream(ANN)).await };
    let meanwhile = async {
        stack.held(&hold).await;
        acked(&mut ann, "updateStream", off(ANN)).await;
        acked(&mut ann, "updateStream", on(ANN)).await;
        stack.no_fault(&hold).await;
    };
    futures::join!(mute, meanwhile);
    assert_eq!(sound(&stack, ANN).await, false);
    assert_eq!(ann.next_of("muteForced").await["streams"][0]["version"], 4);

    // The unmute is held back: it comes second, and knows.
    let hold = stack.hold("publish", "TransactWriteItems").await;
    let unmute = async { acked(&mut ann, "updateStream", on(ANN)).await };
    let meanwhile = async {
        stack.held(&hold).await;
        acked(&mut moderator, "forceMuteStream", stream(ANN)).await;
        stack.no_fault(&hold).await;
    };
    futures::join!(unmute, meanwhile);
    assert_eq!(sound(&stack, ANN).await, true);
}

#[tokio::test]
async fn two_mutes_of_all_and_their_end_at_once_are_three_versions_and_everybody_hears_them() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    let (mut second, _) = project.join_named(&session, "moderator", "second", false).await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 30, "probability": 0.5 })).await;
    let by_rest = async {
        let body = json!({ "active": false });
        assert_eq!(project.rest(Method::POST, &session, "/mute", Some(body)).await.0, 200);
    };
    futures::join!(
        async { acked(&mut moderator, "forceMuteAll", json!({})).await },
        async { acked(&mut second, "forceMuteAll", json!({ "excludedStreamIds": [ANN] })).await },
        by_rest,
    );
    stack.no_faults().await;
    let mute = stack.rooms("MUTE").await.remove(0);
    assert_eq!(mute["version"], 3);
    for socket in [&mut moderator, &mut second, &mut ann] {
        let mut heard = vec![];
        for _ in 0..3 {
            heard.push(socket.next_of("muteForced").await);
        }
        heard.sort_by_key(|notice| notice["muteVersion"].as_u64());
        let versions: Vec<_> = heard.iter().map(|notice| notice["muteVersion"].clone()).collect();
        assert_eq!(versions, [1, 2, 3]);
        assert_eq!(heard[2]["active"], mute["active"]);
    }
    // The one that leaves it out does not save it from the other.
    assert_eq!(sound(&stack, ANN).await, false);
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

/// The function dies when the mute is switched on, and nobody is muted yet.
#[tokio::test]
async fn a_mute_that_is_carried_out_late_mutes_nobody_who_has_seen_to_it_since() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    let (mut bob, _) = project.join_named(&session, "publisher", "bob", false).await;
    let (mut cyd, _) = project.join_named(&session, "publisher", "cyd", false).await;
    let (mut dan, _) = project.join_named(&session, "publisher", "dan", false).await;
    published(&mut ann, stream(ANN)).await;
    published(&mut bob, stream(BOB)).await;
    published(&mut dan, json!({ "streamId": "danscam1~dan", "hasAudio": false })).await;
    // It reads who asks, reads the mute, and switches it.
    stack.fault(json!({ "fault": "kill", "function": "moderate", "afterCalls": 3, "times": 1 })).await;
    moderator.send(r#"{"action":"forceMuteAll","data":{}}"#).await;
    stack.invoked("moderate", 1).await;
    assert_eq!((sound(&stack, ANN).await, sound(&stack, BOB).await), (json!(true), json!(true)));

    acked(&mut ann, "updateStream", off(ANN)).await;
    acked(&mut ann, "updateStream", on(ANN)).await;
    acked(&mut dan, "updateStream", on("danscam1~dan")).await;
    published(&mut dan, stream("danscam2~dan")).await;
    acked(&mut moderator, "disableForceMute", json!({})).await;
    published(&mut cyd, stream("cydscam1~cyd")).await;
    nothing_owed(&stack).await;
    assert_eq!(sound(&stack, BOB).await, false, "it was there, and has done nothing");
    for id in [ANN, "danscam1~dan", "cydscam1~cyd"] {
        assert_eq!(sound(&stack, id).await, true, "{id}");
    }
    assert_eq!(sound(&stack, "danscam2~dan").await, false, "it began while the mute was on");
    for socket in [&mut moderator, &mut ann, &mut bob, &mut cyd] {
        let [one, other] = [socket.next_of("muteForced").await, socket.next_of("muteForced").await];
        let late = if one["active"] == true { one } else { other };
        assert_eq!(named(&late), [BOB, "danscam2~dan"].map(str::to_owned).into());
    }
}

/// As many streams as do not fit into one message. Nobody posts to members that are away.
#[tokio::test]
async fn a_thousand_streams_are_muted_at_once() {
    let stack = Stack::with().parameter("ReconnectGraceSeconds", "60").start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    away(&stack, &project, &session, 126).await;
    acked(&mut moderator, "forceMuteAll", json!({ "excludedStreamIds": [] })).await;
    for socket in [&mut moderator, &mut ann] {
        let mut heard = BTreeSet::new();
        let mut parts = 0;
        while heard.len() < 1_009 {
            let notice = socket.next_of("muteForced").await;
            assert_eq!((&notice["active"], &notice["muteVersion"]), (&json!(true), &json!(1)));
            heard.extend(named(&notice));
            parts += 1;
        }
        assert!(heard.len() == 1_009 && parts >= 3, "{} in {parts}", heard.len());
    }
    let members = stack.rooms("PEER#").await;
    let streams = members.iter().filter_map(|member| member["streams"].as_object()).flatten();
    assert!(
        streams.clone().count() == 1_009 && streams.clone().all(|(_, stream)| stream["hasAudio"] == false)
    );
    nothing_owed(&stack).await;
}

/// Members of a session that are away, with 8 streams each.
async fn away(stack: &Stack, project: &Project<'_>, session: &str, members: usize) {
    let (_socket, _) = project.join(session, "publisher", &json!({ "id": "model" })).await;
    let table = stack.admin("/tables/RoomsTable").await["name"].clone();
    let http = reqwest::Client::new();
    let call = async |operation: &str, body: Value| {
        let request = http
            .post(&stack.urls.dynamodb_url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success());
        answer.json::<Value>().await.unwrap()
    };
    let pk = json!({ "S": format!("ROOM#{session}") });
    let key = json!({ "pk": pk, "sk": { "S": "PEER#model" } });
    let model = call("GetItem", json!({ "TableName": table, "Key": key })).await["Item"].clone();
    let puts = (0..members).map(|n| {
        let mut item = model.clone();
        let peer = format!("away{n:03}");
        item["sk"] = json!({ "S": format!("PEER#{peer}") });
        item["connectionId"] = json!({ "S": format!("{peer}=") });
        item["awayUntil"] = json!({ "N": "99999999999999" });
        item["streamsVersion"] = json!({ "N": "8" });
        let one = json!({ "M": {
            "since": { "N": "1" }, "name": { "S": "" }, "hasAudio": { "BOOL": true }, "hasVideo": { "BOOL": true },
            "videoType": { "S": "camera" },
        } });
        let streams: serde_json::Map<_, _> = (0..8).map(|s| (format!("stream{s:02}~{peer}"), one.clone())).collect();
        item["streams"] = json!({ "M": streams });
        call("PutItem", json!({ "TableName": table, "Item": item }))
    });
    for put in puts.collect::<Vec<_>>() {
        put.await;
    }
}

/// None of its writes is answered, and there are too many of them to wait for each: it is acknowledged all the same, and
/// somebody else does the work.
#[tokio::test]
async fn a_mute_that_takes_too_long_is_acknowledged_and_carried_out_by_others() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    // 32 calls at once, given up after 6 s at first and after 2 s when so many were in vain: 30 s for all, and a function has 29.
    away(&stack, &project, &session, 400).await;
    let hold =
        json!({ "fault": "dynamodb", "function": "moderate", "operation": "UpdateItem", "delayMs": 60_000 });
    stack.fault(hold).await;
    acked(&mut moderator, "forceMuteAll", json!({})).await;
    nothing_owed(&stack).await;
    assert_eq!(sound(&stack, ANN).await, false);
    let mut heard = BTreeSet::new();
    while !heard.contains(ANN) {
        heard.extend(named(&ann.next_of("muteForced").await));
    }
}

/// Nobody works in the session, and the stream's function dies at first.
#[tokio::test]
async fn who_works_in_a_session_carries_out_the_mute_that_it_is_owed() {
    let stack = Stack::start().await;
    let (_project, _session, mut moderator, mut ann) = two(&stack).await;
    published(&mut ann, stream(ANN)).await;
    stack.fault(json!({ "fault": "kill", "function": "outbox", "afterCalls": 0 })).await;
    stack.fault(json!({ "fault": "kill", "function": "moderate", "afterCalls": 3, "times": 1 })).await;
    moderator.send(r#"{"action":"forceMuteAll","data":{}}"#).await;
    stack.invoked("moderate", 1).await;
    tokio::time::sleep(PATIENCE).await;
    ann.request("signal", json!({ "data": "late" })).await;
    until("the mute is carried out", async || (sound(&stack, ANN).await == false).then_some(())).await;
    assert_eq!(named(&ann.next_of("muteForced").await), [ANN.to_owned()].into());
}

/// Publishers come and switch their sound on and off, while all are muted again and again, and functions are slow: what has
/// sound in the end has got it after the last mute, by its publisher.
#[tokio::test]
async fn after_a_storm_only_those_have_sound_who_have_switched_it_on_since() {
    let stack = Stack::start().await;
    let (project, session, mut moderator, _ann) = two(&stack).await;
    stack.fault(json!({ "fault": "dynamodb", "delayMs": 40, "probability": 0.3 })).await;
    let mut sockets = vec![];
    for n in 0..6 {
        sockets.push(project.join_named(&session, "publisher", &format!("p{n}"), false).await.0);
    }
    let publish = async |socket: &mut Socket, n: usize| {
        for s in 0..4 {
            published(socket, stream(&format!("stream{s:02}~p{n}"))).await;
        }
    };
    let storm = sockets.iter_mut().enumerate().map(|(n, socket)| publish(socket, n));
    let mutes = async {
        for _ in 0..6 {
            acked(&mut moderator, "forceMuteAll", json!({})).await;
        }
    };
    futures::join!(join_all(storm), mutes);
    stack.no_faults().await;
    nothing_owed(&stack).await;
    for n in 0..6 {
        for s in 0..4 {
            let id = format!("stream{s:02}~p{n}");
            assert_eq!(sound(&stack, &id).await, false, "{id}");
        }
    }
}
