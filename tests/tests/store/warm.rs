//! Warm rooms: what is left after a claim, what a refill starts, which SFU is a spare one.

use super::races::TRANSACT;
use super::*;

const MANY: Limits = Limits { rooms: 9, idle_rooms: 9 };

impl Tables {
    async fn refill(&self, id: &str, target: usize, now: EpochMillis) -> Option<Reserved> {
        self.store.refill(&room(id), pending(id, now), self.limits, target, now).await.unwrap()
    }

    async fn spare(&self, stamp: &Stamp, keep: usize) -> Left {
        self.store.leave_if_spare(stamp, keep, START).await.unwrap()
    }

    async fn status(&self, id: &str) -> Status {
        self.store.room(&room(id), START).await.unwrap().unwrap().status
    }
}

fn has_left(left: &Left) -> bool {
    matches!(left, Left::Gone(Ended { identity: Identity::Sfu { .. }, .. }))
}

#[tokio::test]
async fn a_claim_counts_the_warm_rooms_that_it_leaves() {
    let tables = Tables::with(MANY).await;
    assert_eq!(tables.claim_and_count("none", START).await, (None, Some(0)));
    assert!(matches!(tables.reserve("pending", START).await, Reserved::Room(_)));
    assert_eq!(tables.claim_and_count("none", START).await.1, Some(1), "a pending one is warm");
    tables.unclaimed("a", START).await;
    tables.unclaimed("b", START).await;
    let first = tables.claim_and_count("page", START).await;
    assert!(first.0.is_some());
    assert_eq!(first.1, Some(2));
    assert_eq!(tables.claim_and_count("page", START).await, (first.0, None), "it took none");
    let later = minutes(10);
    assert_eq!(tables.claim_and_count("other", later).await.1, Some(0), "a pending room has its lease");
}

#[tokio::test]
async fn a_room_is_warm_once_whether_its_sfu_is_there_or_not() {
    let tables = Tables::with(MANY).await;
    assert!(matches!(tables.refill("a", 1, START).await, Some(Reserved::Room(_))));
    assert_eq!(tables.refill("b", 1, START).await, None, "pending");
    let (stamp, _) = tables.serve("a", "sfu-of-a", START).await;
    assert_eq!(tables.refill("b", 1, START).await, None, "unclaimed");
    assert!(matches!(tables.refill("b", 2, START).await, Some(Reserved::Room(_))), "but one");
    assert!(matches!(tables.end(&stamp).await, Departed::Gone(_)));
    assert!(matches!(tables.refill("c", 2, START).await, Some(Reserved::Room(_))), "a lost one is not warm");
}

#[tokio::test]
async fn a_room_that_is_taken_back_is_not_warm() {
    let tables = Tables::with(MANY).await;
    let Some(Reserved::Room(slot)) = tables.refill("a", 1, START).await else { panic!("no room") };
    tables.store.release(&room("a"), slot).await.unwrap();
    assert!(matches!(tables.refill("b", 1, START).await, Some(Reserved::Room(_))));
}

#[tokio::test]
async fn a_refill_ends_at_the_caps() {
    let tables = Tables::with(Limits { rooms: 1, idle_rooms: 9 }).await;
    tables.claimed("a", "page", START).await;
    assert_eq!(tables.refill("b", 1, START).await, Some(Reserved::TooManyRooms));
    let tables = Tables::with(Limits { rooms: 9, idle_rooms: 1 }).await;
    tables.unclaimed("a", START).await;
    assert_eq!(tables.refill("b", 2, START).await, Some(Reserved::TooManyIdleRooms));
}

/// One message, delivered twice at the same moment.
#[tokio::test]
async fn of_two_refills_that_count_the_same_pool_one_starts_a_room() {
    let tables = Tables::with(MANY).await;
    // The first ever, and one that follows another.
    for (round, target) in [(1, 1), (2, 2)] {
        let (slower, quicker) = tables
            .meanwhile(
                TRANSACT,
                1,
                tables.refill(&format!("slower-{round}"), target, START),
                tables.refill(&format!("quicker-{round}"), target, START),
            )
            .await;
        assert!(matches!(quicker, Some(Reserved::Room(_))));
        assert_eq!(slower, None, "round {round}");
    }
}

#[tokio::test]
async fn a_spare_sfu_closes_its_room_if_enough_others_are_warm() {
    let tables = Tables::with(MANY).await;
    let (one, two) = (tables.unclaimed("one", START).await, tables.unclaimed("two", START).await);
    assert_eq!(tables.spare(&one, 2).await, Left::RoomNeeded);
    assert_eq!(tables.status("one").await, Status::Unclaimed);
    assert!(has_left(&tables.spare(&one, 1).await));
    assert_eq!(tables.status("one").await, Status::Closed);
    assert_eq!(tables.spare(&two, 1).await, Left::RoomNeeded);
    assert!(matches!(tables.reserve("pending", START).await, Reserved::Room(_)));
    assert!(has_left(&tables.spare(&two, 1).await), "a pending one will do");
    assert_eq!(tables.claim_and_count("page", START).await.1, Some(1));
}

#[tokio::test]
async fn the_last_sfu_is_a_spare_one_when_none_need_be_warm() {
    let tables = Tables::new().await;
    let stamp = tables.unclaimed("r", START).await;
    assert!(has_left(&tables.spare(&stamp, 0).await));
    assert_eq!(tables.spare(&stamp, 0).await, Left::NotIdentified);
}

#[tokio::test]
async fn an_sfu_whose_room_is_claimed_is_no_spare_one_and_a_client_never() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    assert_eq!(tables.spare(&sfu, 0).await, Left::RoomClaimed);
    assert_eq!(tables.claim("page", START).await, Some(room("r")));
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    assert_eq!(tables.spare(&stamp, 0).await, Left::NotAnSfu);
    assert!(tables.store.connection(&stamp.connection_id).await.unwrap().unwrap().identity.is_some());
}

#[tokio::test]
async fn a_claim_that_comes_before_a_spare_sfus_leave_keeps_its_room() {
    let tables = Tables::with(MANY).await;
    let stamp = tables.unclaimed("r", START).await;
    let (left, claimed) =
        tables.meanwhile(TRANSACT, 1, tables.spare(&stamp, 0), tables.claim("page", START)).await;
    assert_eq!((left, claimed), (Left::RoomClaimed, Some(room("r"))));
    assert_eq!(tables.status("r").await, Status::Claimed);
}

#[tokio::test]
async fn a_claim_that_comes_after_a_spare_sfus_leave_takes_another_room() {
    let tables = Tables::new().await;
    let stamp = tables.unclaimed("r", START).await;
    let (claimed, left) =
        tables.meanwhile(TRANSACT, 1, tables.claim("page", START), tables.spare(&stamp, 0)).await;
    assert!(has_left(&left));
    assert_eq!(claimed, None);
}

#[tokio::test]
async fn of_two_spare_sfus_that_count_on_each_other_one_leaves() {
    let tables = Tables::with(MANY).await;
    let (one, two) = (tables.unclaimed("one", START).await, tables.unclaimed("two", START).await);
    let (slower, quicker) = tables.meanwhile(TRANSACT, 1, tables.spare(&one, 1), tables.spare(&two, 1)).await;
    assert!(has_left(&quicker));
    assert_eq!(slower, Left::RoomNeeded);
}

/// The claim takes one of both at random: it is repeated until it took the one that the leave counts on.
#[tokio::test]
async fn an_sfu_is_needed_when_the_room_that_it_counted_on_is_claimed() {
    let tables = Tables::with(MANY).await;
    for round in 0..20 {
        let (one, two) = (format!("one-{round}"), format!("two-{round}"));
        let stamp = tables.unclaimed(&one, START).await;
        let other = tables.unclaimed(&two, START).await;
        let path = format!("page-{round}");
        let (left, claimed) =
            tables.meanwhile(TRANSACT, 1, tables.spare(&stamp, 1), tables.claim(&path, START)).await;
        if claimed == Some(room(&two)) {
            assert_eq!(left, Left::RoomNeeded);
            assert_eq!(tables.status(&one).await, Status::Unclaimed);
            return;
        }
        assert_eq!(left, Left::RoomClaimed);
        assert!(has_left(&tables.sign_off(&stamp).await) && has_left(&tables.sign_off(&other).await));
    }
    panic!("one of two was never taken in 20 rounds");
}
