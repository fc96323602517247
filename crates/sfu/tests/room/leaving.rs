//! When the room is left, and how the process ends.

use std::time::Duration;

use arbiter_sfu::room::Exit;

use super::joining::call;
use super::world::World;

fn leaves(world: &World) -> Vec<bool> {
    let leaves = world.said.iter().filter(|said| said["action"] == "leave");
    leaves.map(|said| said["data"]["ifSpare"] == true).collect()
}

#[test]
fn a_room_that_has_been_empty_for_long_enough_is_left() {
    let mut world = World::unidentified(|settings| settings.room_idle = Duration::from_secs(20));
    let now = world.now;
    world.room.gateway_opened(now);
    world.join("anna");
    world.seconds(30);
    world.clients.clear();
    world.disconnect("anna", "anna-1", "left");
    world.seconds(18);
    assert_eq!((leaves(&world), &world.exit), (vec![], &None));
    world.seconds(4);
    assert_eq!((leaves(&world), &world.exit), (vec![false], &Some(Exit::Left)));
}

#[test]
fn a_room_that_nobody_came_to_is_left_if_the_pool_does_not_need_it() {
    let mut world = World::new();
    world.refusals = vec![(409, "room_needed")];
    world.seconds(30 * 60 + 2);
    assert_eq!((leaves(&world), &world.exit), (vec![true], &None));
    world.seconds(30 * 60 + 2);
    assert_eq!((leaves(&world), &world.exit), (vec![true, true], &Some(Exit::Left)));
}

#[test]
fn a_claimed_room_that_nobody_comes_to_is_left_after_the_shorter_time() {
    let mut world = World::new();
    world.refusals = vec![(409, "room_claimed")];
    world.seconds(30 * 60 + 2);
    world.seconds(5 * 60 - 4);
    assert_eq!((leaves(&world), &world.exit), (vec![true], &None));
    world.seconds(6);
    assert_eq!((leaves(&world), &world.exit), (vec![true, false], &Some(Exit::Left)));
}

#[test]
fn leave_is_sent_before_the_end_and_not_waited_for_long() {
    let mut world = call(&["anna", "ben"]);
    world.delivers = false;
    let now = world.now;
    world.room.leave(now);
    world.pass(Duration::from_millis(500));
    assert_eq!((leaves(&world), &world.exit), (vec![false], &None));
    world.seconds(2);
    assert_eq!(world.exit, Some(Exit::Left));
}

#[test]
fn a_room_without_a_gateway_ends() {
    let mut world = World::new();
    let now = world.now;
    world.room.gateway_closed(now);
    world.seconds(595);
    assert_eq!(world.exit, None);
    world.seconds(6);
    assert!(matches!(world.exit, Some(Exit::Failed(_))));
}

#[test]
fn a_room_that_never_identified_ends_sooner() {
    let mut world = World::unidentified(|_| {});
    world.seconds(58);
    assert_eq!(world.exit, None);
    world.seconds(3);
    assert!(matches!(world.exit, Some(Exit::Failed(_))));
}

#[test]
fn without_a_gateway_the_room_is_left_at_once() {
    let mut world = call(&["anna", "ben"]);
    let now = world.now;
    world.room.gateway_closed(now);
    world.room.leave(now);
    world.pass(Duration::from_millis(5));
    assert_eq!(world.exit, Some(Exit::Left));
}
