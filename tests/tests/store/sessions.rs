//! Sessions: their count, their places and their SFU, with another call in between.

use std::collections::BTreeSet;

use gateway::store::{Limited, Sequence};
use model::member::Member;
use model::outbox::{Change, PATIENCE};
use model::outcome::{Expelled, RateLimited};
use model::session::{ApiKey, MediaMode, Rate, Role, Session, SessionMember};
use serde_json::json;

use super::races::TRANSACT;
use super::*;

const RESUME: &str = "0123456789abcdef";
const HOUR: Duration = Duration::from_hours(1);

pub(super) fn api_key() -> ApiKey {
    ApiKey::try_from("47000001".to_owned()).unwrap()
}

impl Tables {
    pub(super) async fn session(&self, id: &str) {
        let session = Session {
            api_key: api_key(),
            media_mode: MediaMode::Routed,
            e2ee: false,
            connections: 0,
            sfu_room: None,
            created_at: START,
        };
        self.store.create_session(&room(id), &session).await.unwrap();
    }

    fn entry(stamp: &Stamp, peer_id: &str, id: &str, role: Role) -> Join {
        let member = SessionMember {
            role,
            data: format!("of {}", stamp.connection_id),
            layout_classes: vec![],
            suppressed: false,
        };
        Join {
            socket: stamp.clone().into(),
            person: nobody(stamp),
            room: room(id),
            peer: peer(peer_id),
            resume_hash: Some(SecretHash::of(RESUME)),
            bound: false,
            policy: Policy::Session { api_key: api_key(), member, e2ee_ready: false, limit: 2 },
        }
    }

    pub(super) async fn enter(&self, stamp: &Stamp, peer_id: &str, id: &str, now: EpochMillis) -> Joined {
        self.store.join(&Self::entry(stamp, peer_id, id, Role::Publisher), now).await.unwrap()
    }

    pub(super) async fn joined(&self, connection: &str, peer_id: &str, now: EpochMillis) -> (Stamp, Member) {
        let stamp = self.connection(connection, now, None).await;
        let joined = self.enter(&stamp, peer_id, "s", now).await;
        let Joined::Member { member, .. } = joined else { panic!("{joined:?}") };
        (stamp, member)
    }

    pub(super) async fn count_of(&self, id: &str) -> u32 {
        self.store.session(&room(id)).await.unwrap().unwrap().connections
    }

    pub(super) async fn expel(&self, peer_id: &str) -> Expelled {
        self.store.expel(&room("s"), &peer(peer_id), START).await.unwrap()
    }

    async fn claim_sfu(&self, now: EpochMillis) -> Claimed {
        self.store.claim(Claimant::Session(&room("s")), GRACE, now).await.unwrap().claimed
    }

    /// A room in the pool, and its SFU's stamp.
    async fn warm(&self, id: &str, now: EpochMillis) -> Stamp {
        assert!(matches!(self.reserve(id, now).await, Reserved::Room(_)));
        self.serve(id, &format!("sfu-of-{id}"), now).await.0
    }
}

#[tokio::test]
async fn the_last_place_is_given_once() {
    let tables = Tables::new().await;
    tables.session("s").await;
    tables.joined("a", "a", START).await;
    let (b, c) = (tables.connection("b", START, None).await, tables.connection("c", START, None).await);
    let (late, first) = tables
        .meanwhile(TRANSACT, 1, tables.enter(&b, "b", "s", START), tables.enter(&c, "c", "s", START))
        .await;
    assert!(matches!(first, Joined::Member { previous: PreviousHolder::Nobody, .. }), "{first:?}");
    assert_eq!(late, Joined::LimitExceeded);
    assert_eq!(tables.count_of("s").await, 2);
}

#[tokio::test]
async fn a_place_is_counted_down_once_however_often_its_end_is_noticed() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, member) = tables.joined("a", "a", START).await;
    let identity = member.identity(&peer("a"), &room("s"));
    let depart = || tables.store.depart(&stamp, identity.clone(), START);
    let (late, first) = tables.meanwhile(TRANSACT, 1, tables.end(&stamp), depart()).await;
    assert_eq!(races::whose(first.unwrap()), Some(races::named(identity.clone())));
    assert_eq!(late, Departed::Nothing);
    assert_eq!(depart().await.unwrap(), Departed::Nothing);
    assert_eq!(tables.expel("a").await, Expelled::Forgotten, "its place is held, and counted by nobody");
    assert_eq!(tables.expel("a").await, Expelled::NotThere);
    assert_eq!(tables.count_of("s").await, 0);
}

/// Somebody leaves and comes again on the same socket; a post to the first stay is answered late.
#[tokio::test]
async fn what_is_known_of_one_stay_does_not_end_the_next_on_the_same_socket() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, first) = tables.joined("a", "p", START).await;
    assert!(matches!(tables.sign_off(&stamp).await, Left::Gone(_)));
    let again = tables.enter(&stamp, "p", "s", minutes(1)).await;
    assert!(matches!(again, Joined::Member { previous: PreviousHolder::Nobody, .. }));
    let known = first.identity(&peer("p"), &room("s"));
    assert_eq!(tables.store.depart(&stamp, known, minutes(1)).await.unwrap(), Departed::Nothing);
    assert_eq!(tables.count_of("s").await, 1);
}

#[tokio::test]
async fn a_stay_goes_on_on_another_socket_with_its_beginning_and_its_data() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (older, before) = tables.joined("a", "p", START).await;
    let stamp = tables.connection("b", minutes(1), None).await;
    let joined = tables.enter(&stamp, "p", "s", minutes(1)).await;
    let Joined::Member { member, previous: what } = joined else { panic!("{joined:?}") };
    assert_eq!(what, PreviousHolder::Older(older.clone().into()));
    assert_eq!((member.joined_at, &member.session), (START, &before.session));
    assert_eq!(tables.end(&older).await, Departed::Nothing);
    let again = tables.enter(&stamp, "p", "s", minutes(2)).await;
    assert_eq!(again, Joined::Member { member, previous: PreviousHolder::Itself });
    assert_eq!(tables.count_of("s").await, 1);
    let older_again = tables.connection("a2", START, None).await;
    let refused = tables.enter(&older_again, "p", "s", minutes(2)).await;
    assert!(matches!(&refused, Joined::Superseded(holder) if holder.stamp == stamp), "{refused:?}");
}

#[tokio::test]
async fn a_place_whose_lease_has_ended_is_another_stay_and_the_same_count() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (ghost, _) = tables.joined("a", "p", START).await;
    let now = START.plus(CONNECTION_LEASE);
    let found = tables.store.roster(&room("s"), now).await.unwrap();
    assert_eq!((found.members.len(), found.expired.len()), (0, 1), "it is absent, and still to be freed");
    let (_, member) = tables.joined("b", "p", now).await;
    assert_eq!(member.joined_at, now);
    assert_eq!(tables.count_of("s").await, 1);
    assert_eq!(tables.end(&ghost).await, Departed::Nothing);
    let items = tables.stack.rooms("PEER#").await;
    assert!(items[0].get("expiresAt").is_none(), "TTL would delete it and not count it");
}

#[tokio::test]
async fn who_is_sent_away_is_whoever_is_there_by_then() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (older, _) = tables.joined("a", "p", START).await;
    let stamp = tables.connection("b", minutes(1), None).await;
    let (expelled, joined) =
        tables.meanwhile(TRANSACT, 1, tables.expel("p"), tables.enter(&stamp, "p", "s", minutes(1))).await;
    assert!(
        matches!(joined, Joined::Member { previous: PreviousHolder::Older(before), .. } if before.stamp == older)
    );
    assert!(
        matches!(expelled, Expelled::Gone(ended, _) if ended.stamp == stamp),
        "not the socket that was replaced"
    );
    assert_eq!(tables.count_of("s").await, 0);
    assert_eq!(tables.end(&stamp).await, Departed::Nothing);
}

#[tokio::test]
async fn no_two_signals_have_one_number() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    let count = async |now| {
        let rate = Rate::new(10, 3);
        let limited = Limited { sequence: Sequence::Next, roles: &[Role::Publisher], rate };
        tables.store.rate_limit(&stamp, limited, now).await.unwrap()
    };
    let number =
        |counted| if let RateLimited::Allowed { seq, .. } = counted { seq } else { panic!("{counted:?}") };
    let (late, first) = tables.meanwhile("UpdateItem", 1, count(START), count(START)).await;
    let third = count(START).await;
    let numbers: BTreeSet<u64> = [late, first, third].map(number).into();
    assert_eq!(numbers, [1, 2, 3].into());
    assert_eq!(count(START).await, RateLimited::TooMany);
    assert_eq!(count(EpochMillis(START.0 + 99)).await, RateLimited::TooMany);
    assert_eq!(number(count(EpochMillis(START.0 + 100)).await), 4);
    assert_eq!(count(EpochMillis(START.0 + 199)).await, RateLimited::TooMany);
    let later = START.plus(HOUR);
    assert_eq!(
        [5, 6, 7],
        [number(count(later).await), number(count(later).await), number(count(later).await)]
    );
    assert_eq!(count(later).await, RateLimited::TooMany, "an hour's silence is no larger burst");
}

#[tokio::test]
async fn two_first_publishers_meet_at_the_session() {
    let tables = Tables::with(Limits { rooms: 9, idle_rooms: 9 }).await;
    tables.session("s").await;
    for id in ["r1", "r2", "r3"] {
        tables.warm(id, START).await;
    }
    let (late, first) = tables.meanwhile(TRANSACT, 1, tables.claim_sfu(START), tables.claim_sfu(START)).await;
    let Claimed::Taken(id, sfu) = first else { panic!("{first:?}") };
    assert!(sfu.is_some());
    assert_eq!(late, Claimed::Serving(id, sfu));
    assert_eq!(tables.stack.rooms("ROOM#").await.len(), 2);
}

#[tokio::test]
async fn a_path_and_a_session_that_want_one_room_do_not_both_get_it() {
    let tables = Tables::new().await;
    tables.session("s").await;
    tables.warm("r", START).await;
    let (late, first) =
        tables.meanwhile(TRANSACT, 1, tables.claim_sfu(START), tables.claim("page", START)).await;
    assert_eq!((late, first), (Claimed::NoRoom, Some(room("r"))));
    let sfu = tables.store.sfu(&room("r")).await.unwrap();
    assert!(sfu.is_some() && tables.store.sfu(&room("s")).await.unwrap().is_none());
}

/// `$disconnect` has read that the SFU serves nobody; then a session claims its room.
#[tokio::test]
async fn an_sfu_that_is_lost_while_it_is_claimed_is_lost_to_the_session() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let stamp = tables.warm("r", START).await;
    let (ended, claimed) = tables.meanwhile(TRANSACT, 1, tables.end(&stamp), tables.claim_sfu(START)).await;
    assert!(matches!(claimed, Claimed::Taken(_, Some(_))), "{claimed:?}");
    let Departed::Gone(Ended { identity, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(identity.room(), &room("s"), "the session is told");
    assert_eq!(tables.store.sfu(&room("s")).await.unwrap(), None);
    assert_eq!(tables.claim_sfu(START).await, Claimed::Serving(room("r"), None));
}

#[tokio::test]
async fn an_sfu_that_comes_back_while_it_is_claimed_serves_the_session() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let older = tables.warm("r", START).await;
    let newer = tables.connection("newer", minutes(1), Some("r")).await;
    let (served, claimed) = tables
        .meanwhile(TRANSACT, 1, tables.serve_on("r", &newer, minutes(1)), tables.claim_sfu(START))
        .await;
    assert!(matches!(claimed, Claimed::Taken(_, Some(_))), "{claimed:?}");
    assert_eq!(served, Served::Serving { replaced: Some(older), returned: None });
    assert_eq!(tables.store.sfu(&room("s")).await.unwrap().unwrap().stamp, newer);
    assert_eq!(tables.store.sfu(&room("r")).await.unwrap(), None);
    let departed = tables.end(&newer).await;
    assert!(matches!(departed, Departed::Gone(ended) if ended.identity.room() == &room("s")));
}

#[tokio::test]
async fn a_session_takes_another_sfu_after_the_grace_and_not_before() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let lost = tables.warm("r1", START).await;
    assert!(matches!(tables.claim_sfu(START).await, Claimed::Taken(_, Some(_))));
    tables.warm("r2", START).await;
    assert!(matches!(tables.end(&lost).await, Departed::Gone(_)));
    assert_eq!(tables.claim_sfu(EpochMillis(START.0 + 4_999)).await, Claimed::Serving(room("r1"), None));
    // The old SFU and the claim of another meet: one of them wins.
    let back = tables.connection("back", minutes(1), Some("r1")).await;
    let now = START.plus(GRACE);
    let (claimed, served) =
        tables.meanwhile(TRANSACT, 1, tables.claim_sfu(now), tables.serve_on("r1", &back, now)).await;
    assert_eq!(served, Served::Serving { replaced: None, returned: Some(room("s")) });
    assert!(matches!(claimed, Claimed::Serving(_, Some(sfu)) if sfu.stamp == back));
    assert!(matches!(tables.end(&back).await, Departed::Gone(_)));
    assert!(matches!(tables.claim_sfu(now).await, Claimed::Taken(_, Some(_))));
    assert_eq!(tables.serve("r1", "late", now).await.1, Served::RoomClosed);
}

#[tokio::test]
async fn ghosts_are_listed_in_the_table_as_they_are() {
    let tables = Tables::new().await;
    tables.session("s").await;
    tables.joined("a", "p", START).await;
    let item = &tables.stack.rooms("PEER#").await[0];
    assert_eq!(item["session"], json!({ "role": "publisher", "data": "of a", "suppressed": false }));
}

#[tokio::test]
async fn of_two_that_find_a_change_overdue_one_takes_it_over() {
    let tables = Tables::new().await;
    tables.session("s").await;
    let (stamp, _) = tables.joined("a", "p", START).await;
    let created = Change::Created { peer_id: peer("p"), joined_at: START, resumed: false };
    tables.store.settle(&room("s"), &created).await.unwrap();
    assert!(matches!(tables.end(&stamp).await, Departed::Gone(_)));
    let overdue = async |now| tables.store.roster(&room("s"), now).await.unwrap().owed;
    assert_eq!(overdue(EpochMillis(START.plus(PATIENCE).0 - 1)).await, []);
    let later = START.plus(PATIENCE);
    let [owed] = overdue(later).await.try_into().unwrap();
    let take = || tables.store.take_over(&owed, later);
    let (one, other) = futures::join!(take(), take());
    assert_eq!([one.unwrap(), other.unwrap()].iter().filter(|taken| **taken).count(), 1);
    assert_eq!(overdue(later).await, [], "it is told by whoever has taken it over");
    assert_eq!(overdue(later.plus(PATIENCE)).await.len(), 1, "unless that dies as well");
}
