//! People of a session: their room has an id of its own, and the SFU's is another.

use std::time::Duration;

use arbiter_sfu::room::Exit;
use serde_json::{Value, json};

use super::client::Client;
use super::joining::{all_meet, receives};
use super::world::World;

const SESSION: &str = "1_MX4xMjM0NTY3OH5-MTc5NTI1MTExMDM1Mn4";

/// Somebody who sends, in a room.
fn person(world: &World, id: &str, room: &str) -> Client {
    let mut client = Client::new(id, world.now);
    client.room = room.into();
    client.microphone();
    client.camera(&[None]);
    client.streams.insert("camera".into(), stream(id));
    client
}

fn stream(id: &str) -> String {
    format!("cameraAA~{id}")
}

fn join(world: &mut World, id: &str, room: &str) {
    let client = person(world, id, room);
    world.enter(client);
    world.publish(id, &[(&stream(id), true, true)]);
}

/// A world in which two people of the session get each other.
fn session() -> World {
    let mut world = World::new();
    join(&mut world, "anna", SESSION);
    join(&mut world, "AdaZkdJ3IAMCKmg=", SESSION);
    all_meet(&mut world, &["anna", "AdaZkdJ3IAMCKmg="]);
    world
}

fn handshakes(world: &World) -> impl Iterator<Item = &Value> {
    world.said.iter().filter(|said| said["action"] == "handshake").map(|said| &said["data"])
}

#[test]
fn all_messages_to_peers_of_a_session_have_their_room_and_come_from_the_sfu() {
    let mut world = session();
    let now = world.now;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.client("AdaZkdJ3IAMCKmg=").refresh(now, "b-2");
    world.client("AdaZkdJ3IAMCKmg=").offer(now);
    all_meet(&mut world, &["anna", "AdaZkdJ3IAMCKmg="]);
    assert!(handshakes(&world).count() >= 7);
    for told in handshakes(&world) {
        assert_eq!((&told["roomId"], &told["sender"]), (&json!(SESSION), &json!("room")), "{told}");
    }
}

#[test]
fn what_is_part_of_no_stream_goes_to_nobody_in_a_session() {
    let mut world = session();
    let mut cleo = person(&world, "cleo", SESSION);
    cleo.streams.clear();
    world.enter(cleo);
    world.until("she gets anna", 10, |world| receives(world, "cleo", "anna"));
    let withheld = world.room.counters().withheld;
    world.seconds(3);
    assert!(world.room.counters().withheld > withheld + 100);
    let cleo = &world.client("anna").receivers["cleo"];
    assert_eq!((cleo.audio().len(), cleo.video().len()), (0, 0));
}

#[test]
fn people_of_any_other_room_are_never_served() {
    let mut world = session();
    let mut mallory = person(&world, "mallory", "room");
    mallory.offer(world.now);
    let offer = mallory.first_offer.clone();
    for room in ["room", "1_another"] {
        let mut offer = offer.clone();
        offer["roomId"] = room.into();
        world.gateway(&offer);
    }
    assert_eq!(world.room.gauges().peers, 2);
    for id in ["anna", "AdaZkdJ3IAMCKmg="] {
        world.disconnect(id, &format!("{id}-1"), "left");
    }
    // Not even when nobody is left of the session.
    world.gateway(&offer);
    assert_eq!(world.room.gauges().peers, 0);
    join(&mut world, "anna-again", SESSION);
    world.until("she is served", 5, |world| world.client("anna-again").producer.connected);
}

#[test]
fn a_handshake_of_another_room_changes_nothing() {
    let mut world = session();
    let offers = world.offers_to("anna");
    let rollback = json!({
        "type": "consumer", "sender": "anna", "roomId": "room", "remotePeerId": "AdaZkdJ3IAMCKmg=",
        "description": { "type": "rollback", "sdp": "" },
    });
    world.gateway(&rollback);
    world.seconds(2);
    assert_eq!(world.offers_to("anna"), offers);
    assert!(receives(&mut world, "anna", "AdaZkdJ3IAMCKmg="));
}

#[test]
fn offers_that_are_refused_do_not_say_which_room_is_served() {
    let mut world = World::new();
    // The first cannot be read; what is wrong with the second is found by the connection.
    for sdp in ["nonsense", "v=0\r\na=fingerprint:sha-256 00\r\n"] {
        let description = json!({ "type": "offer", "sdp": sdp });
        let offer = json!({ "type": "producer", "sender": "mallory", "roomId": "1_another", "description": description });
        world.gateway(&offer);
    }
    assert_eq!((world.room.counters().bad_descriptions, world.room.gauges().peers), (2, 0));
    join(&mut world, "anna", SESSION);
    join(&mut world, "ben", SESSION);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_room_that_a_session_has_claimed_is_no_spare() {
    let mut world = World::unidentified(|settings| settings.room_idle = Duration::from_secs(20));
    let now = world.now;
    world.room.gateway_opened(now);
    join(&mut world, "anna", SESSION);
    world.until("anna is served", 5, |world| world.client("anna").producer.connected);
    world.clients.clear();
    world.disconnect("anna", "anna-1", "left");
    world.seconds(22);
    let leaves: Vec<&Value> = world.said.iter().filter(|said| said["action"] == "leave").collect();
    assert_eq!((leaves.len(), &leaves[0]["data"], &world.exit), (1, &json!({}), &Some(Exit::Left)));
}
