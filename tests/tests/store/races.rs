//! What comes between: one call is held back at the wire, in the middle of what it does, while another one runs.

use arbiter_tests::until;
use serde_json::json;

use super::*;

impl Tables {
    /// Runs `first`, holds back its `nth` call of `operation`, runs `second` in the meantime, lets it go on.
    pub(super) async fn meanwhile<A, B>(
        &self,
        operation: &str,
        nth: u64,
        first: impl Future<Output = A>,
        second: impl Future<Output = B>,
    ) -> (A, B) {
        let hold = json!({ "fault": "dynamodb", "operation": operation, "delayMs": 60_000, "times": 1 });
        let mut holding = self.stack.fault(hold.clone()).await;
        let second = async {
            for call in 1..=nth {
                until("the call that is held back", async || {
                    (self.stack.admin("/faults").await[0]["fired"] == 1).then_some(())
                })
                .await;
                if call < nth {
                    // The next one is waited for before this one is let go.
                    let next = self.stack.fault(hold.clone()).await;
                    self.stack.no_fault(&std::mem::replace(&mut holding, next)).await;
                }
            }
            let second = second.await;
            self.stack.no_fault(&holding).await;
            second
        };
        futures::join!(first, second)
    }

    pub(super) async fn end(&self, stamp: &Stamp) -> Departed {
        self.store.disconnect(stamp, LOST, START).await.unwrap()
    }

    pub(super) async fn sign_off(&self, stamp: &Stamp) -> Left {
        self.store.leave(stamp, START).await.unwrap()
    }

    /// A client's identify with a resume token, which is the same for all.
    pub(super) async fn resume(&self, stamp: &Stamp, peer_id: &str, id: &str) -> Came {
        self.resume_on(stamp.clone().into(), peer_id, id).await
    }

    pub(super) async fn resume_on(&self, socket: Socket, peer_id: &str, id: &str) -> Came {
        let resume_hash = Some(SecretHash::of("0123456789abcdef"));
        let person = nobody(&socket.stamp);
        let join = Join {
            socket,
            person,
            peer: peer(peer_id),
            room: room(id),
            resume_hash,
            bound: false,
            policy: PAGE,
        };
        came(self.store.join(&join, START).await.unwrap())
    }

    /// The SFU's identify on a connection that is there.
    pub(super) async fn serve_on(&self, id: &str, stamp: &Stamp, now: EpochMillis) -> Served {
        let serve = Serve { stamp: stamp.clone(), room: room(id), features: vec![] };
        self.store.serve(&serve, now).await.unwrap()
    }

    async fn members(&self, id: &str) -> Vec<Stamp> {
        let roster = self.store.roster(&room(id), START).await.unwrap();
        roster.members.into_iter().map(|(_, member)| member.stamp).collect()
    }
}

pub(super) fn client(peer_id: &str, id: &str) -> Identity {
    Identity::Client { peer_id: peer(peer_id), room_id: room(id), session: None, resumption: None }
}

/// An identity without what it may have its place again by.
pub(super) fn named(mut identity: Identity) -> Identity {
    if let Identity::Client { resumption, .. } = &mut identity {
        *resumption = None;
    }
    identity
}

/// Whose stay has ended.
pub(super) fn whose(departed: Departed) -> Option<Identity> {
    match departed {
        Departed::Gone(ended) => Some(named(ended.identity)),
        Departed::Nothing => None,
    }
}

/// Who has left.
fn who(left: Left) -> Option<Identity> {
    match left {
        Left::Gone(ended) => Some(named(ended.identity)),
        Left::NotIdentified | Left::NotAnSfu | Left::RoomNeeded | Left::RoomClaimed => None,
    }
}

pub(super) const TRANSACT: &str = "TransactWriteItems";

#[tokio::test]
async fn a_disconnect_sees_the_identify_that_came_between() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    let (ended, joined) =
        tables.meanwhile("DeleteItem", 1, tables.end(&stamp), tables.join(&stamp, "p", "r", START)).await;
    assert_eq!((whose(ended), joined), (Some(client("p", "r")), MEMBER));
    assert_eq!(tables.members("r").await, []);
}

/// The connection was read as one member and is another by the time that it ends.
#[tokio::test]
async fn a_connection_ends_as_who_it_is_by_then() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    tables.claimed("s", "other page", START).await;
    for (peer_id, id) in [("q", "r"), ("p", "s")] {
        for on_purpose in [false, true] {
            let stamp = tables.connection(&format!("{id}-{on_purpose}"), START, None).await;
            assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
            let change = async {
                assert_eq!(who(tables.sign_off(&stamp).await), Some(client("p", "r")));
                assert_eq!(tables.join(&stamp, peer_id, id, START).await, MEMBER);
            };
            if on_purpose {
                let (left, ()) = tables.meanwhile(TRANSACT, 1, tables.sign_off(&stamp), change).await;
                assert_eq!(who(left), Some(client(peer_id, id)));
            } else {
                let (ended, ()) = tables.meanwhile(TRANSACT, 1, tables.end(&stamp), change).await;
                assert_eq!(whose(ended), Some(client(peer_id, id)));
            }
            assert_eq!((tables.members("r").await, tables.members("s").await), (vec![], vec![]));
        }
    }
}

/// An SFU that has left is a client elsewhere by the time that its socket's end is written.
#[tokio::test]
async fn an_sfus_connection_ends_as_who_it_is_by_then() {
    let tables = Tables::new().await;
    let stamp = tables.claimed("r", "page", START).await;
    tables.claimed("s", "other page", START).await;
    let change = async {
        assert!(matches!(
            tables.sign_off(&stamp).await,
            Left::Gone(Ended { identity: Identity::Sfu { .. }, .. })
        ));
        assert_eq!(tables.join(&stamp, "p", "s", START).await, MEMBER);
    };
    let (ended, ()) = tables.meanwhile(TRANSACT, 1, tables.end(&stamp), change).await;
    assert_eq!(whose(ended), Some(client("p", "s")));
    assert_eq!(tables.members("s").await, []);
}

/// Two sockets of the same millisecond are told apart by their ids.
#[tokio::test]
async fn a_place_that_is_taken_over_meanwhile_is_not_freed() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let (older, newer) =
        (tables.connection("a", START, None).await, tables.connection("b", START, None).await);
    assert_eq!(tables.resume(&older, "p", "r").await, MEMBER);
    let (ended, joined) =
        tables.meanwhile(TRANSACT, 1, tables.end(&older), tables.resume(&newer, "p", "r")).await;
    assert_eq!(ended, Departed::Nothing);
    assert_eq!(joined, Came::Member(PreviousHolder::Older(older.clone().into())));
    assert_eq!(tables.members("r").await, [newer]);
    assert_eq!(tables.store.connection(&older.connection_id).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_that_take_over_one_place_the_newer_has_it() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let mut stamps = vec![];
    for id in ["a", "b", "c"] {
        stamps.push(tables.connection(id, START, None).await);
    }
    assert_eq!(tables.resume(&stamps[0], "p", "r").await, MEMBER);
    // Its first transaction finds the place taken, its second one would take it.
    let (slower, quicker) = tables
        .meanwhile(TRANSACT, 2, tables.resume(&stamps[1], "p", "r"), tables.resume(&stamps[2], "p", "r"))
        .await;
    assert_eq!(quicker, Came::Member(PreviousHolder::Older(stamps[0].clone().into())));
    assert!(
        matches!(&slower, Came::Refused(Joined::Superseded(holder)) if holder.stamp == stamps[2]),
        "{slower:?}"
    );
    assert_eq!(tables.members("r").await, [stamps[2].clone()]);
}

#[tokio::test]
async fn a_place_that_is_left_before_it_is_taken_over_is_free() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let (older, newer) =
        (tables.connection("a", START, None).await, tables.connection("b", START, None).await);
    assert_eq!(tables.resume(&older, "p", "r").await, MEMBER);
    let (joined, left) =
        tables.meanwhile(TRANSACT, 2, tables.resume(&newer, "p", "r"), tables.sign_off(&older)).await;
    assert_eq!((joined, who(left)), (MEMBER, Some(client("p", "r"))));
    assert!(tables.store.connection(&older.connection_id).await.unwrap().is_some(), "its socket stays");
}

#[tokio::test]
async fn a_take_over_that_is_asked_for_twice_is_one() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let (older, newer) =
        (tables.connection("a", START, None).await, tables.connection("b", START, None).await);
    assert_eq!(tables.resume(&older, "p", "r").await, MEMBER);
    let (one, two) =
        tables.meanwhile(TRANSACT, 2, tables.resume(&newer, "p", "r"), tables.resume(&newer, "p", "r")).await;
    assert_eq!((one, two), (AGAIN, Came::Member(PreviousHolder::Older(older.into()))));
    assert_eq!(tables.members("r").await, [newer]);
}

#[tokio::test]
async fn an_sfu_that_goes_while_it_identifies_serves_nothing() {
    let tables = Tables::new().await;
    assert!(matches!(tables.reserve("r", START).await, Reserved::Room(_)));
    let stamp = tables.connection("c", START, Some("r")).await;
    let (served, ended) =
        tables.meanwhile(TRANSACT, 1, tables.serve_on("r", &stamp, START), tables.end(&stamp)).await;
    assert_eq!((served, ended), (Served::ConnectionGone, Departed::Nothing));
    assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None);
    assert_eq!(tables.store.sfu(&room("r")).await.unwrap(), None);
}

#[tokio::test]
async fn a_connection_that_becomes_a_client_meanwhile_is_no_sfu() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    tables.claimed("s", "other page", START).await;
    for id in ["r", "s"] {
        let stamp = tables.connection(&format!("in-{id}"), minutes(1), Some("r")).await;
        let (served, joined) = tables
            .meanwhile(TRANSACT, 1, tables.serve_on("r", &stamp, START), tables.join(&stamp, "p", id, START))
            .await;
        assert_eq!((served, joined), (Served::AlreadyIdentified, MEMBER), "{id}");
        assert!(matches!(
            tables.sign_off(&stamp).await,
            Left::Gone(Ended { identity: Identity::Client { .. }, .. })
        ));
    }
}

#[tokio::test]
async fn of_two_sockets_of_an_sfu_that_has_none_the_newer_serves() {
    let tables = Tables::new().await;
    assert!(matches!(tables.reserve("r", START).await, Reserved::Room(_)));
    // At first, and after it has been lost.
    for (round, returned) in [(1, None), (2, Some(room("r")))] {
        let older = tables.connection(&format!("a{round}"), minutes(round), Some("r")).await;
        let newer = tables.connection(&format!("b{round}"), minutes(round), Some("r")).await;
        let now = minutes(round);
        let (slower, quicker) = tables
            .meanwhile(TRANSACT, 1, tables.serve_on("r", &older, now), tables.serve_on("r", &newer, now))
            .await;
        assert_eq!(quicker, Served::Serving { replaced: None, returned });
        assert!(matches!(&slower, Served::Superseded(holder) if holder.stamp == newer), "{slower:?}");
        assert!(matches!(tables.end(&newer).await, Departed::Gone(_)));
    }
}

#[tokio::test]
async fn of_two_sockets_that_replace_an_sfus_the_newer_serves() {
    let tables = Tables::new().await;
    let first = tables.claimed("r", "page", START).await;
    let older = tables.connection("x", START, Some("r")).await;
    let newer = tables.connection("y", START, Some("r")).await;
    let (slower, quicker) = tables
        .meanwhile(TRANSACT, 1, tables.serve_on("r", &older, START), tables.serve_on("r", &newer, START))
        .await;
    assert_eq!(quicker, Served::Serving { replaced: Some(first), returned: None });
    assert!(matches!(&slower, Served::Superseded(holder) if holder.stamp == newer), "{slower:?}");
    assert_eq!(tables.store.sfu(&room("r")).await.unwrap().unwrap().stamp, newer);
}

#[tokio::test]
async fn an_sfu_whose_older_socket_is_lost_meanwhile_has_returned() {
    let tables = Tables::new().await;
    let older = tables.claimed("r", "page", START).await;
    let newer = tables.connection("newer", minutes(1), Some("r")).await;
    let (served, ended) =
        tables.meanwhile(TRANSACT, 1, tables.serve_on("r", &newer, START), tables.end(&older)).await;
    assert!(matches!(ended, Departed::Gone(_)));
    assert_eq!(
        served,
        Served::Serving { replaced: None, returned: Some(room("r")) },
        "clients have been told"
    );
    assert_eq!(tables.store.room(&room("r"), START).await.unwrap().unwrap().sfu_lost_at, None);
}
