//! What the row of a connection, a slot and a lease are worth.

use serde_json::json;

use super::races::client;
use model::encoding::Encoding;

use super::*;

#[tokio::test]
async fn a_connection_is_a_client_or_an_sfu() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    assert_eq!(tables.join(&sfu, "r", "r", START).await, Came::Refused(Joined::AlreadyIdentified));
    assert_eq!(tables.join(&sfu, "p", "r", START).await, Came::Refused(Joined::AlreadyIdentified));
    let stamp = tables.connection("c", START, Some("r")).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    assert_eq!(tables.serve_on("r", &stamp, START).await, Served::AlreadyIdentified);
    let other = Stamp { connected_at: EpochMillis(1), ..tables.connection("d", START, Some("r")).await };
    assert_eq!(tables.serve_on("r", &other, START).await, Served::ConnectionGone);
}

#[tokio::test]
async fn an_sfu_that_identifies_again_is_not_its_own_predecessor() {
    let tables = Tables::new().await;
    let stamp = tables.claimed("r", "page", START).await;
    let same = Served::Serving { replaced: None, returned: None };
    assert_eq!(tables.serve_on("r", &stamp, START).await, same);
    let (newer, _) = tables.serve("r", "newer", minutes(1)).await;
    assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None, "it is absent");
    assert_eq!(tables.serve_on("r", &newer, minutes(1)).await, same);
}

/// The token proves the path; it does not open a room that is over.
#[tokio::test]
async fn a_token_opens_no_room_that_is_over() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    let join = |stamp: &Stamp| Join {
        socket: stamp.clone().into(),
        person: nobody(stamp),
        peer: peer("p"),
        room: room("r"),
        resume_hash: None,
        bound: false,
        policy: Policy::Page { path: Some(UrlPath::new("page".into()).unwrap()) },
    };
    let end = START.plus(LEASE);
    let late = tables.connection("late", end, None).await;
    assert_eq!(
        came(tables.store.join(&join(&late), end).await.unwrap()),
        Came::Refused(Joined::RoomNotFound)
    );
    assert!(matches!(tables.sign_off(&sfu).await, Left::Gone(_)));
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(
        came(tables.store.join(&join(&stamp), START).await.unwrap()),
        Came::Refused(Joined::RoomClosed)
    );
}

/// What a peer's place is taken over with is what it was last taken with.
#[tokio::test]
async fn the_resume_token_is_the_holders() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let join = async |id: &str, at: EpochMillis, token: Option<&str>| {
        let stamp = tables.connection(id, at, None).await;
        let resume_hash = token.map(SecretHash::of);
        let person = nobody(&stamp);
        let join = Join {
            socket: stamp.into(),
            person,
            peer: peer("p"),
            room: room("r"),
            resume_hash,
            bound: false,
            policy: PAGE,
        };
        came(tables.store.join(&join, at).await.unwrap())
    };
    assert_eq!(join("a", START, Some("first")).await, MEMBER);
    // The first one's lease has ended: its token opens nothing more.
    assert!(matches!(
        join("b", minutes(130), Some("second")).await,
        Came::Member(PreviousHolder::Expired(..))
    ));
    assert!(matches!(join("c", minutes(131), Some("first")).await, Came::Refused(Joined::PeerInUse(_))));
    assert!(matches!(join("d", minutes(132), Some("second")).await, Came::Member(PreviousHolder::Older(_))));
    // A repeated identify cannot change it.
    assert_eq!(join("d", minutes(132), Some("third")).await, AGAIN);
    assert!(matches!(join("e", minutes(133), Some("third")).await, Came::Refused(Joined::PeerInUse(_))));
}

#[tokio::test]
async fn a_place_that_was_taken_without_a_token_cannot_be_taken_with_its_predecessors() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let first = tables.connection("a", START, None).await;
    assert_eq!(tables.resume(&first, "p", "r").await, MEMBER);
    let now = minutes(130);
    let second = tables.connection("b", now, None).await;
    assert!(matches!(tables.join(&second, "p", "r", now).await, Came::Member(PreviousHolder::Expired(..))));
    let third = tables.connection("c", minutes(131), None).await;
    let resume_hash = Some(SecretHash::of("0123456789abcdef"));
    let person = nobody(&third);
    let join = Join {
        socket: third.clone().into(),
        person,
        peer: peer("p"),
        room: room("r"),
        resume_hash,
        bound: false,
        policy: PAGE,
    };
    assert!(matches!(
        came(tables.store.join(&join, now).await.unwrap()),
        Came::Refused(Joined::PeerInUse(_))
    ));
}

#[tokio::test]
async fn a_slot_that_is_somebody_elses_by_now_is_left_alone() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("old", "page", START).await;
    let end = START.plus(LEASE);
    for id in ["a", "b"] {
        tables.claimed(id, &format!("page of {id}"), end).await;
    }
    assert!(matches!(tables.store.disconnect(&sfu, LOST, end).await.unwrap(), Departed::Gone(_)));
    let later = end.plus(PENDING_LEASE);
    assert_eq!(tables.reserve("c", later).await, Reserved::TooManyRooms);
}

#[tokio::test]
async fn a_room_that_is_taken_back_late_does_not_take_its_successors_slot() {
    let tables = Tables::new().await;
    let Reserved::Room(slot) = tables.reserve("late", START).await else { panic!("a slot") };
    for id in ["a", "b"] {
        assert!(matches!(tables.reserve(id, minutes(10)).await, Reserved::Room(_)));
    }
    tables.store.release(&room("late"), slot).await.unwrap();
    assert_eq!(tables.reserve("c", minutes(10)).await, Reserved::TooManyRooms);
}

/// TTL deletes when it likes, the row of a connection before or after what depends on it.
#[tokio::test]
async fn a_place_is_freed_when_ttl_took_the_connections_row_first() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    for gone in [&sfu, &stamp] {
        tables
            .expire("ConnectionsTable", json!({ "connectionId": { "S": gone.connection_id.as_str() } }))
            .await;
    }
    let identity = Identity::Sfu { room_id: room("r"), serves: None, slot: Slot(0), features: vec![] };
    for (stamp, identity) in [(&sfu, identity), (&stamp, client("p", "r"))] {
        let departed = tables.store.depart(stamp, identity.clone(), START).await.unwrap();
        assert_eq!(races::whose(departed), Some(identity));
    }
}

#[tokio::test]
async fn a_row_is_nobodys_when_ttl_took_the_place_first() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    for on_purpose in [false, true] {
        let stamp = tables.connection("c", START, None).await;
        assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
        tables.expire("RoomsTable", json!({ "pk": { "S": "ROOM#r" }, "sk": { "S": "PEER#p" } })).await;
        if on_purpose {
            assert_eq!(tables.sign_off(&stamp).await, Left::NotIdentified);
        } else {
            assert_eq!(tables.end(&stamp).await, Departed::Nothing);
        }
        assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_room_that_ttl_took_is_not_brought_back_by_its_sfus_end() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    tables.expire("RoomsTable", json!({ "pk": { "S": "ROOM#r" }, "sk": { "S": "ROOM" } })).await;
    assert!(matches!(tables.end(&sfu).await, Departed::Gone(_)));
    assert_eq!(tables.store.room(&room("r"), START).await.unwrap(), None);
    assert_eq!(tables.store.sfu(&room("r")).await.unwrap(), None);
}

/// A single write may meet a transaction just as well.
#[tokio::test]
async fn a_single_write_that_meets_a_transaction_is_tried_again() {
    let tables = Tables::new().await;
    for operation in ["PutItem", "DeleteItem"] {
        let fault = json!({ "fault": "dynamodb", "error": "conflict", "operation": operation, "times": 2 });
        tables.stack.fault(fault).await;
    }
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.end(&stamp).await, Departed::Nothing);
    assert_eq!(tables.store.connection(&stamp.connection_id).await.unwrap(), None);
    let faults = tables.stack.admin("/faults").await;
    assert_eq!((&faults[0]["fired"], &faults[1]["fired"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_place_says_what_the_socket_speaks_that_has_it() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let words = Encoding::new("words");
    let older = Socket { stamp: tables.connection("a", START, None).await, encoding: words.clone() };
    assert_eq!(tables.resume_on(older.clone(), "p", "r").await, MEMBER);
    let encoding =
        async || tables.store.member(&room("r"), &peer("p"), START).await.unwrap().unwrap().encoding;
    assert_eq!(encoding().await, words);
    let newer = tables.connection("b", START, None).await;
    let taken = tables.resume(&newer, "p", "r").await;
    assert_eq!(
        taken,
        Came::Member(PreviousHolder::Older(older)),
        "which is told in words that it has lost it"
    );
    assert_eq!(encoding().await, Encoding::JSON);
}
