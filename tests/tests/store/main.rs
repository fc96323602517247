//! The store's contract on the embedded DynamoDB: leases and fences, at times of the test's choosing.

#![expect(
    clippy::indexing_slicing,
    clippy::large_futures,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this is a test"
)]

mod claims;
mod grace;
mod held;
mod leases;
mod mailbox;
mod mutes;
mod races;
mod sessions;
mod streams;
mod unprocessed;
mod warm;

use std::time::Duration;

use arbiter_tests::Stack;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use gateway::store::{Claimant, Join, Limits, Policy, Serve, Store};
use model::connection::{Connection, Identity, Socket};
use model::departure::Departure;
use model::id::{ConnectionId, PeerId, RoomId};
use model::outcome::{Claim, Claimed, Departed, Ended, Joined, Left, PreviousHolder, Reserved, Served};
use model::path::UrlPath;
use model::person::{Person, PersonId};
use model::room::{CONNECTION_LEASE, LEASE, PENDING_LEASE, Room, Slot, Status};
use model::secret::SecretHash;
use model::stamp::Stamp;
use model::time::EpochMillis;

const LOST: Departure = Departure::Lost;
const START: EpochMillis = EpochMillis(1_800_000_000_000);
const GRACE: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { rooms: 2, idle_rooms: 9 };

struct Tables {
    store: Store,
    stack: Stack,
    limits: Limits,
}

impl Tables {
    async fn new() -> Self {
        Self::with(LIMITS).await
    }

    async fn with(limits: Limits) -> Self {
        let stack = Stack::start().await;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&stack.urls.dynamodb_url)
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .load()
            .await;
        let name = async |table: &str| {
            stack.admin(&format!("/tables/{table}")).await["name"].as_str().unwrap().to_owned()
        };
        let store = Store::new(&config, name("ConnectionsTable").await, name("RoomsTable").await);
        Self { store, stack, limits }
    }

    /// Deletes an item behind everybody's back, as TTL does.
    async fn expire(&self, table: &str, key: serde_json::Value) {
        let table = self.stack.admin(&format!("/tables/{table}")).await["name"].clone();
        let request = reqwest::Client::new()
            .post(&self.stack.urls.dynamodb_url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.DeleteItem")
            .body(serde_json::json!({ "TableName": table, "Key": key }).to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// A connection that says nothing yet.
    async fn connection(&self, id: &str, at: EpochMillis, token: Option<&str>) -> Stamp {
        let stamp = Stamp { connected_at: at, connection_id: ConnectionId::new(id.into()) };
        let row = Connection {
            stamp: stamp.clone(),
            identity: None,
            admits: None,
            person: None,
            shared: false,
            sfu_token_hash: token.map(SecretHash::of),
            expires_at: at.plus(CONNECTION_LEASE).seconds(),
        };
        self.store.connect(&row).await.unwrap();
        stamp
    }

    async fn reserve(&self, id: &str, now: EpochMillis) -> Reserved {
        self.store.reserve(&room(id), pending(id, now), self.limits, now).await.unwrap()
    }

    /// An SFU's identify on a connection of its own; a room's token is its id.
    async fn serve(&self, id: &str, connection: &str, now: EpochMillis) -> (Stamp, Served) {
        let stamp = self.connection(connection, now, Some(id)).await;
        let serve = Serve { stamp: stamp.clone(), room: room(id), features: vec![] };
        let served = self.store.serve(&serve, now).await.unwrap();
        (stamp, served)
    }

    /// The room that a page has after a claim.
    async fn claim(&self, path: &str, now: EpochMillis) -> Option<RoomId> {
        self.claim_and_count(path, now).await.0
    }

    async fn claim_and_count(&self, path: &str, now: EpochMillis) -> (Option<RoomId>, Option<usize>) {
        let path = UrlPath::new(path.into()).unwrap();
        let Claim { claimed, warm_left } = self.store.claim(Claimant::Page(&path), GRACE, now).await.unwrap();
        match &claimed {
            Claimed::Taken(room, None) | Claimed::Serving(room, None) => (Some(room.clone()), warm_left),
            Claimed::NoRoom => (None, warm_left),
            Claimed::Taken(..) | Claimed::Serving(..) | Claimed::Relayed | Claimed::NoSession => {
                panic!("a page's claim looks at no session and no SFU: {claimed:?}")
            }
        }
    }

    /// A claimed room, and its SFU's stamp.
    async fn claimed(&self, id: &str, path: &str, now: EpochMillis) -> Stamp {
        assert!(matches!(self.reserve(id, now).await, Reserved::Room(_)));
        let (stamp, served) = self.serve(id, &format!("sfu-of-{id}"), now).await;
        assert_eq!(served, Served::Serving { replaced: None, returned: None });
        assert_eq!(self.claim(path, now).await, Some(room(id)));
        stamp
    }

    async fn join(&self, stamp: &Stamp, peer_id: &str, id: &str, now: EpochMillis) -> Came {
        let join = Join {
            socket: stamp.clone().into(),
            person: nobody(stamp),
            peer: peer(peer_id),
            room: room(id),
            resume_hash: None,
            bound: false,
            policy: PAGE,
        };
        came(self.store.join(&join, now).await.unwrap())
    }
}

/// What a client's identify came to, without the place itself.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a test has a few of them, and matches what is in them")]
enum Came {
    Member(PreviousHolder),
    Refused(Joined),
}

/// Somebody who has proved nothing.
fn nobody(stamp: &Stamp) -> Person {
    Person { id: PersonId::of_socket(&stamp.connection_id), sockets: 1 }
}

const PAGE: Policy = Policy::Page { path: None };
const MEMBER: Came = Came::Member(PreviousHolder::Nobody);
const AGAIN: Came = Came::Member(PreviousHolder::Itself);

fn came(joined: Joined) -> Came {
    match joined {
        Joined::Member { previous, .. } => Came::Member(previous),
        Joined::ConnectionGone
        | Joined::AlreadyIdentified
        | Joined::RoomNotFound
        | Joined::RoomClosed
        | Joined::OtherPath
        | Joined::LimitExceeded
        | Joined::TooOften
        | Joined::SocketsExceeded(_)
        | Joined::SecretMissing
        | Joined::PeerInUse(_)
        | Joined::Superseded(_)
        | Joined::Held => Came::Refused(joined),
    }
}

fn room(id: &str) -> RoomId {
    RoomId::try_from(id.to_owned()).unwrap()
}

/// A room as createRoom makes it.
fn pending(id: &str, now: EpochMillis) -> impl Fn(Slot) -> Room {
    move |slot| Room {
        status: Status::Pending,
        url_path: None,
        session_id: None,
        slot,
        sfu_token_hash: SecretHash::of(id),
        created_at: now,
        claimed_at: None,
        sfu_lost_at: None,
        expires_at: now.plus(PENDING_LEASE).seconds(),
    }
}

fn peer(id: &str) -> PeerId {
    PeerId::try_from(id.to_owned()).unwrap()
}

fn minutes(minutes: u64) -> EpochMillis {
    START.plus(Duration::from_mins(minutes))
}

#[tokio::test]
async fn a_connect_that_is_repeated_does_not_wipe_an_identity() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    tables.connection("c", START, None).await;
    let row = tables.store.connection(&stamp.connection_id).await.unwrap().unwrap();
    assert_eq!(row.identity, Some(races::client("p", "r")));
}

#[tokio::test]
async fn a_connection_that_is_closed_joins_nothing() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.store.disconnect(&stamp, LOST, START).await.unwrap(), Departed::Nothing);
    assert_eq!(tables.join(&stamp, "p", "r", START).await, Came::Refused(Joined::ConnectionGone));
    let other = Stamp { connected_at: EpochMillis(1), ..tables.connection("d", START, None).await };
    assert_eq!(tables.join(&other, "p", "r", START).await, Came::Refused(Joined::ConnectionGone));
}

#[tokio::test]
async fn a_place_is_free_when_its_lease_has_ended_whatever_ttl_does() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let ghost = tables.connection("ghost", START, None).await;
    assert_eq!(tables.join(&ghost, "p", "r", START).await, MEMBER);
    let next = tables.connection("next", minutes(129), None).await;
    let refused = tables.join(&next, "p", "r", minutes(129)).await;
    assert!(
        matches!(&refused, Came::Refused(Joined::PeerInUse(holder)) if holder.stamp == ghost),
        "{refused:?}"
    );
    let joined = tables.join(&next, "p", "r", minutes(130)).await;
    assert!(
        matches!(&joined, Came::Member(PreviousHolder::Expired(before)) if before.stamp == ghost),
        "{joined:?}"
    );
    assert_eq!(tables.store.disconnect(&ghost, LOST, minutes(130)).await.unwrap(), Departed::Nothing);
    let roster = tables.store.roster(&room("r"), minutes(130)).await.unwrap();
    assert_eq!(roster.members.len(), 1);
}

#[tokio::test]
async fn an_expired_member_is_in_no_fan_out() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let ghost = tables.connection("ghost", START, None).await;
    assert_eq!(tables.join(&ghost, "p", "r", START).await, MEMBER);
    let seen = async |now| tables.store.roster(&room("r"), now).await.unwrap().members.len();
    assert_eq!((seen(minutes(129)).await, seen(minutes(130)).await), (1, 0));
    let route = tables.store.route_to_peer(&ghost.connection_id, &room("r"), &peer("p"), minutes(130)).await;
    assert!(route.unwrap().receiver.is_none());
}

#[tokio::test]
async fn a_pending_room_whose_sfu_never_comes_gives_its_slot_back_after_ten_minutes() {
    let tables = Tables::new().await;
    assert!(matches!(tables.reserve("a", START).await, Reserved::Room(_)));
    assert!(matches!(tables.reserve("b", START).await, Reserved::Room(_)));
    assert_eq!(tables.reserve("c", minutes(9)).await, Reserved::TooManyRooms);
    assert!(matches!(tables.reserve("c", minutes(10)).await, Reserved::Room(_)));
    assert_eq!(tables.serve("a", "late", minutes(10)).await.1, Served::Unauthorized, "it is absent");
}

#[tokio::test]
async fn every_identify_of_the_sfu_renews_the_leases_of_room_slot_and_path() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let (later, served) = tables.serve("r", "second", minutes(110)).await;
    assert!(matches!(served, Served::Serving { replaced: Some(_), returned: None }), "{served:?}");
    let after = START.plus(LEASE).plus(Duration::from_mins(1));
    assert_eq!(tables.claim("page", after).await, Some(room("r")));
    let client = tables.connection("c", after, None).await;
    assert_eq!(tables.join(&client, "p", "r", after).await, MEMBER);
    assert!(matches!(tables.reserve("b", after).await, Reserved::Room(_)));
    assert_eq!(tables.reserve("c", after).await, Reserved::TooManyRooms, "its slot is still held");

    let end = later.connected_at.plus(LEASE);
    assert_eq!(tables.claim("page", end).await, None);
    let client = tables.connection("d", end, None).await;
    assert_eq!(tables.join(&client, "q", "r", end).await, Came::Refused(Joined::RoomNotFound));
}

#[tokio::test]
async fn a_lost_sfu_keeps_its_slot_for_ten_minutes_and_cannot_return_without_it() {
    let tables = Tables::new().await;
    let stamp = tables.claimed("r", "page", START).await;
    assert!(matches!(tables.reserve("b", START).await, Reserved::Room(_)));
    assert!(matches!(tables.store.disconnect(&stamp, LOST, START).await.unwrap(), Departed::Gone(_)));
    assert_eq!(tables.reserve("c", minutes(9)).await, Reserved::TooManyRooms);
    assert_eq!(
        tables.serve("r", "in time", minutes(9)).await.1,
        Served::Serving { replaced: None, returned: Some(room("r")) }
    );
    let again = Stamp { connected_at: minutes(9), connection_id: ConnectionId::new("in time".into()) };
    assert!(matches!(tables.store.disconnect(&again, LOST, minutes(9)).await.unwrap(), Departed::Gone(_)));
    // Both other slots' leases have ended by then.
    assert!(matches!(tables.reserve("c", minutes(19)).await, Reserved::Room(_)));
    assert!(matches!(tables.reserve("d", minutes(19)).await, Reserved::Room(_)));
    assert_eq!(tables.serve("r", "too late", minutes(20)).await.1, Served::RoomClosed);
}

#[tokio::test]
async fn a_claim_over_a_lost_room_waits_for_the_grace_to_the_millisecond() {
    let tables = Tables::new().await;
    let stamp = tables.claimed("old", "page", START).await;
    assert!(matches!(tables.reserve("new", START).await, Reserved::Room(_)));
    let (_, served) = tables.serve("new", "sfu-of-new", START).await;
    assert_eq!(served, Served::Serving { replaced: None, returned: None });
    assert!(matches!(tables.store.disconnect(&stamp, LOST, START).await.unwrap(), Departed::Gone(_)));
    let within = EpochMillis(START.0 + 4_999);
    assert_eq!(tables.claim("page", within).await, Some(room("old")));
    assert_eq!(tables.claim("page", START.plus(GRACE)).await, Some(room("new")));
    let old = tables.store.room(&room("old"), START).await.unwrap().unwrap();
    assert_eq!(old.status, Status::Closed);
    assert_eq!(tables.serve("old", "returned", START.plus(GRACE)).await.1, Served::RoomClosed);
}

#[tokio::test]
async fn a_room_that_was_found_gone_twice_is_announced_once() {
    let tables = Tables::new().await;
    let sfu = tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    let client = races::client("p", "r");
    let depart = async |identity: &Identity, stamp: &Stamp| {
        tables.store.depart(stamp, identity.clone(), START).await.unwrap()
    };
    assert_eq!(races::whose(depart(&client, &stamp).await), Some(client.clone()));
    assert_eq!(depart(&client, &stamp).await, Departed::Nothing);
    assert_eq!(tables.store.disconnect(&stamp, LOST, START).await.unwrap(), Departed::Nothing);
    let identity = Identity::Sfu { room_id: room("r"), serves: None, slot: Slot(0), features: vec![] };
    assert!(matches!(depart(&identity, &sfu).await, Departed::Gone(_)));
    assert_eq!(depart(&identity, &sfu).await, Departed::Nothing);
}

#[tokio::test]
async fn what_is_found_gone_may_have_been_replaced_since() {
    let tables = Tables::new().await;
    let older = tables.claimed("r", "page", START).await;
    let (newer, served) = tables.serve("r", "newer", minutes(1)).await;
    assert_eq!(served, Served::Serving { replaced: Some(older.clone()), returned: None });
    let identity = Identity::Sfu { room_id: room("r"), serves: None, slot: Slot(0), features: vec![] };
    assert_eq!(tables.store.depart(&older, identity, minutes(1)).await.unwrap(), Departed::Nothing);
    assert_eq!(tables.store.sfu(&room("r")).await.unwrap().unwrap().stamp, newer);
    assert_eq!(tables.store.room(&room("r"), minutes(1)).await.unwrap().unwrap().sfu_lost_at, None);
}

#[tokio::test]
async fn a_room_whose_sfu_came_all_the_same_is_not_taken_back() {
    let tables = Tables::new().await;
    assert!(matches!(tables.reserve("r", START).await, Reserved::Room(_)));
    let slot = tables.store.room(&room("r"), START).await.unwrap().unwrap().slot;
    assert!(matches!(tables.serve("r", "c", START).await.1, Served::Serving { .. }));
    tables.store.release(&room("r"), slot).await.unwrap();
    assert_eq!(tables.claim("page", START).await, Some(room("r")));
}

#[tokio::test]
async fn leaving_twice_is_leaving_once() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    assert_eq!(tables.join(&stamp, "p", "r", START).await, MEMBER);
    assert!(matches!(tables.store.leave(&stamp, START).await.unwrap(), Left::Gone(_)));
    assert_eq!(tables.store.leave(&stamp, START).await.unwrap(), Left::NotIdentified);
    assert_eq!(tables.join(&stamp, "q", "r", START).await, MEMBER);
}

#[tokio::test]
async fn a_token_for_another_path_opens_nothing() {
    let tables = Tables::new().await;
    tables.claimed("r", "page", START).await;
    let stamp = tables.connection("c", START, None).await;
    let join = |path: &str| Join {
        socket: stamp.clone().into(),
        person: nobody(&stamp),
        peer: peer("p"),
        room: room("r"),
        resume_hash: None,
        bound: false,
        policy: Policy::Page { path: Some(UrlPath::new(path.into()).unwrap()) },
    };
    assert_eq!(
        came(tables.store.join(&join("other"), START).await.unwrap()),
        Came::Refused(Joined::OtherPath)
    );
    assert_eq!(came(tables.store.join(&join("page"), START).await.unwrap()), MEMBER);
}
