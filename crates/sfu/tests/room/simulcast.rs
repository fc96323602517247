//! Which encoding a receiver gets.

use std::time::Duration;

use super::client::{Client, Got};
use super::world::World;

/// Anna sends three encodings, ben receives.
fn call(bottleneck: Option<u64>) -> World {
    call_of([("l", 400), ("m", 1_600), ("h", 6_400)], bottleneck)
}

/// The same with encodings of these names and bytes a frame.
fn call_of(encodings: [(&str, usize); 3], bottleneck: Option<u64>) -> World {
    let mut world = World::new();
    // Frames are under way when a key frame is asked for.
    world.latency = Duration::from_millis(60);
    let mut anna = Client::new("anna", world.now);
    anna.microphone();
    anna.camera(&encodings.map(|(rid, _)| Some(rid)));
    world.enter(anna);
    for (encoding, (_, size)) in world.client("anna").sources[1].encodings.iter_mut().zip(encodings) {
        encoding.size = size;
    }
    world.seconds(2);
    world.join("ben");
    world.until("ben has an offer", 5, |world| world.client("ben").receivers.contains_key("anna"));
    if let Some(rate) = bottleneck {
        let (address, now) = (world.client("ben").receivers["anna"].connection.address, world.now);
        world.bottleneck.insert(address, (rate, now));
    }
    world.until("ben sees anna", 5, |world| !world.client("ben").receivers["anna"].video().is_empty());
    world
}

fn video(world: &mut World) -> Vec<Got> {
    let mut got = world.client("ben").receivers["anna"].video().to_vec();
    got.sort_by_key(|got| got.seq);
    got
}

/// The encoding of most packets of the last second.
fn layer(world: &mut World) -> u8 {
    let now = world.now;
    let recent: Vec<u8> = video(world)
        .iter()
        .filter(|got| now - got.at < Duration::from_secs(1))
        .map(|got| got.layer)
        .collect();
    (0..3).max_by_key(|layer| recent.iter().map(|got| usize::from(got == layer)).sum::<usize>()).unwrap()
}

#[test]
fn a_good_network_gets_the_best_encoding() {
    let mut world = call(None);
    world.until("the best", 20, |world| layer(world) == 2);
    world.seconds(10);
    assert_eq!(layer(&mut world), 2);
}

#[test]
fn encodings_may_be_listed_from_the_largest() {
    let largest_first = [("hi", 6_400), ("mid", 1_600), ("lo", 400)];
    let mut world = call_of(largest_first, None);
    world.until("the best", 20, |world| layer(world) == 0);
    world.seconds(10);
    assert_eq!(layer(&mut world), 0);
    let mut world = call_of(largest_first, Some(500_000));
    world.seconds(30);
    assert_eq!(layer(&mut world), 1);
}

#[test]
fn a_narrow_network_gets_a_smaller_one() {
    let mut world = call(Some(500_000));
    world.seconds(20);
    let from = world.now;
    world.seconds(20);
    let got = video(&mut world);
    let recent: Vec<_> = got.iter().filter(|got| got.at > from).collect();
    let best = recent.iter().filter(|got| got.layer == 2).count();
    assert!(best * 10 < recent.len(), "{best} of {}", recent.len());
    let middle = recent.iter().filter(|got| got.layer == 1).count();
    assert!(middle * 2 > recent.len(), "{middle} of {}: there is room for the middle one", recent.len());
}

#[test]
fn encodings_change_at_key_frames_and_nothing_of_the_stream_breaks() {
    let mut world = call(Some(500_000));
    world.seconds(10);
    world.bottleneck.clear();
    world.until("the best", 40, |world| layer(world) == 2);
    let got = video(&mut world);
    let mut switches = 0;
    for pair in got.windows(2) {
        let [before, after] = pair else { unreachable!() };
        if before.layer != after.layer {
            switches += 1;
            assert!(after.key, "{before:?} {after:?}");
            assert_eq!(after.picture, (before.picture + 1) & 0x7fff, "{before:?} {after:?}");
            assert_eq!(after.base_layer, before.base_layer.wrapping_add(1));
        }
        assert_eq!(after.seq, before.seq + 1, "{before:?} {after:?}");
        let passed = after.time.wrapping_sub(before.time);
        assert!(passed < 90_000, "{before:?} {after:?}");
        assert!(passed > 0 || !before.marker, "frames differ in time");
    }
    assert!(switches > 0);
    assert!(world.room.counters().switches > 0);
}

#[test]
fn an_encoding_that_its_sender_switches_off_is_left() {
    let mut world = call(None);
    world.until("the best", 20, |world| layer(world) == 2);
    world.client("anna").sources[1].encodings[2].off = true;
    world.until("the next best", 6, |world| layer(world) == 1);
    world.client("anna").sources[1].encodings[2].off = false;
    world.until("the best again", 20, |world| layer(world) == 2);
}

#[test]
fn a_cancelled_switch_does_not_happen() {
    let mut world = call(Some(500_000));
    world.seconds(10);
    world.until("the middle one", 10, |world| layer(world) == 1);
    let best = |world: &mut World| video(world).iter().filter(|got| got.layer == 2).count();
    let asked = |world: &mut World| world.client("anna").sources[1].encodings[2].requests.len();
    world.client("anna").sources[1].encodings[2].stubborn = true;
    let before = asked(&mut world);
    world.bottleneck.clear();
    world.until("the best is waited for", 40, |world| asked(world) > before);
    world.client("anna").sources[1].encodings[2].off = true;
    world.seconds(3);
    assert_eq!(layer(&mut world), 1);
    // Its next frame is a key frame, for it is still asked for one, and the only one.
    world.client("anna").sources[1].encodings[2].stubborn = false;
    let before = asked(&mut world);
    world.until("it is asked again", 4, |world| asked(world) > before);
    world.client("anna").sources[1].encodings[2].stubborn = true;
    world.client("anna").sources[1].encodings[2].off = false;
    let sent = best(&mut world);
    world.seconds(1);
    assert_eq!(best(&mut world), sent);
}

#[test]
fn no_key_frame_is_asked_for_before_the_receiver_can_have_it() {
    let mut world = World::new();
    // A connection comes up over several round trips.
    world.latency = Duration::from_millis(40);
    let mut anna = Client::new("anna", world.now);
    anna.camera(&[Some("l"), Some("m"), Some("h")]);
    world.enter(anna);
    world.seconds(2);
    let asked = |world: &mut World| -> usize {
        world.client("anna").sources[0].encodings.iter().map(|encoding| encoding.requests.len()).sum()
    };
    let before = asked(&mut world);
    world.join("ben");
    world.until("ben sees anna", 5, |world| {
        world.client("ben").receivers.get("anna").is_some_and(|anna| !anna.video().is_empty())
    });
    assert_eq!(asked(&mut world) - before, 1);
}
