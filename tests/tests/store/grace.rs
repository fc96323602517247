//! A place that is kept for its member, and what may come between.

use super::races::TRANSACT;
use super::*;

const KEPT: Duration = Duration::from_secs(30);

impl Tables {
    /// A peer `p` of the room `r` whose socket is lost: the connection that it was lost with, and until when its place is kept.
    async fn kept(&self) -> (Stamp, EpochMillis) {
        self.claimed("r", "page", START).await;
        let stamp = self.connection("a", START, None).await;
        assert_eq!(self.resume(&stamp, "p", "r").await, MEMBER);
        let until = START.plus(KEPT);
        assert_eq!(self.lose(&stamp, START).await, away(until));
        (stamp, until)
    }

    async fn lose(&self, stamp: &Stamp, now: EpochMillis) -> Departed {
        self.store.disconnect(stamp, KEPT, now).await.unwrap()
    }

    /// What the timer does when it fires: the member is read, and its stay ended if it is the same connection's.
    async fn fire(&self, fence: &Stamp, now: EpochMillis) -> Departed {
        match self.store.member(&room("r"), &peer("p"), now).await.unwrap() {
            Some(member) if member.stamp == *fence && member.is_overdue(now) => {
                let identity = member.identity(&peer("p"), &room("r"));
                self.store.depart(fence, identity, Duration::ZERO, now).await.unwrap()
            }
            Some(_) | None => Departed::Nothing,
        }
    }
}

fn away(until: EpochMillis) -> Departed {
    Departed::Away(races::client("p", "r"), until)
}

#[tokio::test]
async fn a_kept_place_is_its_members_until_the_grace_is_over_to_the_millisecond() {
    let tables = Tables::new().await;
    let (stamp, until) = tables.kept().await;
    assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None);
    assert_eq!(tables.lose(&stamp, START).await, Departed::Nothing, "it is lost once");
    let later = START.plus(Duration::from_secs(10));
    let found_gone = tables.store.depart(&stamp, races::client("p", "r"), KEPT, later).await.unwrap();
    assert_eq!(found_gone, Departed::Nothing, "and its grace is no longer for being noticed again");
    let before = EpochMillis(until.0 - 1);
    let roster = async |now| tables.store.roster(&room("r"), now).await.unwrap();
    assert_eq!((roster(before).await.members.len(), roster(until).await.overdue.len()), (1, 1));
    assert_eq!(tables.fire(&stamp, before).await, Departed::Nothing);
    assert_eq!(tables.fire(&stamp, until).await, Departed::Gone(races::client("p", "r")));
    assert_eq!(tables.fire(&stamp, until).await, Departed::Nothing);
}

#[tokio::test]
async fn a_place_without_a_resume_token_is_not_kept() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("a", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    assert_eq!(tables.lose(&stamp, START).await, Departed::Gone(races::client("p", "r")));
}

#[tokio::test]
async fn a_timer_that_meets_a_return_does_not_end_the_stay() {
    let tables = Tables::new().await;
    let (older, until) = tables.kept().await;
    // An older socket than the one that was lost: its holder's place all the same.
    let back = tables.connection("0", START, None).await;
    let (fired, returned) =
        tables.meanwhile(TRANSACT, 1, tables.fire(&older, until), tables.resume(&back, "p", "r")).await;
    assert_eq!((fired, returned), (Departed::Nothing, Came::Member(PreviousHolder::Away)));
    let member = tables.store.member(&room("r"), &peer("p"), until).await.unwrap().unwrap();
    assert_eq!((member.stamp, member.away_until, member.joined_at), (back, None, START));
}

#[tokio::test]
async fn a_return_that_meets_the_timer_begins_anew() {
    let tables = Tables::new().await;
    let (older, until) = tables.kept().await;
    let back = tables.connection("b", until, None).await;
    // Its first transaction finds the place kept, its second one would take it.
    let (returned, fired) =
        tables.meanwhile(TRANSACT, 2, tables.resume(&back, "p", "r"), tables.fire(&older, until)).await;
    assert_eq!((returned, fired), (MEMBER, Departed::Gone(races::client("p", "r"))));
}

#[tokio::test]
async fn a_loss_that_meets_a_take_over_keeps_nothing() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let older = tables.connection("a", START, None).await;
    let newer = tables.connection("b", START, None).await;
    assert_eq!(tables.resume(&older, "p", "r").await, MEMBER);
    let (lost, taken) =
        tables.meanwhile(TRANSACT, 1, tables.lose(&older, START), tables.resume(&newer, "p", "r")).await;
    assert_eq!((lost, taken), (Departed::Nothing, Came::Member(PreviousHolder::Older(older))));
    let member = tables.store.member(&room("r"), &peer("p"), START).await.unwrap().unwrap();
    assert_eq!((member.stamp, member.away_until), (newer, None));
}
