//! What the gateway does to messages.

use std::time::Duration;

use serde_json::json;

use super::client::Client;
use super::joining::{all_meet, call};
use super::world::World;

#[test]
fn a_call_comes_about_however_its_messages_are_reordered_and_repeated() {
    for seed in 1..6 {
        let mut world = World::new();
        world.jitter = Duration::from_millis(150 * seed);
        world.repeats = true;
        let people = ["anna", "ben", "cleo"];
        for id in people {
            world.join(id);
        }
        all_meet(&mut world, &people);
        let now = world.now;
        world.client("anna").video("screen", &[None]);
        world.client("anna").offer(now);
        for who in ["ben", "cleo"] {
            world.until("the screen is seen", 10, |world| {
                world.client(who).receivers["anna"].tracks.len() == 3
            });
        }
        all_meet(&mut world, &people);
    }
}

#[test]
fn a_repeated_offer_with_a_number_is_answered_again_and_changes_nothing() {
    let mut world = call(&["anna", "ben"]);
    let answers = |world: &World| {
        let to_anna = world.said.iter().filter(|said| said["data"]["receiver"] == "anna");
        to_anna.filter(|said| said["data"]["description"]["type"] == "answer").count()
    };
    let (offer, before) = (world.client("anna").first_offer.clone(), answers(&world));
    world.gateway(&offer);
    assert_eq!(answers(&world), before + 1);
    let mut original = offer;
    original.as_object_mut().unwrap().remove("negotiation");
    world.gateway(&original);
    assert_eq!(answers(&world), before + 1, "an original client would not understand it");
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn throttled_messages_are_sent_again() {
    let mut world = World::new();
    world.refusals = vec![(429, "too_many_requests"), (503, "internal_error"), (500, "internal_error")];
    world.join("anna");
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn what_api_gateway_refuses_is_sent_again_and_everybody_meets_soon_after() {
    let mut world = World::new();
    world.throttled = true;
    world.join("anna");
    world.join("ben");
    world.seconds(20);
    assert!(world.said.len() < 100, "{} messages in 20 s", world.said.len());
    world.throttled = false;
    let people = ["anna", "ben"];
    world.until("both are up", 5, |world| people.iter().all(|id| world.clients[*id].producer.connected));
    all_meet(&mut world, &people);
}

#[test]
fn a_message_that_is_lost_without_a_word_is_sent_again() {
    let mut world = World::new();
    world.delivers = false;
    world.join("anna");
    world.seconds(1);
    let (before, answer) = (world.said.len(), world.said.last().cloned());
    world.delivers = true;
    world.until("the same again", 4, |world| {
        world.said[before..].iter().any(|said| Some(said) == answer.as_ref())
    });
}

#[test]
fn a_connection_is_not_given_up_because_its_offer_is_refused() {
    let mut world = call(&["anna", "ben"]);
    let rebuilds = |world: &World| world.room.counters().rebuilds;
    let before = rebuilds(&world);
    world.throttled = true;
    let now = world.now;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.seconds(120);
    world.throttled = false;
    world.until("the screen is seen", 5, |world| world.client("ben").receivers["anna"].tracks.len() == 3);
    assert_eq!(rebuilds(&world), before);
}

#[test]
fn a_receiver_whose_socket_is_full_keeps_no_connection_of_the_others_from_being_replaced() {
    let mut world = call(&["anna", "ben", "cleo"]);
    let rebuilds = |world: &World| world.room.counters().rebuilds;
    world.full.insert("ben".into());
    let (now, before) = (world.now, rebuilds(&world));
    world.client("cleo").deaf = true;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.seconds(34);
    assert_eq!(rebuilds(&world), before);
    world.until("cleo is offered another", 4, |world| rebuilds(world) == before + 1);
    world.seconds(60);
    world.full.clear();
    world.client("cleo").deaf = false;
    for who in ["ben", "cleo"] {
        world.until("the screen is seen", 20, |world| world.client(who).receivers["anna"].tracks.len() == 3);
    }
}

#[test]
fn a_peer_without_signaling_is_offered_what_it_missed() {
    let mut world = World::new();
    world.join("anna");
    world.join("ben");
    world.until("both are up", 5, |world| world.clients.values().all(|client| client.producer.connected));
    world.refusals = vec![(404, "peer_not_found"); 2];
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn messages_without_a_socket_are_sent_when_there_is_one() {
    let mut world = World::new();
    let now = world.now;
    world.room.gateway_closed(now);
    world.join("anna");
    world.seconds(1);
    assert!(world.said.is_empty());
    let now = world.now;
    world.room.gateway_opened(now);
    world.join("ben");
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn messages_lost_with_a_socket_are_sent_again_on_the_next() {
    let mut world = World::new();
    world.delivers = false;
    world.join("anna");
    world.join("ben");
    world.seconds(1);
    assert!(!world.said.is_empty());
    let now = world.now;
    world.room.gateway_closed(now);
    world.delivers = true;
    world.room.gateway_opened(now);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn handshakes_say_their_room_and_candidates_are_never_trickled() {
    let world = call(&["anna", "ben"]);
    for said in &world.said {
        assert_eq!((&said["data"]["roomId"], &said["data"]["sender"]), (&"room".into(), &"room".into()));
        assert!(said["data"].get("candidate").is_none() && said["data"].get("candidates").is_none());
    }
    assert_eq!(world.said.len(), 4, "an answer and an offer for each");
}

#[test]
fn an_offer_that_arrives_after_a_newer_one_changes_nothing() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.client("anna").video("screen", &[None]);
    world.client("anna").offer(now);
    world.until("the screen is seen", 5, |world| world.client("ben").receivers["anna"].tracks.len() == 3);
    let (older, offers) = (world.client("anna").first_offer.clone(), world.offers_to("ben"));
    world.gateway(&older);
    world.seconds(1);
    assert_eq!(world.offers_to("ben"), offers);
    assert!(world.client("ben").receivers["anna"].tracks.iter().all(|track| track.open));
}

#[test]
fn an_answer_to_an_older_offer_is_ignored() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.deaf = true;
    world.enter(ben);
    world.until("the offer is repeated", 10, |world| world.offers_to("ben") == 2);
    let answer = |number: u64| {
        json!({
            "type": "consumer", "sender": "ben", "roomId": "room", "remotePeerId": "anna", "negotiation": number,
            "description": { "type": "answer", "sdp": "nonsense" },
        })
    };
    world.gateway(&answer(1));
    assert_eq!(world.room.counters().bad_descriptions, 0);
    world.gateway(&answer(2));
    assert_eq!(world.room.counters().bad_descriptions, 1);
}

#[test]
fn an_offer_that_comes_after_its_sender_left_brings_nobody_back() {
    let mut world = World::new();
    let mut ben = Client::new("ben", world.now);
    ben.offer(world.now);
    world.disconnect("ben", "ben-1", "left");
    world.relay(&ben.first_offer, "ben-1");
    assert_eq!(world.room.gauges().peers, 0);
}

#[test]
fn a_repeated_offer_over_a_new_socket_shows_that_its_sender_is_back() {
    let mut world = call(&["anna", "ben"]);
    let offer = world.client("anna").first_offer.clone();
    world.disconnect("anna", "anna-1", "lost");
    world.relay(&offer, "anna-2");
    world.disconnect("anna", "anna-1", "lost");
    world.seconds(20);
    assert_eq!(world.room.gauges().peers, 2);
}

#[test]
fn a_peer_that_closed_its_connection_goes_at_once_when_its_signaling_is_lost() {
    let mut world = call(&["anna", "ben"]);
    world.client("anna").hang_up();
    world.seconds(2);
    assert_eq!(world.room.gauges().peers, 2, "it may be about to offer another");
    world.disconnect("anna", "anna-1", "lost");
    world.pass(Duration::from_millis(300));
    assert_eq!(world.room.gauges().peers, 1);
}
