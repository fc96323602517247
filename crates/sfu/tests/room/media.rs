//! Forwarding over good networks and bad.

use std::time::Duration;

use super::client::Got;
use super::joining::{all_meet, call, receives};
use super::world::World;

#[test]
fn losses_are_repaired() {
    let mut world = call(&["anna", "ben"]);
    world.loss = 30;
    world.seconds(10);
    world.loss = 0;
    world.seconds(1);
    let video = world.client("ben").receivers["anna"].video();
    let mut seqs: Vec<u64> = video.iter().map(|got| got.seq).collect();
    seqs.sort_unstable();
    let missing = seqs.windows(2).map(|pair| pair[1] - pair[0] - 1).sum::<u64>();
    let (first, last) = (seqs[0], seqs[seqs.len() - 1]);
    assert!(last - first > 300, "video went on: {}", last - first);
    assert!(missing * 200 < last - first, "{missing} of {} are missing", last - first);
}

#[test]
fn packets_that_come_together_are_all_forwarded() {
    let mut world = call(&["anna", "ben", "cleo"]);
    world.together = true;
    // Frames of several packets each, in both directions, and what receivers report of them.
    for id in ["anna", "ben", "cleo"] {
        world.client(id).sources[1].encodings[0].size = 5_000;
    }
    let (start, sent) = (world.now, world.room.counters().packets_in);
    world.seconds(5);
    assert!(world.room.counters().packets_in - sent > 1_000);
    for (who, of) in [("anna", "ben"), ("ben", "anna"), ("ben", "cleo"), ("cleo", "ben")] {
        let receiver = &world.client(who).receivers[of];
        for got in [receiver.audio(), receiver.video()] {
            let seqs: Vec<u64> = got.iter().filter(|got| got.at > start).map(|got| got.seq).collect();
            assert!(seqs.len() > 100, "{}", seqs.len());
            assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{who} has all of {of}, in order");
        }
    }
}

#[test]
fn a_frame_of_several_packets_is_forwarded_at_once() {
    let mut world = call(&["anna", "ben"]);
    world.client("anna").sources[1].encodings[0].size = 3_000;
    world.seconds(2);
    let start = world.now;
    world.seconds(2);
    let video = world.client("ben").receivers["anna"].video();
    let mut frames = std::collections::BTreeMap::<u32, Vec<_>>::new();
    for got in video.iter().filter(|got| got.at > start) {
        frames.entry(got.time).or_default().push(got.at);
    }
    let whole = frames.values().filter(|times| times.len() == 4 && times[0] == times[3]).count();
    assert!(whole > 30 && whole * 10 > frames.len() * 9, "{whole} of {}", frames.len());
}

#[test]
fn everybody_gets_everybody_in_a_room_of_six_with_losses() {
    let mut world = World::new();
    world.loss = 20;
    let people = ["anna", "ben", "cleo", "dan", "eve", "finn"];
    for id in people {
        world.join(id);
    }
    all_meet(&mut world, &people);
    assert_eq!((world.room.gauges().producers, world.room.gauges().consumers), (6, 30));
}

#[test]
fn a_key_frame_is_asked_for_when_a_receiver_needs_one_and_not_too_often() {
    let mut world = call(&["anna", "ben", "cleo"]);
    world.seconds(2);
    let asked = |world: &mut World| world.client("anna").sources[1].encodings[0].requests.clone();
    let before = asked(&mut world).len();
    let start = world.now;
    while world.now - start < Duration::from_secs(3) {
        let now = world.now;
        for who in ["ben", "cleo"] {
            world.client(who).receivers.get_mut("anna").unwrap().ask_key_frame(now);
        }
        world.pass(Duration::from_millis(20));
    }
    let asked = asked(&mut world)[before..].to_vec();
    assert!((7..=11).contains(&asked.len()), "{}", asked.len());
    let least = asked.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(least >= Duration::from_millis(290), "{least:?}");
}

#[test]
fn a_request_that_brought_no_key_frame_is_repeated() {
    let mut world = call(&["anna", "ben"]);
    world.seconds(1);
    world.client("anna").sources[1].encodings[0].stubborn = true;
    let before = world.client("anna").sources[1].encodings[0].requests.len();
    let now = world.now;
    world.client("ben").receivers.get_mut("anna").unwrap().ask_key_frame(now);
    world.seconds(3);
    let asked = world.client("anna").sources[1].encodings[0].requests.len() - before;
    assert!((2..=4).contains(&asked), "{asked}");
}

#[test]
fn media_goes_on_while_the_gateway_is_away() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.room.gateway_closed(now);
    world.seconds(60);
    assert!(receives(&mut world, "anna", "ben") && receives(&mut world, "ben", "anna"));
    let video = world.client("anna").receivers["ben"].video();
    let widest = video.windows(2).map(|pair: &[Got]| pair[1].at - pair[0].at).max().unwrap();
    assert!(widest < Duration::from_millis(200), "{widest:?}");
}
