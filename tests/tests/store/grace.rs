//! A place that is kept for its member, and what may come between.

use model::member::Member;

use super::races::{TRANSACT, whose};
use super::*;

const KEPT: Duration = Duration::from_secs(30);

impl Tables {
    /// A peer `p` of the room `r` whose socket is lost: the connection that it was lost with, and until when its place
    /// is kept.
    async fn kept(&self) -> (Stamp, EpochMillis) {
        let stamp = self.resumable().await;
        assert!(self.lose(&stamp, START).await);
        (stamp, START.plus(KEPT))
    }

    /// A peer `p` of the room `r`, with a resume token.
    async fn resumable(&self) -> Stamp {
        self.claimed("r", "page", START).await;
        let stamp = self.connection("a", START, None).await;
        assert_eq!(self.resume(&stamp, "p", "r").await, MEMBER);
        stamp
    }

    async fn lose(&self, stamp: &Stamp, now: EpochMillis) -> bool {
        self.store.keep(stamp, &races::client("p", "r"), now.plus(KEPT), now).await.unwrap()
    }

    async fn member_at(&self, now: EpochMillis) -> Option<Member> {
        self.store.member(&room("r"), &peer("p"), now).await.unwrap()
    }

    /// What the timer does when it fires: the member is read, and its stay ended if it is the same connection's.
    async fn fire(&self, fence: &Stamp, now: EpochMillis) -> Option<Identity> {
        match self.member_at(now).await {
            Some(member) if member.stamp == *fence && member.is_overdue(now) => {
                let identity = member.identity(&peer("p"), &room("r"));
                whose(self.store.depart(fence, identity, now).await.unwrap())
            }
            Some(_) | None => None,
        }
    }
}

fn p() -> Identity {
    races::client("p", "r")
}

#[tokio::test]
async fn a_kept_place_is_its_members_until_the_grace_is_over_to_the_millisecond() {
    let tables = Tables::new().await;
    let (stamp, until) = tables.kept().await;
    let later = START.plus(Duration::from_secs(10));
    assert!(!tables.lose(&stamp, later).await, "its grace is no longer for being noticed again");
    let before = EpochMillis(until.0 - 1);
    let roster = async |now| tables.store.roster(&room("r"), now).await.unwrap();
    assert_eq!((roster(before).await.members.len(), roster(until).await.overdue.len()), (1, 1));
    assert_eq!(tables.fire(&stamp, before).await, None);
    assert_eq!(tables.fire(&stamp, until).await, Some(p()));
    assert_eq!(tables.fire(&stamp, until).await, None);
    assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None);
}

/// The lease of a place ends with that of its connection, ten minutes after API Gateway cuts the socket.
#[tokio::test]
async fn a_grace_is_not_cut_short_by_a_lease_that_ends() {
    let tables = Tables::new().await;
    let stamp = tables.resumable().await;
    let lost = EpochMillis(minutes(130).0 - 1000);
    assert!(tables.lose(&stamp, lost).await);
    let until = lost.plus(KEPT);
    assert!(tables.member_at(until).await.is_some());
    assert_eq!(tables.fire(&stamp, until).await, Some(p()));
}

#[tokio::test]
async fn a_disconnect_after_the_place_is_kept_says_whether_it_was_meant() {
    let tables = Tables::new().await;
    let (stamp, until) = tables.kept().await;
    assert_eq!(whose(tables.end(&stamp).await), Some(p()), "it left");
    assert_eq!(tables.member_at(START).await, None);
    assert_eq!(tables.fire(&stamp, until).await, None);
}

#[tokio::test]
async fn a_place_without_a_resume_token_is_not_kept() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("a", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    assert!(!tables.lose(&stamp, START).await);
}

#[tokio::test]
async fn a_timer_that_meets_a_return_does_not_end_the_stay() {
    let tables = Tables::new().await;
    let (older, until) = tables.kept().await;
    // An older socket than the one that was lost: its holder's place all the same.
    let back = tables.connection("0", START, None).await;
    let (fired, returned) =
        tables.meanwhile(TRANSACT, 1, tables.fire(&older, until), tables.resume(&back, "p", "r")).await;
    assert_eq!((fired, returned), (None, Came::Member(PreviousHolder::Away)));
    let member = tables.member_at(until).await.unwrap();
    assert_eq!((member.stamp, member.away_until, member.joined_at), (back, None, START));
    assert_eq!(tables.store.connection(&older.connection_id).await.unwrap(), None);
}

#[tokio::test]
async fn a_return_that_meets_the_timer_begins_anew() {
    let tables = Tables::new().await;
    let (older, until) = tables.kept().await;
    let back = tables.connection("b", until, None).await;
    // Its first transaction finds the place kept, its second one would take it.
    let (returned, fired) =
        tables.meanwhile(TRANSACT, 2, tables.resume(&back, "p", "r"), tables.fire(&older, until)).await;
    assert_eq!((returned, fired), (Came::Member(PreviousHolder::Lost), Some(p())));
}

#[tokio::test]
async fn a_loss_that_meets_a_take_over_keeps_nothing() {
    let tables = Tables::new().await;
    let older = tables.resumable().await;
    let newer = tables.connection("b", START, None).await;
    let (kept, taken) =
        tables.meanwhile("UpdateItem", 1, tables.lose(&older, START), tables.resume(&newer, "p", "r")).await;
    assert_eq!((kept, taken), (false, Came::Member(PreviousHolder::Older(older.into()))));
    let member = tables.member_at(START).await.unwrap();
    assert_eq!((member.stamp, member.away_until), (newer, None));
}

#[tokio::test]
async fn a_place_that_was_kept_by_mistake_is_taken_anew_on_its_own_socket() {
    let tables = Tables::new().await;
    let (stamp, until) = tables.kept().await;
    assert_eq!(tables.resume(&stamp, "p", "r").await, Came::Member(PreviousHolder::Away));
    assert_eq!(tables.member_at(until).await.map(|member| member.away_until), Some(None));
    assert_eq!(tables.fire(&stamp, until).await, None);
    assert_eq!(tables.resume(&stamp, "p", "r").await, AGAIN, "it is there");
}
