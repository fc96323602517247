//! What unknown senders, broken clients and attackers send.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use str0m::net::Protocol;

use super::client::Client;
use super::joining::{all_meet, call, receives};
use super::world::World;

fn offer(sender: &str, sdp: &str) -> Value {
    json!({ "type": "producer", "sender": sender, "roomId": "room", "description": { "type": "offer", "sdp": sdp } })
}

fn good_offer(world: &World) -> String {
    let mut client = Client::new("mallory", world.now);
    client.microphone();
    client.camera(&[Some("l"), Some("h")]);
    client.offer(world.now);
    client.first_offer["description"]["sdp"].as_str().unwrap().to_owned()
}

#[test]
fn a_bad_description_ends_no_call_and_leaves_no_peer() {
    let mut world = call(&["anna", "ben"]);
    for sdp in [
        "",
        "v=0\r\n",
        "nonsense",
        "v=0\r\na=fingerprint:sha-256 00\r\n",
        "m=audio 9 X 111\r\na=fingerprint:x",
    ] {
        world.gateway(&offer("mallory", sdp));
    }
    world.seconds(1);
    assert_eq!(world.room.gauges().peers, 2);
    assert!(receives(&mut world, "anna", "ben") && receives(&mut world, "ben", "anna"));
}

#[test]
fn an_offer_with_any_line_missing_repeated_or_spoiled_ends_nothing() {
    let mut world = call(&["anna", "ben"]);
    let sdp = good_offer(&world);
    let lines: Vec<&str> = sdp.split_inclusive("\r\n").collect();
    for place in 0..lines.len() {
        let id = |variant: usize| format!("mallory-{place}-{variant}");
        let mut without = lines.clone();
        without.remove(place);
        let mut twice = lines.clone();
        twice.insert(place, lines[place]);
        let spoiled = lines[place].replace(|c: char| c.is_ascii_digit(), "9");
        let mut spoilt = lines.clone();
        spoilt[place] = &spoiled;
        // Each by another name: who has failed is not heard without end.
        for (variant, lines) in [without, twice, spoilt].iter().enumerate() {
            world.gateway(&offer(&id(variant), &lines.concat()));
            world.disconnect(&id(variant), "m", "left");
        }
    }
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn an_answer_to_something_else_has_the_connection_replaced() {
    let mut world = World::new();
    world.join("anna");
    let mut ben = Client::new("ben", world.now);
    ben.deaf = true;
    ben.microphone();
    world.enter(ben);
    world.until("ben is offered anna", 5, |world| world.offers_to("ben") == 1);
    let sdp = good_offer(&world);
    let answer = json!({
        "type": "consumer", "sender": "ben", "roomId": "room", "remotePeerId": "anna",
        "description": { "type": "answer", "sdp": sdp },
    });
    world.client("ben").deaf = false;
    world.gateway(&answer);
    world.until("ben gets anna", 5, |world| receives(world, "ben", "anna"));
}

#[test]
fn candidates_and_answers_of_unknown_peers_are_ignored() {
    let mut world = call(&["anna", "ben"]);
    for message in [
        json!({ "type": "producer", "sender": "stranger", "roomId": "room", "candidate": { "candidate": "x" } }),
        json!({ "type": "producer", "sender": "stranger", "roomId": "room", "candidates": [{}, 7, null] }),
        json!({ "type": "consumer", "sender": "stranger", "roomId": "room", "remotePeerId": "anna", "candidate": {} }),
        json!({ "type": "consumer", "sender": "anna", "remotePeerId": "stranger", "description": { "type": "answer", "sdp": "" } }),
        json!({ "type": "consumer", "sender": "anna", "remotePeerId": "anna", "description": { "type": "rollback" } }),
        json!({ "type": "clientDisconnect", "clientId": "stranger", "connectionId": "x", "reason": "lost" }),
        json!({ "type": "ack", "requestId": "s999" }),
        json!({ "type": "error", "status": 404, "code": "peer_not_found" }),
        json!({ "type": "tomorrow" }),
        json!({ "message": "Internal server error", "connectionId": "c", "requestId": "r" }),
        json!([1, 2]),
    ] {
        world.gateway(&message);
    }
    let now = world.now;
    world.room.handle_signal(now, "{");
    world.seconds(1);
    assert_eq!(world.room.gauges().peers, 2);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn packets_of_unknown_senders_are_counted_as_strays() {
    let mut world = call(&["anna", "ben"]);
    let strangers: SocketAddr = "192.0.2.66:6".parse().unwrap();
    let before = world.room.counters().strays;
    let mut bytes = vec![];
    for first in 0..=255_u8 {
        for length in [0, 1, 2, 12, 20, 100, 1_500] {
            bytes.clear();
            bytes.resize(length, 0xab);
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            let now = world.now;
            for proto in [Protocol::Udp, Protocol::Tcp] {
                world.room.handle_packet(now, proto, strangers, &bytes);
            }
        }
    }
    assert_eq!(world.room.counters().strays - before, 2 * 256 * 7);
    // And the same from an address that the room knows.
    let known = world.client("anna").producer.address;
    for first in 0..=255_u8 {
        for length in [1, 12, 20, 100, 1_500] {
            let now = world.now;
            world.room.handle_packet(now, Protocol::Udp, known, &vec![first; length]);
        }
    }
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn only_checks_are_taken_from_an_address_that_is_new_and_only_with_the_right_password() {
    let mut world = call(&["anna", "ben"]);
    let strays = |world: &World| world.room.counters().strays;
    let (anna, now) = (world.client("anna").producer.address, world.now);
    let before = strays(&world);
    // The same address by the other protocol is another one.
    let rtp = [&[0x80, 111][..], &[0; 30]].concat();
    assert!(world.room.handle_packet(now, Protocol::Udp, anna, &rtp));
    assert!(!world.room.handle_packet(now, Protocol::Tcp, anna, &rtp));
    assert_eq!(strays(&world) - before, 1);

    world.overheard = Some(vec![]);
    world.seconds(10);
    let overheard = world.overheard.take().unwrap();
    let is_check = |packet: &&Vec<u8>| packet.starts_with(&[0, 1]);
    let check = overheard.iter().map(|(_, packet)| packet).find(is_check).unwrap();
    let stranger = "192.0.2.66:6".parse().unwrap();
    let now = world.now;
    let (name, end) = (28, check.len() - 1);
    for place in [name, end - 8] {
        let mut forged = check.clone();
        forged[place] ^= 1;
        assert!(!world.room.handle_packet(now, Protocol::Udp, stranger, &forged), "{place}");
    }
    assert!(world.room.handle_packet(now, Protocol::Udp, stranger, check));
}

#[test]
fn spoiled_and_repeated_media_is_forwarded_to_nobody() {
    let mut world = call(&["anna", "ben"]);
    world.overheard = Some(vec![]);
    world.seconds(2);
    let anna = world.client("anna").producer.address;
    let is_media = |packet: &[u8]| packet.first().is_some_and(|first| first >> 6 == 2);
    let overheard = world.overheard.take().unwrap();
    let packets = overheard.iter().filter(|(source, packet)| *source == anna && is_media(packet));
    let packets: Vec<_> = packets.map(|(_, packet)| packet).collect();
    assert!(packets.len() > 100, "{}", packets.len());
    let now = world.now;
    for packet in packets {
        for place in [1, 3, 5, 12, packet.len() / 2, packet.len() - 1] {
            let mut spoiled = packet.clone();
            spoiled[place] ^= 1;
            world.room.handle_packet(now, Protocol::Udp, anna, &spoiled);
        }
        world.room.handle_packet(now, Protocol::Udp, anna, &packet[..packet.len() - 1]);
        world.room.handle_packet(now, Protocol::Udp, anna, packet);
    }
    world.seconds(2);
    all_meet(&mut world, &["anna", "ben"]);
    let receiver = &world.client("ben").receivers["anna"];
    for got in [receiver.audio(), receiver.video()] {
        assert!(
            got.windows(2).all(|two| two[1].seq == two[0].seq + 1),
            "a packet was missed, or is not anna's"
        );
    }
}

#[test]
fn a_client_whose_certificate_is_not_that_of_its_offer_is_seen_by_nobody() {
    let mut world = call(&["anna", "ben"]);
    let mut mallory = Client::new("mallory", world.now);
    mallory.microphone();
    mallory.edit = Some(|sdp| {
        let place = sdp.find("sha-256 ").unwrap() + "sha-256 ".len();
        let other = if sdp[place..].starts_with("00") { "01" } else { "00" };
        format!("{}{other}{}", &sdp[..place], &sdp[place + 2..])
    });
    world.enter(mallory);
    world.seconds(5);
    assert_eq!(world.client("mallory").answers, 1);
    assert!(!world.client("ben").receivers.contains_key("mallory"));
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_stranger_that_begins_dtls_first_keeps_nobody_out() {
    let mut world = World::new();
    let is_hello = |packet: &[u8]| packet.first() == Some(&22);
    world.overheard = Some(vec![]);
    world.join("mallory");
    world.seconds(2);
    let overheard = world.overheard.take().unwrap();
    let hello = overheard.into_iter().find(|(_, packet)| is_hello(packet)).unwrap().1;
    world.join("anna");
    let strangers: SocketAddr = "192.0.2.66:6".parse().unwrap();
    world.until("anna is connected", 3, |world| {
        assert!(!world.room.handle_packet(world.now, Protocol::Udp, strangers, &hello));
        world.client("anna").producer.connected
    });
    world.join("ben");
    world.seconds(3);
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn a_giant_packet_of_one_client_hurts_no_other() {
    let mut world = call(&["anna", "ben"]);
    world.client("anna").sources[0].giant = true;
    world.seconds(1);
    world.client("anna").sources[0].giant = false;
    world.seconds(1);
    all_meet(&mut world, &["anna", "ben"]);
    assert!(world.client("ben").receivers["anna"].audio().iter().all(|got| got.size < 1_000));
}

#[test]
fn a_client_that_offers_without_end_is_rate_limited() {
    let mut world = call(&["anna", "ben"]);
    for n in 0..200_u32 {
        let sdp = good_offer(&world).replace("sha-256 ", &format!("sha-256 {:02X}:", n % 256));
        world.gateway(&offer("mallory", &sdp));
    }
    assert!(world.room.gauges().producers <= 3);
    assert!(world.said.len() < 60, "{}", world.said.len());
    world.pass(Duration::from_millis(500));
    all_meet(&mut world, &["anna", "ben"]);
}

#[test]
fn bad_first_offers_are_rate_limited_and_keep_nobody_out() {
    let mut world = call(&["anna", "ben"]);
    // Not even readable, and readable but nothing that a connection can be made of.
    for (id, sdp) in [("mallory", "v=0\r\n"), ("mallet", "v=0\r\na=fingerprint:sha-256 00\r\n")] {
        let before = world.room.counters().bad_descriptions;
        for _ in 0..200 {
            world.gateway(&offer(id, sdp));
        }
        let read = world.room.counters().bad_descriptions - before;
        assert!((1..=41).contains(&read), "{read}");
    }
    world.join("cleo");
    all_meet(&mut world, &["anna", "ben", "cleo"]);
    world.seconds(1);
    let sdp = good_offer(&world);
    world.gateway(&offer("mallory", &sdp));
    assert_eq!(world.room.gauges().peers, 4, "whoever does better is let in");
}

#[test]
fn a_client_that_sends_very_many_tracks_is_seen_with_eight_and_its_offers_are_not_replaced() {
    let mut world = World::new();
    world.join("anna");
    let mut mallory = Client::new("mallory", world.now);
    for n in 0..20 {
        mallory.audio(&format!("{n:a>64}"));
    }
    world.enter(mallory);
    world.until("anna has an offer", 5, |world| world.client("anna").receivers.contains_key("mallory"));
    world.seconds(5);
    let offer = &world.client("anna").receivers["mallory"].offers[0];
    assert_eq!(offer.matches("m=audio").count(), 8);
    assert_eq!((world.offers_to("anna"), world.room.counters().rebuilds), (1, 0));
}
