//! `cargo bench -p arbiter-sfu`: what a packet costs that is nobody's, with few and with many connections in the
//! room. Nothing is asserted; docs/BENCHMARKS.md has figures.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark that cannot go on ends")]
#![expect(clippy::wildcard_enum_match_arm, reason = "str0m's events are many, and each release adds some")]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/room/client.rs"]
mod client;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/room/world.rs"]
mod world;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arbiter_sfu::room::Protocol;
use client::Client;
use world::World;

/// How long each figure is measured, and how often: the median counts.
const EACH: Duration = Duration::from_millis(300);
const TIMES: usize = 5;

fn main() {
    println!("| Connections | STUN, unknown ufrag | RTP | garbage |\n|--:|--:|--:|--:|");
    for people in [1, 8, 32] {
        let mut world = call(people);
        let gauges = world.room.gauges();
        let [stun, rtp, garbage] = [check(), [&[0x80, 111][..], &[7; 170]].concat(), vec![0xff; 172]]
            .map(|packet| cost(&mut world, &packet));
        println!("| {} | {stun} ns | {rtp} ns | {garbage} ns |", gauges.producers + gauges.consumers);
    }
}

/// So many people who send audio, each connected for each other: the square of their number in connections.
fn call(people: usize) -> World {
    let mut world = World::new();
    for n in 0..people {
        let mut client = Client::new(&format!("peer{n}"), world.now);
        client.microphone();
        world.enter(client);
    }
    world.until("everybody hears everybody", 30, |world| {
        world.clients.values().all(|client| {
            let heard = client.receivers.values().filter(|receiver| !receiver.audio().is_empty()).count();
            client.producer.connected && heard == people - 1
        })
    });
    world
}

/// A connectivity check (RFC 8445 §7.2.2) for nobody who is there.
fn check() -> Vec<u8> {
    let username = [&[0, 6, 0, 21][..], b"AAAAAAAAAAAAAAAA:bbbb", &[0; 3]].concat();
    let integrity = [&[0, 8, 0, 20][..], &[0; 20]].concat();
    let attributes = [username, vec![0, 0x24, 0, 4, 1, 2, 3, 4], integrity].concat();
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&[0, 1][..], &length, &[0x21, 0x12, 0xa4, 0x42], &[9; 12], &attributes].concat()
}

/// Nanoseconds for one packet from an address that is not known.
fn cost(world: &mut World, packet: &[u8]) -> u128 {
    let stranger: SocketAddr = "192.0.2.66:6".parse().unwrap();
    let strays = world.room.counters().strays;
    let mut sent = 0;
    let mut costs = [(); TIMES].map(|()| {
        let (begin, before) = (Instant::now(), sent);
        while begin.elapsed() < EACH {
            for _ in 0..100 {
                world.room.handle_packet(world.now, Protocol::Udp, stranger, packet);
            }
            sent += 100;
        }
        begin.elapsed().as_nanos() / u128::from(sent - before)
    });
    assert_eq!(world.room.counters().strays - strays, sent, "nobody's");
    costs.sort_unstable();
    costs[TIMES / 2]
}
