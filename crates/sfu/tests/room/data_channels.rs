//! The data channels.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;
use super::joining::{all_meet, call, receives};
use super::world::World;

/// The last features of another peer that a client received.
fn last(world: &mut World, who: &str, of: &str) -> Value {
    let heard = world.client(who).features.iter().rfind(|said| said["id"] == of);
    heard.cloned().unwrap_or_default()
}

fn open(world: &mut World, people: &[&str]) {
    for id in people {
        world.until("the channels open", 5, |world| world.client(id).open);
    }
}

#[test]
fn chat_goes_to_all_others_and_says_who_sent_it() {
    let mut world = call(&["anna", "ben", "cleo"]);
    open(&mut world, &["anna", "ben", "cleo"]);
    world
        .client("anna")
        .send_chat(&json!({ "id": "m1", "sender": "Anna", "content": "hello", "from": "ben", "more": 1 }));
    let heard = json!({ "id": "m1", "sender": "Anna", "content": "hello", "from": "anna", "more": 1 });
    world
        .until("both hear it", 2, |world| ["ben", "cleo"].iter().all(|id| world.client(id).chats.len() == 1));
    assert_eq!((&world.clients["ben"].chats[0], &world.clients["cleo"].chats[0]), (&heard, &heard));
    world.seconds(1);
    assert!(world.clients["anna"].chats.is_empty());
}

#[test]
fn features_are_stamped_passed_on_and_kept_for_newcomers() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    let said = json!({
        "id": "somebody else", "features": { "audio": true, "video": false, "name": "Anna" }, "initialConnect": true,
        "connectionId": "anna-1", "presence": "gone",
    });
    world.client("anna").send_features(&said);
    world.until("ben hears", 2, |world| last(world, "ben", "anna") != Value::Null);
    let features = json!({ "audio": true, "video": false, "name": "Anna", "speaking": false });
    let heard = last(&mut world, "ben", "anna");
    assert_eq!(heard, json!({ "id": "anna", "features": features, "initialConnect": true }));
    world.join("cleo");
    world.until("cleo hears", 5, |world| last(world, "cleo", "anna") != Value::Null);
    assert_eq!(last(&mut world, "cleo", "anna"), json!({ "id": "anna", "features": features }));
}

#[test]
fn who_speaks_is_broadcast_and_does_not_flicker() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    world.client("anna").send_features(&json!({ "id": "anna", "features": { "audio": true } }));
    world.seconds(1);
    let speaking = |world: &mut World| -> Vec<bool> {
        let heard = world.client("ben").features.iter().filter(|said| said["id"] == "anna");
        heard.filter_map(|said| said["features"]["speaking"].as_bool()).collect()
    };
    world.client("anna").sources[0].loudness = -20;
    world.seconds(3);
    assert_eq!(speaking(&mut world), [false, true]);
    world.client("anna").sources[0].loudness = -80;
    world.pass(Duration::from_millis(400));
    world.client("anna").sources[0].loudness = -25;
    world.seconds(1);
    assert_eq!(speaking(&mut world), [false, true], "a pause for breath");
    world.client("anna").sources[0].muted = true;
    world.seconds(2);
    assert_eq!(speaking(&mut world), [false, true, false]);
    assert_eq!(last(&mut world, "ben", "anna")["features"]["audio"], true, "the rest is repeated");
}

#[test]
fn who_speaks_is_sent_its_own_features_if_it_has_named_its_connection() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    world
        .client("anna")
        .send_features(&json!({ "id": "anna", "features": { "audio": true }, "connectionId": "anna-1" }));
    world.seconds(1);
    world.client("anna").sources[0].loudness = -20;
    world.until("anna hears it", 3, |world| last(world, "anna", "anna")["features"]["speaking"] == true);
}

#[test]
fn the_sound_of_a_shared_screen_does_not_count_as_speech() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    let stream = world.client("anna").sources[0].stream.clone();
    world
        .client("anna")
        .send_features(&json!({ "id": "anna", "features": { "audio": false, "screen": stream } }));
    world.seconds(1);
    world.client("anna").sources[0].loudness = -20;
    world.seconds(3);
    assert_eq!(last(&mut world, "ben", "anna")["features"]["speaking"], false);
}

#[test]
fn lost_here_and_gone_are_broadcast() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    world.client("anna").send_features(&json!({ "id": "anna", "features": { "audio": true } }));
    world.seconds(1);
    world.disconnect("anna", "anna-1", "lost");
    world.until("lost", 2, |world| last(world, "ben", "anna")["presence"] == "lost");
    world.join("cleo");
    world.until("a newcomer hears of it", 5, |world| last(world, "cleo", "anna")["presence"] == "lost");
    world.reconnect("anna", "anna-2");
    world
        .client("anna")
        .send_features(&json!({ "id": "anna", "features": { "audio": true }, "connectionId": "anna-2" }));
    world.until("here", 2, |world| last(world, "ben", "anna")["presence"] == "here");
    world.disconnect("anna", "anna-1", "lost");
    world.seconds(1);
    assert_ne!(last(&mut world, "ben", "anna")["presence"], "lost", "that is old news");
    world.disconnect("anna", "anna-2", "left");
    world.until("gone", 2, |world| last(world, "ben", "anna")["presence"] == "gone");
    assert_eq!(world.room.gauges().peers, 2);
}

#[test]
fn a_newcomer_is_told_who_left_after_it_was_offered_their_media() {
    let mut world = call(&["anna", "ben"]);
    let cleo = Client::new("cleo", world.now);
    world.enter(cleo);
    world.until("anna is offered", 5, |world| world.client("cleo").receivers.contains_key("anna"));
    assert!(!world.client("cleo").open);
    world.clients.remove("anna");
    world.disconnect("anna", "anna-1", "left");
    world.until("cleo hears", 5, |world| last(world, "cleo", "anna")["presence"] == "gone");
}

#[test]
fn a_lost_peer_is_kept_for_the_grace_and_no_longer() {
    let mut world = call(&["anna", "ben"]);
    world.disconnect("anna", "anna-1", "lost");
    world.seconds(14);
    all_meet(&mut world, &["anna", "ben"]);
    assert_eq!(world.room.gauges().peers, 2);
    world.pass(Duration::from_millis(1_300));
    assert_eq!(world.room.gauges().peers, 1);
}

#[test]
fn a_peer_whose_ice_is_dead_is_removed_whatever_its_signaling_says() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    let gone: Vec<_> = world.client("anna").addresses();
    world.dead.extend(gone);
    world.seconds(9);
    assert_eq!(world.room.gauges().peers, 2, "a network may change");
    world.pass(Duration::from_millis(1_500));
    assert_eq!(world.room.gauges().peers, 1);
    world.until("ben hears", 2, |world| last(world, "ben", "anna")["presence"] == "gone");
}

#[test]
fn nonsense_floods_and_giants_on_the_channels_reach_nobody() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    for nonsense in [json!("text"), json!([1]), json!(null), json!({ "content": "x".repeat(17_000) })] {
        world.client("anna").send_chat(&nonsense);
        world.client("anna").send_features(&nonsense);
    }
    world.seconds(1);
    assert!(world.clients["ben"].chats.is_empty() && world.clients["ben"].features.is_empty());
    for n in 0..200 {
        world.client("anna").send_chat(&json!({ "content": n }));
        world.client("anna").send_features(&json!({ "features": { "n": n } }));
    }
    world.seconds(2);
    assert!(world.clients["ben"].chats.len() <= 60, "{}", world.clients["ben"].chats.len());
    world.until("the last word is heard in the end", 10, |world| {
        last(world, "ben", "anna")["features"]["n"] == 199
    });
}

#[test]
fn a_client_without_channels_gets_media_all_the_same() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.without_channels = true;
    ben.microphone();
    ben.camera(&[None]);
    world.enter(ben);
    all_meet(&mut world, &["anna", "ben"]);
}

/// An original client, which takes any message about a peer for a sign that it is there.
fn original(world: &mut World, id: &str) {
    let mut client = Client::new(id, world.now);
    client.original = true;
    client.microphone();
    client.camera(&[None]);
    world.enter(client);
}

/// How many features of another peer a client received, and how many offers of its media.
fn heard(world: &mut World, who: &str, of: &str) -> (usize, usize) {
    let features = world.client(who).features.iter().filter(|said| said["id"] == of).count();
    (
        features,
        world
            .said
            .iter()
            .filter(|said| said["data"]["receiver"] == who && said["data"]["remotePeerId"] == of)
            .count(),
    )
}

#[test]
fn a_client_that_knows_no_presence_is_sent_nothing_about_lost_or_gone_peers() {
    let mut world = call(&["anna", "ben"]);
    original(&mut world, "old");
    all_meet(&mut world, &["anna", "ben", "old"]);
    open(&mut world, &["anna", "ben", "old"]);
    for id in ["anna", "ben"] {
        world.client(id).send_features(
            &json!({ "id": id, "features": { "audio": true }, "connectionId": format!("{id}-1") }),
        );
    }
    world.until("all hear", 2, |world| {
        last(world, "old", "anna") != Value::Null && last(world, "old", "ben") != Value::Null
    });

    world.disconnect("anna", "anna-1", "lost");
    let before = heard(&mut world, "old", "anna");
    world.client("anna").sources[0].loudness = -10;
    world.until("ben hears that anna speaks", 5, |world| {
        last(world, "ben", "anna")["features"]["speaking"] == true
    });
    assert_eq!(
        last(&mut world, "ben", "anna")["presence"],
        "lost",
        "a word that is not repeated is taken back"
    );
    original(&mut world, "older");
    world.until("it sees ben", 5, |world| receives(world, "older", "ben"));
    open(&mut world, &["older"]);
    world.pass(Duration::from_millis(500));
    assert_eq!(heard(&mut world, "old", "anna"), before);
    assert_eq!(heard(&mut world, "older", "anna"), (0, 0), "nor is a newcomer offered its media");

    // It is back, under another socket: both see it anew, on connections of their own.
    world.reconnect("anna", "anna-2");
    world
        .client("anna")
        .send_features(&json!({ "id": "anna", "features": { "audio": true }, "connectionId": "anna-2" }));
    for id in ["old", "older"] {
        world.until("anna is seen again", 5, |world| receives(world, id, "anna"));
    }
    assert_ne!(last(&mut world, "ben", "anna")["presence"], "lost");

    for (who, reason) in [("anna", "left"), ("ben", "left")] {
        let before = [heard(&mut world, "old", who).0, heard(&mut world, "older", who).0];
        world.disconnect(who, &format!("{who}-{}", if who == "anna" { 2 } else { 1 }), reason);
        world.seconds(1);
        assert_eq!([heard(&mut world, "old", who).0, heard(&mut world, "older", who).0], before);
    }
}

#[test]
fn a_newcomer_that_knows_no_presence_is_sent_nothing_about_who_left_while_it_joined() {
    let mut world = call(&["anna", "ben"]);
    open(&mut world, &["anna", "ben"]);
    world
        .client("anna")
        .send_features(&json!({ "id": "anna", "features": { "audio": true }, "connectionId": "anna-1" }));
    world.pass(Duration::from_millis(200));
    original(&mut world, "old");
    world.disconnect("anna", "anna-1", "left");
    open(&mut world, &["old"]);
    world.seconds(1);
    assert_eq!(last(&mut world, "old", "anna"), Value::Null);
}

#[test]
fn features_of_a_peer_that_sends_none_are_derived_from_its_media() {
    let mut world = World::new();
    let mut anna = Client::new("anna", world.now);
    anna.original = true;
    anna.microphone();
    anna.camera(&[None]);
    world.enter(anna);
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
    world.until("ben is told of anna", 5, |world| !last(world, "ben", "anna").is_null());
    let features = |world: &mut World| {
        let said = last(world, "ben", "anna");
        (said["features"]["audio"].clone(), said["features"]["video"].clone())
    };
    assert_eq!(features(&mut world), (json!(true), json!(true)));
    let now = world.now;
    world.client("anna").end(1);
    world.client("anna").offer(now);
    world.until("ben is told", 5, |world| features(world) == (json!(true), json!(false)));
    world.join("cleo");
    world.until("cleo is told of anna", 5, |world| !world.client("cleo").features.is_empty());
    // What she says herself counts, whatever she sends.
    world.client("anna").send_features(&json!({ "features": { "audio": false } }));
    world.until("ben hears it", 5, |world| features(world) == (json!(false), json!(null)));
    world.seconds(5);
    assert_eq!(features(&mut world), (json!(false), json!(null)));
    assert!(last(&mut world, "anna", "ben").is_null(), "ben names his connection, and speaks for himself");
}

#[test]
fn derived_features_are_broadcast_once() {
    let mut world = World::new();
    original(&mut world, "anna");
    world.join("ben");
    world.until("ben receives them", 5, |world| !last(world, "ben", "anna").is_null());
    let before = heard(&mut world, "ben", "anna").0;
    world.seconds(5);
    assert_eq!(heard(&mut world, "ben", "anna").0, before);
}
