//! Joining, and what newcomers get of the others.

use std::time::Duration;

use super::client::{Client, Got};
use super::world::World;

/// Whether somebody gets both audio and video of another.
pub(crate) fn receives(world: &mut World, who: &str, of: &str) -> bool {
    let now = world.now;
    let recent = |got: &[Got]| got.last().is_some_and(|got| now - got.at < Duration::from_millis(300));
    world.client(who).receivers.get(of).is_some_and(|r| recent(r.audio()) && recent(r.video()))
}

/// Waits until everybody gets everybody else.
pub(crate) fn all_meet(world: &mut World, people: &[&str]) {
    for who in people {
        for of in people.iter().filter(|of| *of != who) {
            world.until(&format!("{who} gets {of}"), 10, |world| receives(world, who, of));
        }
    }
}

/// A world in which these people get each other.
pub(crate) fn call(people: &[&str]) -> World {
    let mut world = World::new();
    for id in people {
        world.join(id);
    }
    all_meet(&mut world, people);
    world
}

#[test]
fn two_people_see_and_hear_each_other() {
    let mut world = World::new();
    // Frames are under way when a key frame is asked for.
    world.latency = Duration::from_millis(60);
    world.join("anna");
    world.seconds(2);
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
    let got = &world.client("ben").receivers["anna"].video()[0];
    assert!(got.key, "a decoder cannot begin with anything else");
    assert!(got.orientation, "a phone that is held upright is not shown lying");
}

#[test]
fn two_people_join_in_the_same_instant() {
    let mut world = World::new();
    for id in ["anna", "ben", "cleo"] {
        world.join(id);
    }
    all_meet(&mut world, &["anna", "ben", "cleo"]);
    for id in ["anna", "ben", "cleo"] {
        assert_eq!(world.offers_to(id), 2, "each is told of each once");
    }
}

#[test]
fn a_newcomer_is_offered_what_the_others_send_before_its_own_connection_is_up() {
    let mut world = call(&["anna", "cleo"]);
    let ben = Client::new("ben", world.now);
    world.dead.push(ben.producer.address);
    world.enter(ben);
    world.until("ben gets anna", 5, |world| receives(world, "ben", "anna"));
}

#[test]
fn a_late_joiner_can_decode_a_call_that_has_gone_on_for_long() {
    let mut world = World::new();
    world.join("anna");
    // Its sequence numbers have gone round since.
    world.client("anna").sources[1].encodings[0].skip(65_536 - 200);
    world.seconds(20);
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
    assert!(world.client("ben").receivers["anna"].video()[0].seq < 65_536);
}

#[test]
fn a_person_who_only_watches_is_offered_and_offers_nothing() {
    let mut world = call(&["anna", "ben"]);
    let watcher = Client::new("cleo", world.now);
    world.enter(watcher);
    for of in ["anna", "ben"] {
        world.until("cleo gets all", 5, |world| receives(world, "cleo", of));
    }
    assert!(!world.client("anna").receivers.contains_key("cleo"));
}

#[test]
fn a_person_who_leaves_before_producing_leaves_no_trace() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    world.enter(ben);
    world.pass(Duration::from_millis(15));
    assert_eq!(world.room.gauges().peers, 2, "its offer has come");
    world.clients.remove("ben");
    world.disconnect("ben", "ben-1", "left");
    world.seconds(2);
    assert_eq!((world.room.gauges().peers, world.offers_to("anna")), (1, 0));
}

#[test]
fn a_person_whose_connection_never_comes_up_is_forgotten() {
    let mut world = World::new();
    world.join("anna");
    let ben = Client::new("ben", world.now);
    let address = ben.producer.address;
    world.dead.push(address);
    world.enter(ben);
    world.seconds(20);
    assert_eq!(world.room.gauges().peers, 2);
    world.seconds(12);
    assert_eq!(world.room.gauges().peers, 1);
    assert_eq!(world.offers_to("anna"), 0, "nobody was told of it");
}

#[test]
fn a_check_finds_the_connection_that_it_names_though_another_s_had_its_address() {
    let mut world = call(&["anna", "cleo"]);
    let mut ben = Client::new("ben", world.now);
    // A network gives the address of somebody who has just gone to the next one.
    let gone = world.clients.remove("anna").unwrap();
    world.dead.push(ben.producer.address);
    ben.moved(gone.producer.address);
    world.enter(ben);
    world.until("ben's connection is up", 5, |world| world.client("ben").producer.connected);
}

#[test]
fn an_original_client_is_served() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.original = true;
    ben.microphone();
    ben.camera(&[None]);
    world.enter(ben);
    let candidate = serde_json::json!({
        "type": "producer", "sender": "ben", "roomId": "room",
        "candidate": { "candidate": "candidate:1 1 udp 1 x.local 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0 },
    });
    world.gateway(&candidate);
    all_meet(&mut world, &["anna", "ben"]);
    // Its gateway gives neither a connection nor a reason.
    world.gateway(&serde_json::json!({ "type": "clientDisconnect", "clientId": "ben" }));
    assert_eq!(world.room.gauges().peers, 1);
}

#[test]
fn an_offer_keeps_the_streams_of_its_producer_and_is_small() {
    let mut world = World::new();
    let mut anna = Client::new("anna", world.now);
    anna.microphone();
    anna.camera(&[None]);
    anna.video("screen", &[None]);
    world.enter(anna);
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
    let offers = &world.client("ben").receivers["anna"].offers;
    assert!(offers[0].contains("a=msid:camera ") && offers[0].contains("a=msid:screen "));
    let one = &world.client("anna").receivers["ben"].offers[0];
    assert!(one.len() < 3_000, "{} bytes", one.len());
    assert_eq!(one.matches("a=candidate:").count(), 2, "one for UDP, one for TCP: {one}");
    assert!(one.contains("a=ice-lite") && one.contains("tcptype passive"));
}

#[test]
fn a_full_room_admits_nobody() {
    let mut world = World::new();
    for n in 0..70 {
        let client = Client::new(&format!("peer{n}"), world.now);
        world.enter(client);
        // So many at a time: of those who are not up yet there may be 32.
        if n % 16 == 15 {
            world.until("they are up", 5, |world| world.room.counters().joins > n);
        }
    }
    world.pass(Duration::from_millis(40));
    assert_eq!(world.room.gauges().peers, 64);
    let refused: Vec<_> = world.clients.values().flat_map(|client| &client.refusals).collect();
    assert_eq!(refused.len(), 6);
    assert!(refused.iter().all(|why| why["code"] == "room_full"), "and says so: {refused:?}");
}

#[test]
fn offers_that_nothing_comes_of_keep_nobody_out_and_nobody_s_place() {
    let mut world = call(&["anna", "ben"]);
    for n in 0..100 {
        let filler = Client::new(&format!("filler{n}"), world.now);
        world.dead.push(filler.producer.address);
        world.enter(filler);
    }
    world.pass(Duration::from_millis(40));
    assert_eq!(world.room.gauges().peers, 2 + 32);
    world.join("cleo");
    all_meet(&mut world, &["anna", "ben", "cleo"]);

    for n in 0..30 {
        let guest = Client::new(&format!("guest{n}"), world.now);
        world.enter(guest);
    }
    world.until("they are up", 5, |world| world.room.counters().joins == 33);
    for n in 0..62 {
        let filler = Client::new(&format!("other{n}"), world.now);
        world.dead.push(filler.producer.address);
        world.enter(filler);
    }
    world.pass(Duration::from_millis(40));
    assert_eq!(world.room.gauges().peers, 64, "all places are taken");
    world.join("dora");
    all_meet(&mut world, &["anna", "ben", "cleo", "dora"]);
}
