//! A function dies after each of its calls in turn, or what it calls fails: within ten seconds everybody's picture is right,
//! without anybody's doing.

use std::collections::BTreeMap;
use std::time::Duration;

use arbiter_tests::{Project, Room, Socket, Stack};
use futures::future::join_all;
use model::outbox::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::session_media::offer;

/// Within this time everybody's picture is right.
const SOON: Duration = Duration::from_secs(10);

/// What somebody does while a function is struck.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Join,
    Leave,
    Close,
    Cut,
    Force,
    RestForce,
    Offer,
    Publish,
    Unpublish,
    UpdateStream,
    Mute,
    MuteAll,
    DisableMute,
    ForceUnpublish,
    RestMuteAll,
    SfuIsLost,
    SfuIsBack,
}

const ACTIONS: [Action; 17] = [
    Action::Join,
    Action::Leave,
    Action::Close,
    Action::Cut,
    Action::Force,
    Action::RestForce,
    Action::Offer,
    Action::Publish,
    Action::Unpublish,
    Action::UpdateStream,
    Action::Mute,
    Action::MuteAll,
    Action::DisableMute,
    Action::ForceUnpublish,
    Action::RestMuteAll,
    Action::SfuIsLost,
    Action::SfuIsBack,
];

impl Action {
    /// The function that serves it.
    fn function(self) -> &'static str {
        match self {
            Self::Join | Self::SfuIsBack => "identify",
            Self::Leave => "leave",
            Self::Close | Self::Cut | Self::SfuIsLost => "disconnect",
            Self::Force | Self::Mute | Self::MuteAll | Self::DisableMute | Self::ForceUnpublish => "moderate",
            Self::RestForce | Self::RestMuteAll => "session-api",
            Self::Offer => "handshake",
            Self::Publish | Self::Unpublish | Self::UpdateStream => "publish",
        }
    }
}

/// What the calls of a function fail with, all of a kind.
fn failures(function: &str) -> Vec<Value> {
    let dynamodb = |operation: &str, error: &str| json!({ "fault": "dynamodb", "function": function, "operation": operation, "error": error });
    let management = |error: u16| json!({ "fault": "management", "function": function, "error": error });
    vec![
        dynamodb("Query", "throttle"),
        dynamodb("Query", "internal"),
        dynamodb("TransactWriteItems", "throttle"),
        dynamodb("TransactWriteItems", "conflict-cancelled"),
        dynamodb("DeleteItem", "internal"),
        management(429),
        management(500),
    ]
}

/// Ann's stream.
const STREAM: &str = "annscam1~ann";

/// A session, one who watches it, and whoever acts.
struct Case {
    name: String,
    session: String,
    watcher: Socket,
    /// Who is there, and since when, by what the watcher has heard; and whether an SFU is.
    there: BTreeMap<String, u64>,
    sfu: bool,
    /// The streams that it knows, and whether they have sound.
    streams: BTreeMap<String, bool>,
    /// Whether it is muted, by the highest version that it has heard of.
    muted: (u64, bool),
    /// The versions of the streams' sound.
    versions: BTreeMap<String, u64>,
    /// The socket of the one who acts, or is sent away.
    ann: Value,
    /// Ann, where somebody mutes her or ends her stream, and whether hers has sound by what she has heard; `None`: it has ended.
    publisher: Option<(Socket, Option<bool>)>,
    /// Kept open.
    _others: Vec<Socket>,
}

impl Case {
    /// Whether the watcher knows what is so, and nothing is owed any more; else what is wrong.
    async fn check(&mut self, stack: &Stack, project: &Project<'_>) -> Result<(), String> {
        self.listen().await;
        let (_, listed) = project.rest(Method::GET, &self.session, "/connection", None).await;
        let listed = listed["items"].as_array().unwrap().iter().map(|one| {
            (one["connectionId"].as_str().unwrap().to_owned(), one["createdAt"].as_u64().unwrap())
        });
        let listed: BTreeMap<_, _> = listed.filter(|(id, _)| id != "watcher").collect();
        let pk = format!("ROOM#{}", self.session);
        let items = stack.items("RoomsTable").await;
        let items: Vec<_> = items.iter().filter(|item| item["pk"] == pk).collect();
        let of = |prefix: &str| {
            items.iter().filter(|item| item["sk"].as_str().unwrap().starts_with(prefix)).count()
        };
        let open = stack.admin("/state").await["connections"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["connectionId"] == self.ann);
        let sent_away_and_open = self.name.contains("Force") && open && !listed.contains_key("ann");
        let (sfu, owed) = (of("SFU") > 0, of("OWED#"));
        let streams = items.iter().filter_map(|item| item["streams"].as_object()).flatten();
        let streams: BTreeMap<_, _> =
            streams.map(|(id, stream)| (id.clone(), stream["hasAudio"] == true)).collect();
        let mute = items.iter().find(|item| item["sk"] == "MUTE");
        let mute =
            mute.map_or((0, false), |mute| (mute["version"].as_u64().unwrap(), mute["active"] == true));
        let own = self.publisher.as_ref().is_none_or(|(_, sound)| *sound == streams.get(STREAM).copied());
        if (&self.there, self.sfu, owed, sent_away_and_open) == (&listed, sfu, 0, false)
            && (&self.streams, self.muted, own) == (&streams, mute, true)
        {
            return Ok(());
        }
        Err(format!(
            "{}: known are {:?}, SFU {}, {:?}, {:?}, by ann {:?}; there are {listed:?}, SFU {sfu}, {streams:?}, {mute:?}; owed {owed}; open {open}",
            self.name, self.there, self.sfu, self.streams, self.muted, self.publisher
        ))
    }

    fn end(&mut self, ids: &Value) {
        for id in ids.as_array().into_iter().flatten() {
            self.streams.remove(id.as_str().unwrap());
        }
    }

    fn sounds(&mut self, id: &Value, version: &Value, sound: bool) {
        let (id, version) = (id.as_str().unwrap().to_owned(), version.as_u64().unwrap());
        if self.versions.get(&id).is_none_or(|known| *known < version) {
            self.versions.insert(id.clone(), version);
            self.streams.insert(id, sound);
        }
    }

    async fn listen(&mut self) {
        if let Some((ann, sound)) = &mut self.publisher {
            for notice in ann.heard().await {
                match notice["type"].as_str().unwrap() {
                    "muteForced" if notice["streams"][0]["streamId"] == STREAM => *sound = Some(false),
                    "streamDestroyed" if notice["streamIds"][0] == STREAM => *sound = None,
                    _ => {}
                }
            }
        }
        for notice in self.watcher.heard().await {
            let connection = &notice["connection"];
            let id = connection["connectionId"].as_str().unwrap_or_default().to_owned();
            let since = connection["creationTime"].as_u64().unwrap_or_default();
            match notice["type"].as_str().unwrap() {
                "connectionCreated" => drop(self.there.insert(id, since)),
                "connectionDestroyed" if self.there.get(&id) == Some(&since) => {
                    self.there.remove(&id);
                    self.end(&notice["streams"]);
                }
                "streamCreated" => {
                    let stream = &notice["stream"];
                    let id = stream["streamId"].as_str().unwrap().to_owned();
                    self.streams.insert(id, stream["hasAudio"] == true);
                }
                "streamPropertyChanged" => {
                    self.sounds(
                        &notice["stream"]["streamId"],
                        &notice["version"],
                        notice["changes"][0]["newValue"] == true,
                    );
                }
                "streamDestroyed" => self.end(&notice["streamIds"]),
                "muteForced" => {
                    let version = notice["muteVersion"].as_u64().unwrap();
                    self.muted = self.muted.max((version, notice["active"] == true));
                    for stream in notice["streams"].as_array().into_iter().flatten() {
                        self.sounds(&stream["streamId"], &stream["version"], false);
                    }
                }
                "sfuConnect" => self.sfu = true,
                "sfuDisconnect" => self.sfu = false,
                _ => {}
            }
        }
    }
}

/// Strikes a function while it serves an action, the `nth` of its kind in this stack; answers with whether that came to pass.
#[expect(clippy::too_many_lines, reason = "a line or three for each action")]
async fn strike(
    stack: &Stack,
    project: &Project<'_>,
    action: Action,
    nth: usize,
    fault: Value,
) -> (Case, bool) {
    let session = project.routed().await;
    let join = async |role, id| project.join(&session, role, &json!({ "id": id })).await.0;
    let watcher = join("subscriber", "watcher").await;
    let mut ann = if action == Action::Join { stack.connect().await } else { join("publisher", "ann").await };
    let mut moderator = join("moderator", "moderator").await;
    let pk = format!("ROOM#{session}");
    let place = stack.rooms("PEER#ann").await.into_iter().find(|place| place["pk"] == pk);
    let socket = place.map(|place| place["connectionId"].clone()).unwrap_or_default();
    let mut sfu = None;
    let stream = json!({ "streamId": STREAM });
    if matches!(action, Action::Offer | Action::SfuIsLost | Action::SfuIsBack) {
        sfu = Some(Room::unclaimed(stack).await);
    }
    if matches!(action, Action::SfuIsLost | Action::SfuIsBack) {
        let answer = ann.request("handshake", offer("ann", &session, true)).await;
        assert_eq!(answer["type"], "ack", "{answer}");
    }
    // Whoever ends has a stream that ends with it.
    let has_stream = !matches!(action, Action::Join | Action::Publish);
    if has_stream {
        let answer = ann.request("publish", stream.clone()).await;
        assert_eq!(answer["type"], "published", "{answer}");
    }
    if action == Action::SfuIsBack {
        let before = stack.invocations("disconnect").await.len();
        let (room, socket) = sfu.take().unwrap();
        socket.cut();
        stack.invoked("disconnect", before + 1).await;
        sfu = Some((room.clone(), Socket::open(&room.signal_server_url).await.unwrap()));
    }

    let streams_before = usize::from(has_stream);
    if action.function() == "publish" {
        stack.invoked("publish", nth * (streams_before + 1) + streams_before).await;
    }
    // Whoever has identified is answered before its invocation has ended.
    let identified = if sfu.is_some() { 4 } else { 3 - usize::from(action == Action::Join) };
    let each = identified + usize::from(action.function() == "identify");
    stack.invoked("identify", nth * each + identified).await;
    let function = action.function();
    let before = stack.invocations(function).await.len();
    let struck = stack.fault(fault.clone()).await;
    let request = |action: &str, data: Value| json!({ "action": action, "data": data }).to_string();
    let mut others = vec![];
    match action {
        Action::Join => {
            let token = project.token(&session, &json!({}));
            ann.send(&request("identify", project.identity(&session, &token, &json!({ "id": "ann" })))).await;
        }
        Action::Leave => ann.send(&request("leave", json!({}))).await,
        Action::Offer => ann.send(&request("handshake", offer("ann", &session, true))).await,
        Action::Publish => ann.send(&request("publish", stream)).await,
        Action::Unpublish => ann.send(&request("unpublish", json!({ "streamId": STREAM }))).await,
        Action::UpdateStream => {
            ann.send(&request("updateStream", json!({ "streamId": STREAM, "hasAudio": false }))).await;
        }
        Action::Mute => moderator.send(&request("forceMuteStream", stream)).await,
        Action::MuteAll => moderator.send(&request("forceMuteAll", json!({}))).await,
        Action::DisableMute => moderator.send(&request("disableForceMute", json!({}))).await,
        Action::ForceUnpublish => moderator.send(&request("forceUnpublish", stream)).await,
        Action::RestMuteAll => {
            project.rest(Method::POST, &session, "/mute", Some(json!({ "active": true }))).await;
        }
        Action::Force => {
            moderator.send(&request("forceDisconnect", json!({ "connectionId": "ann" }))).await;
        }
        Action::RestForce => {
            project.rest(Method::DELETE, &session, "/connection/ann", None).await;
        }
        Action::SfuIsBack => {
            let (room, socket) = sfu.as_mut().unwrap();
            let data = json!({ "type": "sfu", "id": room.id, "features": [] });
            socket.send(&request("identify", data)).await;
        }
        Action::Close | Action::Cut | Action::SfuIsLost => {}
    }
    let mut publisher = None;
    match action {
        Action::Mute
        | Action::MuteAll
        | Action::DisableMute
        | Action::ForceUnpublish
        | Action::RestMuteAll => {
            publisher = Some((ann, Some(true)));
        }
        Action::Close => ann.close(1000).await,
        Action::Cut => ann.cut(),
        Action::Join
        | Action::Leave
        | Action::Force
        | Action::RestForce
        | Action::Offer
        | Action::Publish
        | Action::Unpublish
        | Action::UpdateStream
        | Action::SfuIsLost
        | Action::SfuIsBack => others.push(ann),
    }
    match (action, sfu) {
        (Action::SfuIsLost, Some((_, socket))) => socket.cut(),
        (_, sfu) => others.extend(sfu.map(|(_, socket)| socket)),
    }
    // A transaction that meets conflicts is tried again for up to twenty seconds, and no function runs for longer than this.
    let ended = async {
        while stack.invocations(function).await.len() <= before {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(40), ended).await.unwrap();
    let has_struck = stack.admin("/faults").await[0]["fired"] != 0;
    stack.no_fault(&struck).await;
    others.push(moderator);
    let case = Case {
        name: format!("{action:?}, {fault}"),
        session,
        watcher,
        there: BTreeMap::new(),
        sfu: false,
        streams: BTreeMap::new(),
        muted: (0, false),
        versions: BTreeMap::new(),
        ann: socket,
        publisher,
        _others: others,
    };
    (case, has_struck)
}

/// Strikes an action in every way, and waits until every picture is right; answers with what is wrong.
async fn matrix(action: Action) -> Vec<String> {
    let stack = Stack::with().parameter("MaxRooms", "99").parameter("MaxIdleRooms", "99").start().await;
    let project = Project::create(&stack).await;
    let mut cases = vec![];
    let mut killed = 0;
    loop {
        let kill = json!({ "fault": "kill", "function": action.function(), "afterCalls": killed + 1 });
        let (case, has_struck) = Box::pin(strike(&stack, &project, action, cases.len(), kill)).await;
        cases.push(case);
        if !has_struck {
            break;
        }
        killed += 1;
    }
    assert!(killed > 3, "{action:?} makes more calls than {killed}");
    for failure in failures(action.function()) {
        cases.push(Box::pin(strike(&stack, &project, action, cases.len(), failure)).await.0);
    }
    let until = Instant::now() + SOON;
    loop {
        let mut wrong = vec![];
        for case in &mut cases {
            wrong.extend(case.check(&stack, &project).await.err());
        }
        if wrong.is_empty() || Instant::now() > until {
            return wrong;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn everybodys_picture_is_right_soon_after_any_failure_of_any_call() {
    let wrong = join_all(ACTIONS.map(matrix)).await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The stream is not needed where somebody works in the room: here its function dies each time.
#[tokio::test]
async fn whoever_works_in_a_room_tells_what_it_is_owed() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut watcher, _) = project.join(&session, "publisher", &json!({ "id": "watcher" })).await;
    let (mut ann, _) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    watcher.next_of("connectionCreated").await;
    stack.fault(json!({ "fault": "kill", "function": "outbox", "afterCalls": 0 })).await;
    stack.fault(json!({ "fault": "kill", "function": "leave", "afterCalls": 2 })).await;
    ann.send(r#"{"action":"leave","data":{}}"#).await;
    stack.invoked("leave", 1).await;

    watcher.request("signal", json!({ "data": "too early for others" })).await;
    let early = watcher.heard().await;
    assert!(!early.iter().any(|notice| notice["type"] == "connectionDestroyed"), "{early:?}");
    sleep(PATIENCE).await;
    watcher.request("signal", json!({ "data": "late" })).await;
    assert_eq!(watcher.next_of("connectionDestroyed").await["connection"]["connectionId"], "ann");
    stack.invoked("signal", 2).await;
    assert_eq!(stack.rooms("OWED#").await, Vec::<Value>::new());
}

#[tokio::test]
async fn whoever_was_sent_away_hears_it_and_is_closed_also_when_that_fails_at_first() {
    let stack = Stack::start().await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut moderator, _) = project.join(&session, "moderator", &json!({ "id": "moderator" })).await;
    let (mut ann, identified) = project.join(&session, "publisher", &json!({ "id": "ann" })).await;
    let fault = json!({ "fault": "management", "error": 500, "connectionId": identified["connectionId"] });
    let fault = stack.fault(fault).await;
    let answer = moderator.request("forceDisconnect", json!({ "connectionId": "ann" })).await;
    assert_eq!(answer["type"], "ack");
    moderator.next_of("connectionDestroyed").await;
    stack.no_fault(&fault).await;
    assert_eq!(timeout(SOON, ann.next_of("goAway")).await.unwrap()["reason"], "forceDisconnected");
    ann.closed().await;
}

#[tokio::test]
async fn the_end_of_a_stay_that_is_told_late_is_not_that_of_the_next_one_on_the_same_socket() {
    let stack = Stack::start().await;
    let (room, mut sfu) = Room::claimed(&stack, "page").await;
    let mut bob = stack.join(&room.id, "bob").await;
    let mut ann = stack.join(&room.id, "ann").await;
    stack.fault(json!({ "fault": "kill", "function": "leave", "afterCalls": 2, "times": 1 })).await;
    ann.send(r#"{"action":"leave","data":{}}"#).await;
    stack.invoked("leave", 1).await;
    assert_eq!(stack.rooms("OWED#").await.len(), 1, "the function has died before it told anybody");
    ann.identify(&room.id, "ann").await;
    let told = async {
        while !stack.rooms("OWED#").await.is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, told).await.unwrap();
    for socket in [&mut sfu, &mut bob] {
        assert_eq!(socket.heard().await, Vec::<Value>::new());
    }
    ann.request("leave", json!({})).await;
    for socket in [&mut sfu, &mut bob] {
        assert_eq!(socket.next_of("clientDisconnect").await["clientId"], "ann");
    }
}

#[tokio::test]
async fn an_sfu_hears_that_a_stay_is_over_also_when_the_next_has_begun_on_its_socket() {
    let stack = Stack::start().await;
    let (_room, mut sfu) = Room::unclaimed(&stack).await;
    let project = Project::create(&stack).await;
    let session = project.routed().await;
    let (mut ann, before) = project.join_named(&session, "publisher", "ann", false).await;
    ann.request("publish", json!({})).await;
    ann.request("handshake", offer("ann", &session, true)).await;
    let streams = sfu.next_of("streams").await;
    assert_eq!(streams["creationTime"], before["connection"]["creationTime"]);
    stack.fault(json!({ "fault": "kill", "function": "leave", "afterCalls": 3, "times": 1 })).await;
    ann.send(r#"{"action":"leave","data":{}}"#).await;
    stack.invoked("leave", 1).await;
    assert_eq!(stack.rooms("OWED#").await.len(), 1, "the function has died before it told anybody");
    let identity = project.identity(&session, &project.token(&session, &json!({})), &json!({ "id": "ann" }));
    let after = ann.request("identify", identity).await;
    assert!(after["connection"]["creationTime"].as_u64() > before["connection"]["creationTime"].as_u64());
    let ended = timeout(SOON, sfu.next_of("clientDisconnect")).await.unwrap();
    assert_eq!(
        (&ended["creationTime"], &ended["rejoined"], &ended["connectionId"]),
        (&before["connection"]["creationTime"], &json!(true), &after["connectionId"])
    );
}
