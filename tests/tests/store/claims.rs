//! A claim, and what may come between.

use super::races::TRANSACT;
use super::*;

impl Tables {
    /// A room in the pool, and its SFU's stamp.
    pub(super) async fn unclaimed(&self, id: &str, now: EpochMillis) -> Stamp {
        assert!(matches!(self.reserve(id, now).await, Reserved::Room(_)));
        let (stamp, served) = self.serve(id, &format!("sfu-of-{id}"), now).await;
        assert_eq!(served, Served::Serving { replaced: None, returned: None });
        stamp
    }
}

#[tokio::test]
async fn of_two_claims_of_one_room_one_gets_it() {
    let tables = Tables::new().await;
    tables.unclaimed("r", START).await;
    let (slower, quicker) =
        tables.meanwhile(TRANSACT, 1, tables.claim("one", START), tables.claim("two", START)).await;
    assert_eq!((slower, quicker), (None, Some(room("r"))));
}

#[tokio::test]
async fn a_room_whose_sfu_is_lost_meanwhile_is_not_claimed() {
    let tables = Tables::new().await;
    let sfu = tables.unclaimed("r", START).await;
    let (claimed, ended) = tables.meanwhile(TRANSACT, 1, tables.claim("page", START), tables.end(&sfu)).await;
    assert!(matches!(ended, Departed::Gone(_)));
    assert_eq!(claimed, None);
    assert_eq!(tables.store.path(&UrlPath::new("page".into()).unwrap(), START).await.unwrap(), None);
}

#[tokio::test]
async fn two_claims_over_one_lost_room_agree() {
    let tables = Tables::with(Limits { rooms: 3, idle_rooms: 9 }).await;
    let sfu = tables.claimed("old", "page", START).await;
    assert!(matches!(tables.end(&sfu).await, Departed::Gone(_)));
    let later = START.plus(GRACE);
    for id in ["a", "b"] {
        tables.unclaimed(id, later).await;
    }
    // The first transaction finds the path held, the second one would claim over it.
    let (slower, quicker) =
        tables.meanwhile(TRANSACT, 2, tables.claim("page", later), tables.claim("page", later)).await;
    assert_eq!(slower, quicker);
    assert!(tables.claim("other", later).await.is_some(), "one is left");
    assert_eq!(tables.claim("third", later).await, None);
}

#[tokio::test]
async fn an_sfu_that_returns_meanwhile_keeps_its_path() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("old", "page", START).await;
    assert!(matches!(tables.end(&sfu).await, Departed::Gone(_)));
    let later = START.plus(GRACE);
    tables.unclaimed("new", later).await;
    let (claimed, (_, served)) =
        tables.meanwhile(TRANSACT, 2, tables.claim("page", later), tables.serve("old", "back", later)).await;
    assert_eq!(served, Served::Serving { replaced: None, returned: Some(room("old")) });
    assert_eq!(claimed, Some(room("old")));
    assert_eq!(tables.store.room(&room("old"), later).await.unwrap().unwrap().status, Status::Claimed);
    assert_eq!(tables.claim("other", later).await, Some(room("new")), "it is still to be had");
}

/// An SFU has a new socket every two hours: the claim may not undo what it renews.
#[tokio::test]
async fn a_claim_that_meets_an_identify_of_its_sfu_is_neither_lost_nor_short() {
    let tables = Tables::new().await;
    tables.unclaimed("r", START).await;
    let later = minutes(110);
    let (claimed, (_, served)) =
        tables.meanwhile(TRANSACT, 1, tables.claim("page", later), tables.serve("r", "second", later)).await;
    assert!(matches!(served, Served::Serving { replaced: Some(_), .. }));
    assert_eq!(claimed, Some(room("r")));
    let end = START.plus(LEASE);
    let path = tables.store.path(&UrlPath::new("page".into()).unwrap(), end).await.unwrap();
    assert_eq!(path.map(|path| path.room_id), Some(room("r")), "the path's lease is the room's");
}

#[tokio::test]
async fn an_identify_of_the_sfu_that_meets_a_claim_does_not_undo_it() {
    let tables = Tables::new().await;
    tables.unclaimed("r", START).await;
    let second = tables.connection("second", minutes(1), Some("r")).await;
    let (served, claimed) = tables
        .meanwhile(TRANSACT, 1, tables.serve_on("r", &second, minutes(1)), tables.claim("page", minutes(1)))
        .await;
    assert!(matches!(served, Served::Serving { replaced: Some(_), .. }));
    assert_eq!(claimed, Some(room("r")));
    assert_eq!(tables.claim("other", minutes(1)).await, None);
}

#[tokio::test]
async fn an_sfu_that_leaves_in_the_moment_of_a_claim_frees_the_path() {
    let tables = Tables::new().await;
    let sfu = tables.unclaimed("r", START).await;
    let (left, claimed) =
        tables.meanwhile(TRANSACT, 1, tables.sign_off(&sfu), tables.claim("page", START)).await;
    assert!(matches!(left, Left::Gone(_)));
    assert_eq!(claimed, Some(room("r")));
    assert_eq!(tables.store.path(&UrlPath::new("page".into()).unwrap(), START).await.unwrap(), None);
    for id in ["a", "b"] {
        assert!(matches!(tables.reserve(id, START).await, Reserved::Room(_)), "its slot is free");
    }
}

#[tokio::test]
async fn two_callers_for_the_last_slot_make_one_room() {
    let tables = Tables::new().await;
    assert!(matches!(tables.reserve("a", START).await, Reserved::Room(_)));
    let (slower, quicker) =
        tables.meanwhile(TRANSACT, 1, tables.reserve("b", START), tables.reserve("c", START)).await;
    assert!(matches!(quicker, Reserved::Room(_)));
    assert_eq!(slower, Reserved::TooManyRooms);
    assert_eq!(tables.store.room(&room("b"), START).await.unwrap(), None);
}

#[tokio::test]
async fn an_unclaimed_room_is_not_to_be_had_after_its_lease() {
    let tables = Tables::new().await;
    tables.unclaimed("r", START).await;
    assert_eq!(tables.claim("page", START.plus(LEASE)).await, None);
}

#[tokio::test]
async fn a_path_is_free_when_its_lease_has_ended_whatever_ttl_does() {
    let tables = Tables::new().await;
    tables.claimed("old", "page", START).await;
    let end = START.plus(LEASE);
    assert_eq!(tables.store.path(&UrlPath::new("page".into()).unwrap(), end).await.unwrap(), None);
    assert_eq!(tables.store.room(&room("old"), end).await.unwrap(), None);
    tables.unclaimed("new", end).await;
    assert_eq!(tables.claim("page", end).await, Some(room("new")));
}

#[tokio::test]
async fn an_sfu_that_leaves_unclaimed_leaves_nothing_in_the_pool() {
    let tables = Tables::new().await;
    let sfu = tables.unclaimed("r", START).await;
    assert_eq!(tables.stack.rooms("ROOM#").await.len(), 1);
    assert!(matches!(tables.sign_off(&sfu).await, Left::Gone(_)));
    assert_eq!(tables.stack.rooms("ROOM#").await.len(), 0);
}
