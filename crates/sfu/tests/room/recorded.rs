//! Messages that Chromium and two other SFUs sent each other.

use serde_json::Value;

use super::joining::{all_meet, call};
use super::world::World;

/// They were recorded in two rooms. Here all are in the one that is served.
fn recorded() -> Vec<Value> {
    let lines = include_str!("../../../../tests/data/handshakes.jsonl").lines();
    let mut recorded: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for room in recorded.iter_mut().filter_map(|line| line.pointer_mut("/message/data/roomId")) {
        *room = "room".into();
    }
    recorded
}

/// Chromium's messages, as the gateway relays them.
fn of_clients() -> Vec<Value> {
    let from = recorded().into_iter().filter(|line| line["dir"] == "client->gateway");
    from.map(|line| line["message"]["data"].clone()).filter(|data| data["sender"].is_string()).collect()
}

#[test]
fn chromium_s_offers_are_answered() {
    let mut world = World::new();
    for data in of_clients() {
        world.gateway(&data);
    }
    let answers: Vec<&Value> =
        world.said.iter().filter(|said| said["data"]["description"]["type"] == "answer").collect();
    assert_eq!(answers.len(), 4);
    for answer in answers {
        let sdp = answer["data"]["description"]["sdp"].as_str().unwrap();
        assert_eq!(sdp.matches("a=recvonly").count(), 2, "{sdp}");
        for line in ["m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109\r\n"] {
            assert!(sdp.contains(line), "with the offer's own payload types: {sdp}");
        }
        assert!(sdp.contains("useinbandfec=1") && !sdp.contains("usedtx"), "{sdp}");
        assert!(sdp.contains("a=ice-lite") && sdp.contains("a=setup:passive"));
        assert!(sdp.len() < 4_000, "{} bytes", sdp.len());
    }
    assert_eq!(world.room.gauges().producers, 4);
}

#[test]
fn every_recorded_message_in_any_order_ends_nothing() {
    let mut world = call(&["anna", "ben"]);
    let messages = recorded();
    for start in [0, 7, 31, 60] {
        for place in 0..messages.len() {
            let line = &messages[(place * 37 + start) % messages.len()];
            world.gateway(&line["message"]);
            world.gateway(&line["message"]["data"]);
        }
    }
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
}
