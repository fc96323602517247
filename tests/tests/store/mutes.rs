//! A session's mute, and those whose sound it takes, with another call in between.

use model::member::Member;
use model::session::event::StreamEvent;
use model::session::stream::{Mute, StreamId, UpdateStream};

use super::races::TRANSACT;
use super::streams::{id, is_changed};
use super::*;

const UPDATE: &str = "UpdateItem";
const ONE: &str = "streamA1~p";
const OTHER: &str = "streamB2~p";

impl Tables {
    async fn switch(&self, active: bool, excluded: &[StreamId]) -> Mute {
        self.store.switch_mute(&room("s"), active, excluded, START).await.unwrap()
    }

    /// The mute of the session, by its items.
    async fn mute(&self) -> Mute {
        self.store.roster(&room("s"), START).await.unwrap().mute
    }

    /// Peer `p` with one stream that has sound.
    async fn publisher(&self) -> (Stamp, Member) {
        self.session("s").await;
        let (stamp, _) = self.joined("a", "p", START).await;
        assert!(is_changed(&self.publish(&stamp, ONE, START).await));
        (stamp, self.p().await)
    }

    async fn p(&self) -> Member {
        self.store.member(&room("s"), &peer("p"), START).await.unwrap().unwrap()
    }

    /// What somebody does who has read the member as `seen`, and carries the mute out.
    async fn carry_out(&self, seen: Member, mute: &Mute) -> Option<Member> {
        self.store.mute_member(&room("s"), &peer("p"), seen, mute).await.unwrap()
    }

    /// The publisher switches the sound of its stream, by what it reads of the mute.
    async fn sound(&self, stamp: &Stamp, on: bool) {
        let update = UpdateStream {
            id: id(ONE),
            has_audio: Some(on),
            has_video: None,
            video_type: None,
            dimensions: None,
        };
        let change =
            |member: &mut Member, mute: &Mute| member.streams.update(&update, mute).map(StreamEvent::Changed);
        let changed = self.store.change_streams(&room("s"), &id(ONE), Some(stamp), START, change).await;
        assert!(is_changed(&changed.unwrap()));
    }
}

/// Which streams there are, and whether they have sound.
fn sounds(member: &Member) -> Vec<(String, bool)> {
    member.streams.live.iter().map(|(id, stream)| (id.to_string(), stream.has_audio)).collect()
}

fn of(streams: &[(&str, bool)]) -> Vec<(String, bool)> {
    streams.iter().map(|(id, sound)| ((*id).to_owned(), *sound)).collect()
}

#[tokio::test]
async fn of_two_that_switch_the_mute_at_once_the_second_sees_the_first_and_is_the_next_version() {
    let tables = Tables::new().await;
    tables.session("s").await;
    // Once when it was never switched, and once when it was.
    for before in [0, 2] {
        let (second, first) =
            tables.meanwhile(TRANSACT, 1, tables.switch(true, &[id(ONE)]), tables.switch(false, &[])).await;
        assert_eq!((first.version, first.active), (before + 1, false));
        assert_eq!(second, Mute { version: before + 2, active: true, excluded: vec![id(ONE)] });
        assert_eq!(tables.mute().await, second);
    }
}

#[tokio::test]
async fn whoever_takes_the_sound_meets_a_new_stream_and_takes_that_of_both() {
    let tables = Tables::new().await;
    let (stamp, seen) = tables.publisher().await;
    let mute = Mute::default().next(true, vec![]);
    let publish = tables.publish(&stamp, OTHER, START);
    let (muted, _) = tables.meanwhile(UPDATE, 1, tables.carry_out(seen, &mute), publish).await;
    let muted = muted.unwrap();
    assert_eq!((sounds(&muted), muted.streams.version), (of(&[(ONE, false), (OTHER, false)]), 3));
    assert_eq!(tables.p().await, muted);
}

/// It has read of no mute, and decides again when its streams are others than it read.
#[tokio::test]
async fn who_publishes_while_the_sound_is_taken_does_not_give_it_back() {
    let tables = Tables::new().await;
    let (stamp, seen) = tables.publisher().await;
    let mute = Mute::default().next(true, vec![]);
    let publish = tables.publish(&stamp, OTHER, START);
    let (_, muted) = tables.meanwhile(TRANSACT, 1, publish, tables.carry_out(seen, &mute)).await;
    assert_eq!(sounds(&muted.unwrap()), of(&[(ONE, false)]));
    let there = tables.p().await;
    assert_eq!((sounds(&there), there.streams.version), (of(&[(ONE, false), (OTHER, true)]), 3));
}

#[tokio::test]
async fn who_switches_its_sound_on_knowing_of_the_mute_keeps_it_from_whoever_carries_that_out_late() {
    let tables = Tables::new().await;
    let (stamp, seen) = tables.publisher().await;
    let mute = tables.switch(true, &[]).await;
    let off_and_on = async {
        tables.sound(&stamp, false).await;
        tables.sound(&stamp, true).await;
    };
    let (kept, ()) = tables.meanwhile(UPDATE, 1, tables.carry_out(seen, &mute), off_and_on).await;
    assert_eq!(sounds(&kept.unwrap()), of(&[(ONE, true)]));
    let there = tables.p().await;
    assert_eq!((sounds(&there), there.streams.version), (of(&[(ONE, true)]), 3));
    // The next mute is another matter.
    let next = tables.switch(true, &[]).await;
    assert_eq!(sounds(&tables.carry_out(there, &next).await.unwrap()), of(&[(ONE, false)]));
}

#[tokio::test]
async fn of_two_that_carry_out_one_mute_one_takes_the_sound_and_the_other_sees_it_taken() {
    let tables = Tables::new().await;
    let (_, seen) = tables.publisher().await;
    let mute = Mute::default().next(true, vec![]);
    let (late, first) = tables
        .meanwhile(UPDATE, 1, tables.carry_out(seen.clone(), &mute), tables.carry_out(seen, &mute))
        .await;
    assert_eq!(first.as_ref().unwrap().streams.version, 2);
    assert_eq!(late, first);
    assert_eq!(tables.p().await, first.unwrap());
}

#[tokio::test]
async fn the_sound_is_taken_on_another_socket_of_the_stay_and_not_from_another_stay() {
    let tables = Tables::new().await;
    let (_, seen) = tables.publisher().await;
    let mute = Mute::default().next(true, vec![]);
    let (muted, (newer, _)) = tables
        .meanwhile(UPDATE, 1, tables.carry_out(seen.clone(), &mute), tables.joined("b", "p", minutes(1)))
        .await;
    let muted = muted.unwrap();
    assert_eq!((sounds(&muted), &muted.stamp), (of(&[(ONE, false)]), &newer));

    let another = async {
        assert!(matches!(tables.end(&newer).await, Departed::Gone(_)));
        let (stamp, _) = tables.joined("c", "p", minutes(2)).await;
        assert!(is_changed(&tables.publish(&stamp, OTHER, minutes(2)).await));
    };
    let next = mute.next(true, vec![]);
    tables.sound(&newer, true).await;
    let seen = tables.p().await;
    let (muted, ()) = tables.meanwhile(UPDATE, 1, tables.carry_out(seen, &next), another).await;
    assert_eq!(muted, None);
    assert_eq!(sounds(&tables.p().await), of(&[(OTHER, true)]));
}
