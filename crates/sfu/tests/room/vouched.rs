//! Who is there, and over which socket, is the gateway's word. What it says may be lost; what clients say of it counts for nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;
use super::joining::{all_meet, call, receives};
use super::world::World;

/// What somebody was last told about somebody's presence.
fn presence(world: &World, who: &str, of: &str) -> Value {
    let told = world.clients[who].features.iter().filter(|said| said["id"] == of);
    told.filter_map(|said| said.get("presence")).next_back().cloned().unwrap_or_default()
}

fn says_it_is_on(world: &mut World, who: &str, socket: &str) {
    world.client(who).send_features(&json!({ "features": { "audio": true }, "connectionId": socket }));
}

/// A call in which everybody has said something on the features channel.
fn with_features(people: &[&str]) -> World {
    let mut world = call(people);
    world.until("the channels are open", 5, |world| world.clients.values().all(|client| client.open));
    for id in people {
        says_it_is_on(&mut world, id, &format!("{id}-1"));
    }
    world.seconds(1);
    world
}

/// How many packets of somebody have come to somebody.
fn packets(world: &World, who: &str, of: &str) -> usize {
    let receiver = world.clients[who].receivers.get(of);
    receiver.map_or(0, |receiver| receiver.audio().len() + receiver.video().len())
}

#[test]
fn whoever_is_sent_away_is_gone_at_once_whatever_it_has_claimed() {
    let mut world = with_features(&["anna", "ben"]);
    says_it_is_on(&mut world, "anna", "not-her-socket");
    let mut offer = world.client("anna").first_offer.clone();
    offer["connectionId"] = "not-her-socket".into();
    world.relay(&offer, "anna-1");
    world.seconds(2);
    let before = packets(&world, "ben", "anna");
    world.disconnect("anna", "anna-1", "left");
    world.pass(Duration::from_millis(200));
    let after = packets(&world, "ben", "anna");
    assert!(before > 0);
    world.seconds(2);
    assert_eq!((world.room.gauges().peers, packets(&world, "ben", "anna")), (1, after));
    assert_eq!(presence(&world, "ben", "anna"), "gone");
}

#[test]
fn a_client_that_says_it_has_another_socket_is_a_reason_to_ask_and_nothing_more() {
    let mut world = with_features(&["anna", "ben"]);
    world.disconnect("anna", "anna-1", "lost");
    says_it_is_on(&mut world, "anna", "anna-2");
    world.seconds(2);
    assert_eq!(world.asked(), [["anna"]]);
    assert_eq!(presence(&world, "ben", "anna"), "lost", "she was no member, whatever she said");
    world.until("her grace is over", 15, |world| world.room.gauges().peers == 1);

    let mut world = with_features(&["anna", "ben"]);
    world.disconnect("anna", "anna-1", "lost");
    world.reconnect("anna", "anna-2");
    says_it_is_on(&mut world, "anna", "anything");
    world.until("she is back", 2, |world| presence(world, "ben", "anna") == "here");
    world.disconnect("anna", "anything", "lost");
    world.seconds(20);
    assert_eq!(world.room.gauges().peers, 2, "the gateway knew where she was");
}

#[test]
fn questions_out_of_turn_are_one_a_second_however_much_is_claimed() {
    let mut world = with_features(&["anna", "ben"]);
    for n in 0..100 {
        says_it_is_on(&mut world, "anna", &format!("x-{n}"));
        world.pass(Duration::from_millis(50));
    }
    let asked = world.asked();
    assert!((4..=6).contains(&asked.len()), "{asked:?}");
    assert!(asked.iter().all(|asked| asked == &["anna"]));
}

#[test]
fn everybody_is_asked_for_once_a_minute_and_whenever_the_gateway_is_back() {
    let mut world = call(&["anna", "ben"]);
    world.seconds(50);
    assert!(world.asked().is_empty());
    world.seconds(10);
    assert_eq!(world.asked(), [["anna", "ben"]]);
    let now = world.now;
    world.room.gateway_closed(now);
    world.seconds(120);
    assert_eq!(world.asked().len(), 1, "there is nobody to ask");
    let now = world.now;
    world.room.gateway_opened(now);
    world.pass(Duration::from_millis(50));
    assert_eq!(world.asked().len(), 2);
    world.seconds(179);
    assert_eq!(world.asked().len(), 4);
    all_meet(&mut world, &["anna", "ben"]);
}

/// Each notice that a function which was killed has not sent.
#[test]
fn what_the_gateway_said_and_was_lost_is_made_up_for_within_a_minute() {
    // Somebody has left, was lost or sent away, and goes on sending.
    let mut world = with_features(&["anna", "ben"]);
    world.end("anna", "anna-1");
    world.until("she is lost", 60, |world| presence(world, "ben", "anna") == "lost");
    world.until("she is gone", 16, |world| world.room.gauges().peers == 1);

    // Somebody is lost, and has a place again before her grace is over.
    let mut world = with_features(&["anna", "ben"]);
    world.end("anna", "anna-1");
    world.until("she is lost", 60, |world| presence(world, "ben", "anna") == "lost");
    world.reconnect("anna", "anna-2");
    says_it_is_on(&mut world, "anna", "anna-2");
    world.until("she is back", 2, |world| presence(world, "ben", "anna") == "here");
    assert!(receives(&mut world, "ben", "anna"));

    let mut world = with_features(&["anna", "ben"]);
    world.end("anna", "anna-1");
    world.until("she is gone", 76, |world| world.room.gauges().peers == 1);
    world.until("ben hears it", 1, |world| presence(world, "ben", "anna") == "gone");

    // Somebody is away, with a place that is kept: as long as the gateway keeps it, nothing changes.
    let mut world = with_features(&["anna", "ben"]);
    world.members.insert("anna".into(), ("anna-1".into(), true));
    let asked = world.asked().len();
    world.until("she is asked for", 61, |world| world.asked().len() > asked);
    world.seconds(20);
    assert_eq!((world.room.gauges().peers, presence(&world, "ben", "anna")), (2, Value::Null));
    assert!(receives(&mut world, "ben", "anna"));
    world.disconnect("anna", "anna-1", "lost");
    world.until("her grace is over", 16, |world| world.room.gauges().peers == 1);

    // Somebody has another socket, and the loss of the old one is told late.
    let mut world = with_features(&["anna", "ben"]);
    world.reconnect("anna", "anna-2");
    world.seconds(60);
    world.disconnect("anna", "anna-1", "lost");
    world.seconds(20);
    assert_eq!((world.room.gauges().peers, presence(&world, "ben", "anna")), (2, Value::Null));
}

#[test]
fn an_offer_of_somebody_who_was_sent_away_counts_again_when_the_gateway_has_let_it_in() {
    let mut world = World::new();
    let mut ben = Client::new("ben", world.now);
    ben.microphone();
    ben.offer(world.now);
    world.disconnect("ben", "ben-5", "left");
    // It was under way, over this socket or one that it had before.
    for socket in ["ben-5", "ben-4"] {
        world.relay(&ben.first_offer, socket);
        world.members.remove("ben");
        world.seconds(3);
        assert_eq!(world.room.gauges().peers, 0, "{socket}");
    }
    // He comes again: on a newer socket at once, on the same or an older one as soon as the gateway has said so.
    let mut newer = ben.first_offer.clone();
    newer["sender"] = "ben".into();
    world.relay(&newer, "ben-6");
    assert_eq!(world.room.gauges().peers, 1);
    world.disconnect("ben", "ben-6", "left");
    for socket in ["ben-6", "ben-3"] {
        world.ended.clear();
        world.members.insert("ben".into(), (socket.into(), false));
        world.relay(&ben.first_offer, socket);
        assert_eq!(world.room.gauges().peers, 0, "{socket}");
        world.seconds(3);
        world.relay(&ben.first_offer, socket);
        assert_eq!(world.room.gauges().peers, 1, "{socket}");
        world.disconnect("ben", socket, "left");
        assert_eq!(world.room.gauges().peers, 0, "{socket}");
    }
}

#[test]
fn whoever_ends_on_a_socket_that_nothing_came_over_has_ended_all_the_same() {
    for reason in ["left", "lost"] {
        let mut world = with_features(&["anna", "ben"]);
        // The gateway answers no question: its notice alone has to do.
        world.lists_after = None;
        world.reconnect("anna", "anna-2");
        world.disconnect("anna", "anna-2", reason);
        world.seconds(1);
        assert_eq!(presence(&world, "ben", "anna"), if reason == "left" { "gone" } else { "lost" });
        // What was under way from there changes nothing.
        let offer = world.client("anna").first_offer.clone();
        world.relay(&offer, "anna-2");
        world.seconds(16);
        assert_eq!(world.room.gauges().peers, 1, "{reason}");
    }
}

#[test]
fn an_answer_that_is_out_of_date_changes_nothing() {
    // Not to the question that was asked last.
    let mut world = with_features(&["anna", "ben"]);
    world.lists_after = Some(Duration::from_secs(6));
    world.members.remove("anna");
    world.until("the gateway is asked", 60, |world| world.asked().len() == 1);
    world.pass(Duration::from_millis(100));
    world.members.insert("anna".into(), ("anna-1".into(), false));
    world.until("it is asked again", 6, |world| world.asked().len() == 2);
    world.seconds(30);
    assert_eq!(world.room.gauges().peers, 2);
    assert_eq!(world.asked().len(), 2, "the second time there is more patience");

    // Not about somebody who has come back since, or was lost since.
    let mut world = with_features(&["anna", "ben"]);
    world.lists_after = Some(Duration::from_secs(3));
    world.members.remove("anna");
    world.until("the gateway is asked", 60, |world| world.asked().len() == 1);
    world.disconnect("ben", "ben-1", "lost");
    let offer = world.client("anna").first_offer.clone();
    world.relay(&offer, "anna-2");
    world.seconds(5);
    assert_eq!((world.room.gauges().peers, presence(&world, "anna", "ben")), (2, "lost".into()));
}

#[test]
fn a_question_that_is_not_answered_is_asked_again_with_patience() {
    let mut world = with_features(&["anna", "ben"]);
    world.lists_after = None;
    world.seconds(75);
    assert!((3..=4).contains(&world.asked().len()), "{:?}", world.asked());
    world.lists_after = Some(Duration::ZERO);
    world.end("anna", "anna-1");
    world.until("she is gone", 60, |world| world.room.gauges().peers == 1);
}

#[test]
fn an_earlier_gateway_which_vouches_for_nothing_is_believed_as_before() {
    let mut world = World::new();
    world.earlier = true;
    for id in ["anna", "ben"] {
        world.join(id);
    }
    all_meet(&mut world, &["anna", "ben"]);
    world.until("the channels are open", 5, |world| world.clients.values().all(|client| client.open));
    world.disconnect("anna", "anna-1", "lost");
    world.until("lost", 1, |world| presence(world, "ben", "anna") == "lost");
    world.reconnect("anna", "anna-2");
    says_it_is_on(&mut world, "anna", "anna-2");
    world.until("here", 1, |world| presence(world, "ben", "anna") == "here");
    world.seconds(130);
    assert_eq!(
        (world.room.gauges().peers, world.asked().len()),
        (2, 2),
        "it is asked in vain, once a minute"
    );
    assert!(receives(&mut world, "ben", "anna"));
    // A handshake says that she is back as well.
    world.disconnect("anna", "anna-2", "lost");
    world.until("lost again", 1, |world| presence(world, "ben", "anna") == "lost");
    world.reconnect("anna", "anna-3");
    let offer = world.client("anna").first_offer.clone();
    world.relay(&offer, "anna-3");
    world.until("here again", 1, |world| presence(world, "ben", "anna") == "here");
    world.disconnect("anna", "anna-3", "left");
    assert_eq!(world.room.gauges().peers, 1);
    // The gateway is replaced by one that does.
    world.earlier = false;
    world.end("ben", "ben-1");
    world.until("it says so", 76, |world| world.room.gauges().peers == 0);
}
