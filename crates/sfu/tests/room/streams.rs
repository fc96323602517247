//! The streams of a session: which tracks are forwarded, to whom, and what is said when none comes.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, Got};
use super::joining::{all_meet, receives};
use super::world::World;

const CAMERA: &str = "cameraAA~anna";

/// Anna sends audio and video as one stream, of which the gateway has said nothing.
fn anna(world: &World) -> Client {
    let mut anna = Client::new("anna", world.now);
    anna.microphone();
    anna.camera(&[None]);
    anna.streams.insert("camera".into(), CAMERA.into());
    anna
}

fn watcher(world: &World, id: &str, explicit: bool) -> Client {
    let mut client = Client::new(id, world.now);
    client.explicit = explicit;
    client
}

/// Anna, ben who receives everything, and cleo who receives what she has subscribed to. Nothing is published.
fn session() -> World {
    let mut world = World::new();
    let publisher = anna(&world);
    world.enter(publisher);
    for (id, explicit) in [("ben", false), ("cleo", true)] {
        let client = watcher(&world, id, explicit);
        world.enter(client);
    }
    for who in ["ben", "cleo"] {
        world.until("the offer is taken", 5, |world| {
            world.clients[who].receivers.get("anna").is_some_and(|anna| anna.connection.connected)
        });
    }
    world.seconds(1);
    world
}

fn published() -> World {
    let mut world = session();
    world.publish("anna", &[(CAMERA, true, true)]);
    world.until("ben gets it", 2, |world| receives(world, "ben", "anna"));
    world
}

/// How many packets of audio and of video have come to somebody of anna.
fn got(world: &World, who: &str) -> (usize, usize) {
    let receiver = &world.clients[who].receivers["anna"];
    (receiver.audio().len(), receiver.video().len())
}

/// Which kinds come to somebody within a second.
fn comes(world: &mut World, who: &str) -> (bool, bool) {
    // What is under way.
    world.pass(Duration::from_millis(50));
    let before = got(world, who);
    world.seconds(1);
    let after = got(world, who);
    (after.0 > before.0, after.1 > before.1)
}

fn no_hole(got: &[Got]) {
    assert!(got.len() > 5 && got.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "{got:?}");
}

fn unpublished(world: &World) -> Vec<&Value> {
    world.said.iter().filter(|said| said["action"] == "unpublish").map(|said| &said["data"]).collect()
}

#[test]
fn what_is_part_of_a_stream_is_offered_as_such_and_forwarded_once_it_is_published() {
    let mut world = session();
    for who in ["ben", "cleo"] {
        let anna = &world.clients[who].receivers["anna"];
        let streams: Vec<_> = anna.streams[0].as_object().unwrap().iter().collect();
        let mids: Vec<String> = anna.tracks.iter().map(|track| track.mid.to_string()).collect();
        assert_eq!(streams.len(), 2);
        assert!(streams.iter().all(|(mid, stream)| mids.contains(mid) && **stream == CAMERA), "{streams:?}");
    }
    assert_eq!((comes(&mut world, "ben"), world.room.counters().forwarded), ((false, false), 0));
    world.publish("anna", &[(CAMERA, true, true)]);
    assert_eq!(comes(&mut world, "ben"), (true, true));
    assert!(world.client("ben").receivers["anna"].video()[0].key);
    let notice = world.streams_of("anna", "anna-1");
    world.publish("anna", &[]);
    let forwarded = world.room.counters().forwarded;
    assert_eq!((comes(&mut world, "ben"), world.room.counters().forwarded), ((false, false), forwarded));
    world.gateway(&notice);
    assert_eq!(comes(&mut world, "ben"), (false, false), "that was said before");
}

#[test]
fn tracks_that_are_part_of_no_stream_are_forwarded_to_everybody() {
    let mut world = World::new();
    world.join("anna");
    let cleo = watcher(&world, "cleo", true);
    world.enter(cleo);
    world.until("she gets all", 5, |world| receives(world, "cleo", "anna"));
    assert!(world.said.iter().all(|said| said["data"].get("streams").is_none()));
    assert_eq!(world.room.counters().withheld, 0);
}

#[test]
fn what_is_switched_off_is_not_sent_and_comes_back_without_a_hole() {
    let mut world = published();
    world.publish("anna", &[(CAMERA, false, true)]);
    let withheld = world.room.counters().withheld;
    assert_eq!(comes(&mut world, "ben"), (false, true));
    assert!(world.room.counters().withheld > withheld + 40);
    world.publish("anna", &[(CAMERA, true, false)]);
    assert_eq!(comes(&mut world, "ben"), (true, false));
    let videos = got(&world, "ben").1;
    world.publish("anna", &[(CAMERA, true, true)]);
    assert_eq!(comes(&mut world, "ben"), (true, true));
    let anna = &world.client("ben").receivers["anna"];
    assert!(anna.video()[videos].key);
    no_hole(anna.audio());
    no_hole(anna.video());
}

#[test]
fn who_is_muted_does_not_speak() {
    let mut world = published();
    world.until("the channels are open", 5, |world| world.client("anna").open && world.client("ben").open);
    world.client("anna").send_features(&json!({ "features": { "audio": true } }));
    world.client("anna").sources[0].loudness = -20;
    let speaks = |world: &World| {
        world.clients["ben"].features.last().is_some_and(|f| f["features"]["speaking"] == true)
    };
    world.until("she speaks", 3, |world| speaks(world));
    world.publish("anna", &[(CAMERA, false, true)]);
    world.until("she does not", 3, |world| !speaks(world));
    world.seconds(2);
    assert!(!speaks(&world));
}

#[test]
fn who_subscribes_explicitly_gets_what_it_has_subscribed_to() {
    let mut world = published();
    assert_eq!(comes(&mut world, "cleo"), (false, false));
    world.subscribe("cleo", CAMERA, true, false);
    assert_eq!(comes(&mut world, "cleo"), (true, false));
    world.subscribe("cleo", CAMERA, true, true);
    assert_eq!(comes(&mut world, "cleo"), (true, true));
    let (forwarded, before) = (world.room.counters().forwarded, got(&world, "ben"));
    world.subscribe("cleo", CAMERA, false, false);
    let withheld = world.room.counters().withheld;
    assert_eq!((comes(&mut world, "cleo"), comes(&mut world, "ben")), ((false, false), (true, true)));
    let after = got(&world, "ben");
    let to_ben = (after.0 - before.0 + after.1 - before.1) as u64;
    let more = world.room.counters().forwarded - forwarded;
    assert!(more.abs_diff(to_ben) < 10, "{more} were forwarded, {to_ben} of them to ben");
    assert!(world.room.counters().withheld > withheld + 80);
    let requests = |world: &World| world.clients["anna"].sources[1].encodings[0].requests.len();
    let (videos, asked) = (got(&world, "cleo").1, requests(&world));
    world.subscribe("cleo", CAMERA, true, true);
    assert_eq!(comes(&mut world, "cleo"), (true, true));
    assert!(requests(&world) > asked);
    let anna = &world.client("cleo").receivers["anna"];
    assert!(anna.video()[videos].key && anna.video()[0].key);
    no_hole(anna.audio());
    no_hole(anna.video());
    world.publish("anna", &[(CAMERA, false, true)]);
    assert_eq!(comes(&mut world, "cleo"), (false, true), "nobody gets what is switched off");
    world.publish("anna", &[]);
    world.publish("anna", &[(CAMERA, true, true)]);
    assert_eq!(comes(&mut world, "cleo"), (false, false), "her subscription has ended with the stream");
}

#[test]
fn a_receiver_s_last_offer_says_whether_it_subscribes() {
    let mut world = published();
    let now = world.now;
    for (id, explicit) in [("ben", true), ("cleo", false)] {
        world.client(id).explicit = explicit;
        world.client(id).microphone();
        world.client(id).offer(now);
    }
    world.seconds(1);
    assert_eq!((comes(&mut world, "ben"), comes(&mut world, "cleo")), ((false, false), (true, true)));
}

#[test]
fn what_the_gateway_says_may_come_before_any_offer() {
    let mut world = World::new();
    let (anna, cleo) = (anna(&world), watcher(&world, "cleo", true));
    world.subscribe("cleo", CAMERA, true, true);
    world.publish_silently("anna", &[(CAMERA, true, true)]);
    let notice = world.streams_of("anna", "anna-1");
    world.gateway(&notice);
    world.enter(cleo);
    world.seconds(2);
    world.enter(anna);
    world.until("cleo gets it", 5, |world| receives(world, "cleo", "anna"));
}

#[test]
fn nobody_offers_a_stream_of_another_s() {
    let mut world = World::new();
    let map = |stream: &str| -> Value { json!({ "0": stream }) };
    let eight: Value = (0..9).map(|n| (n.to_string(), json!(format!("stream0{n}~anna")))).collect();
    for (streams, code) in [
        (map("cameraAA~ben"), "not_own_stream"),
        (map("camera~anna"), "not_own_stream"),
        (map("cameraA-~anna"), "not_own_stream"),
        (map("cameraAA~ben~anna"), "not_own_stream"),
        (json!("cameraAA~anna"), "not_own_stream"),
        (json!({ "0": 1 }), "not_own_stream"),
        (eight, "too_many_streams"),
    ] {
        let mut offer = anna(&world);
        offer.offer(world.now);
        let mut offer = offer.first_offer;
        offer["streams"] = streams;
        world.gateway(&offer);
        let answer = &world.said.last().unwrap()["data"];
        assert_eq!(
            (&answer["refused"]["code"], &answer["description"]["type"]),
            (&code.into(), &"rollback".into())
        );
    }
    assert_eq!(world.room.gauges().peers, 0);
}

#[test]
fn a_track_may_become_part_of_a_stream_and_of_another() {
    let mut world = World::new();
    let mut anna = anna(&world);
    anna.streams.clear();
    world.enter(anna);
    let ben = watcher(&world, "ben", false);
    world.enter(ben);
    world.until("ben gets it", 5, |world| receives(world, "ben", "anna"));
    for stream in [CAMERA, "anotherA~anna"] {
        let now = world.now;
        world.publish("anna", &[(stream, true, true)]);
        world.client("anna").streams.insert("camera".into(), stream.into());
        world.client("anna").audio("more");
        world.client("anna").offer(now);
        let told = |world: &World| world.clients["ben"].receivers["anna"].streams.last().cloned().unwrap();
        let is_told = |world: &mut World| {
            told(world)
                .as_object()
                .is_some_and(|told| told.len() == 2 && told.values().all(|told| told == stream))
        };
        world.until("ben is told", 2, is_told);
        assert_eq!(comes(&mut world, "ben"), (true, true));
    }
}

#[test]
fn a_word_that_was_lost_is_made_up_for() {
    // Of what is offered nothing has been heard: another SFU may have.
    let mut world = session();
    world.publish_silently("anna", &[(CAMERA, true, true)]);
    let now = world.now;
    world.client("anna").microphone();
    world.client("anna").offer(now);
    world.until("ben gets it", 3, |world| receives(world, "ben", "anna"));
    // A mute, and an end.
    world.publish_silently("anna", &[(CAMERA, false, true)]);
    world.seconds(61);
    assert_eq!(comes(&mut world, "ben"), (false, true));
    world.publish_silently("anna", &[]);
    world.seconds(61);
    assert_eq!(comes(&mut world, "ben"), (false, false));
}

#[test]
fn an_answer_that_is_older_than_a_word_ends_no_stream() {
    let mut world = published();
    world.publish("anna", &[]);
    world.lists_after = Some(Duration::from_secs(2));
    let asked = world.asked().len();
    world.until("she is asked for", 61, |world| world.asked().len() > asked);
    world.publish("anna", &[(CAMERA, true, true)]);
    world.seconds(3);
    assert_eq!(comes(&mut world, "ben"), (true, true));
}

#[test]
fn streams_end_with_the_stay_and_the_next_one_counts_anew() {
    let mut world = published();
    world.publish("anna", &[(CAMERA, true, true)]);
    let late = world.streams_of("anna", "anna-1");
    world.disconnect("anna", "anna-1", "lost");
    assert_eq!(comes(&mut world, "ben"), (false, false));
    world.gateway(&late);
    assert_eq!(comes(&mut world, "ben"), (false, false));
    world.published.clear();
    world.reconnect("anna", "anna-2");
    world.publish("anna", &[(CAMERA, true, true)]);
    assert_eq!(comes(&mut world, "ben"), (true, true), "version 1 of a newer socket");
    world.disconnect("anna", "anna-1", "lost");
    assert_eq!(comes(&mut world, "ben"), (true, true), "the end of an older one");
}

#[test]
fn a_stay_that_goes_on_on_an_older_socket_can_be_muted() {
    let mut world = published();
    world.reconnect("anna", "anna-3");
    world.publish("anna", &[(CAMERA, true, true)]);
    world.reconnect("anna", "anna-2");
    world.publish("anna", &[(CAMERA, false, true)]);
    assert_eq!(comes(&mut world, "ben"), (false, true));
}

#[test]
fn a_stay_that_ends_unheard_while_the_next_one_begins_on_its_socket_takes_its_streams_with_it() {
    let mut world = published();
    for _ in 0..3 {
        world.publish("anna", &[(CAMERA, true, true)]);
    }
    let mut notice = world.end_of("anna", "anna-1", "left");
    world.end("anna", "anna-1");
    world.ended.clear();
    world.published.clear();
    world.reconnect("anna", "anna-1");
    notice["rejoined"] = true.into();
    world.gateway(&notice);
    assert_eq!(comes(&mut world, "ben"), (false, false));
    assert_eq!(world.room.gauges().peers, 3);
    world.publish("anna", &[(CAMERA, true, true)]);
    assert_eq!(comes(&mut world, "ben"), (true, true), "version 1 after version 4");
    notice["rejoined"] = false.into();
    world.gateway(&notice);
    world.publish("anna", &[(CAMERA, false, true)]);
    assert_eq!(comes(&mut world, "ben"), (false, true), "the end of the former stay, told late");
}

#[test]
fn the_roster_is_believed_though_a_clock_was_slow() {
    let mut world = published();
    let mut later = world.streams_of("anna", "anna-1");
    (later["creationTime"], later["streams"]) = (9.into(), json!([]));
    world.gateway(&later);
    assert_eq!(comes(&mut world, "ben"), (false, false));
    world.until("she is asked for", 61, |world| comes(world, "ben") == (true, true));
}

#[test]
fn a_stream_whose_media_never_comes_is_reported_once() {
    let mut world = session();
    for source in &mut world.client("anna").sources {
        source.muted = true;
    }
    // One that was offered, and one of somebody who never offered anything.
    world.publish("anna", &[("other000~anna", true, false)]);
    world.publish_silently("dora", &[("cameraDD~dora", true, true)]);
    let notice = world.streams_of("dora", "dora-1");
    world.gateway(&notice);
    world.seconds(29);
    assert!(unpublished(&world).is_empty());
    world.delivers = false;
    world.seconds(60);
    assert!(unpublished(&world).len() > 20, "nobody has acknowledged it");
    world.delivers = true;
    world.seconds(4);
    let said = unpublished(&world).len();
    world.seconds(120);
    assert_eq!(unpublished(&world).len(), said);
    assert_eq!(world.room.counters().streams_over, 2);
    let of = |id: &str| json!({ "roomId": "room", "streamId": id });
    for id in ["other000~anna", "cameraDD~dora"] {
        assert!(unpublished(&world).contains(&&of(id)));
    }
}

#[test]
fn a_stream_whose_media_stops_is_reported_unless_it_is_switched_off() {
    let mut world = published();
    // One kind of it is enough.
    world.client("anna").sources[1].muted = true;
    world.seconds(90);
    assert!(unpublished(&world).is_empty());
    world.publish("anna", &[(CAMERA, false, false)]);
    world.client("anna").sources[0].muted = true;
    world.seconds(120);
    assert!(unpublished(&world).is_empty());
    world.publish("anna", &[(CAMERA, true, false)]);
    world.seconds(58);
    assert!(unpublished(&world).is_empty());
    world.seconds(4);
    assert_eq!(unpublished(&world), [&json!({ "roomId": "room", "streamId": CAMERA })]);
    world.client("anna").sources[0].muted = false;
    world.seconds(5);
    world.client("anna").sources[0].muted = true;
    world.seconds(120);
    assert_eq!(unpublished(&world).len(), 1);
}

#[test]
fn a_connection_that_fails_is_no_media_that_stops() {
    let mut world = published();
    let address = world.client("anna").producer.address;
    world.dead.push(address);
    world.seconds(180);
    assert_eq!(world.room.gauges().peers, 2);
    assert!(unpublished(&world).is_empty());
    let now = world.now;
    world.client("anna").reconnect(now);
    world.client("anna").offer(now);
    world.until("she is back, and so is her stream", 5, |world| receives(world, "ben", "anna"));
}

#[test]
fn what_is_to_be_said_of_a_stream_that_has_ended_is_not_said() {
    let mut world = session();
    for source in &mut world.client("anna").sources {
        source.muted = true;
    }
    world.publish("anna", &[("other000~anna", true, true)]);
    world.delivers = false;
    world.until("it is said", 31, |world| !unpublished(world).is_empty());
    world.publish("anna", &[]);
    let said = unpublished(&world).len();
    world.seconds(20);
    assert_eq!(unpublished(&world).len(), said);
}

#[test]
fn streams_do_not_disturb_those_who_know_none() {
    let mut world = published();
    world.join("dan");
    world.join("eve");
    all_meet(&mut world, &["dan", "eve"]);
    world.until("dan gets the stream", 5, |world| receives(world, "dan", "anna"));
}
