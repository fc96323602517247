//! Who comes, and what they get of the others.

use super::world::World;

/// Whether somebody gets both audio and video of another.
pub fn receives(world: &mut World, who: &str, of: &str) -> bool {
    let now = world.now;
    let recent = |got: &[super::client::Got]| got.last().is_some_and(|got| now - got.at < std::time::Duration::from_millis(300));
    world.client(who).receivers.get(of).is_some_and(|r| recent(r.audio()) && recent(r.video()))
}

#[test]
fn two_people_see_and_hear_each_other() {
    let mut world = World::new();
    world.join("anna");
    world.seconds(2);
    world.join("ben");
    world.until("anna gets ben", 3, |world| receives(world, "anna", "ben"));
    world.until("ben gets anna", 3, |world| receives(world, "ben", "anna"));
    let first = world.client("ben").receivers["anna"].video().first().unwrap().clone();
    assert!(first.key, "a decoder cannot begin with anything else");
}
