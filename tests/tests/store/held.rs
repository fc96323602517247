//! A place whose socket is lost, and who may have it.

use model::held::HELD;
use model::outcome::Expelled;
use model::session::{Role, SessionMember};

use super::races::TRANSACT;
use super::*;

const OWN: &str = "0123456789abcdef";

/// Who identifies as the peer `p`.
#[derive(Clone, Default)]
struct Who {
    token: Option<&'static str>,
    bound: bool,
    /// In the session `s`, and not in the room `r`: its role, and what its token says of it.
    session: Option<(Role, &'static str)>,
}

const STRANGER: Who = Who { token: Some("another's token"), bound: false, session: None };
const MEMBER_OF_R: Who = Who { token: Some(OWN), bound: false, session: None };

fn in_session(token: Option<&'static str>, role: Role, data: &'static str) -> Who {
    Who { token, bound: false, session: Some((role, data)) }
}

impl Tables {
    async fn come_as(&self, stamp: &Stamp, who: Who, now: EpochMillis) -> Came {
        let (id, policy) = match who.session {
            None => ("r", PAGE),
            Some((role, data)) => {
                let member =
                    SessionMember { role, data: data.to_owned(), layout_classes: vec![], suppressed: false };
                let api_key = sessions::api_key();
                ("s", Policy::Session { api_key, member, e2ee_ready: false, limit: 2 })
            }
        };
        let join = Join {
            socket: stamp.clone().into(),
            person: nobody(stamp),
            peer: peer("p"),
            room: room(id),
            resume_hash: who.token.map(SecretHash::of),
            bound: who.bound,
            policy,
        };
        came(self.store.join(&join, now).await.unwrap())
    }

    /// The same on a socket of its own.
    async fn comes(&self, connection: &str, who: Who, now: EpochMillis) -> Came {
        let stamp = self.connection(connection, START, None).await;
        self.come_as(&stamp, who, now).await
    }

    /// Somebody has come, and its socket was lost.
    async fn lost(&self, connection: &str, who: Who, now: EpochMillis) {
        assert!(matches!(self.comes(connection, who, now).await, Came::Member(_)));
        self.lose_socket(connection, now).await;
    }

    async fn lose_socket(&self, connection: &str, now: EpochMillis) {
        let stamp = Stamp { connected_at: START, connection_id: ConnectionId::new(connection.into()) };
        let departed = self.store.disconnect(&stamp, LOST, now).await.unwrap();
        assert!(matches!(departed, Departed::Gone(_)), "{departed:?}");
    }

    async fn held(&self) -> Vec<serde_json::Value> {
        let items = self.stack.items("RoomsTable").await;
        items.into_iter().filter(|item| item["pk"].as_str().unwrap().starts_with("HELD#")).collect()
    }

    async fn room_r() -> Self {
        let tables = Self::new().await;
        tables.claimed("r", "page", START).await;
        tables
    }

    async fn session_s() -> Self {
        let tables = Self::new().await;
        tables.session("s").await;
        tables
    }
}

const HELD_FOR_ANOTHER: Came = Came::Refused(Joined::Held);
const BACK: Came = Came::Member(PreviousHolder::Lost);

#[tokio::test]
async fn a_lost_place_is_its_members_for_five_minutes_to_the_millisecond() {
    let tables = Tables::room_r().await;
    tables.lost("a", MEMBER_OF_R, START).await;
    let over = START.plus(HELD);
    let before = EpochMillis(over.0 - 1);
    let nobody = Who::default();
    for (n, who) in [STRANGER, nobody].into_iter().enumerate() {
        assert_eq!(tables.comes(&format!("stranger-{n}"), who, before).await, HELD_FOR_ANOTHER);
    }
    let (of_room, read) = (room("r"), vec![peer("p")]);
    let roster = tables.store.roster(&of_room, before).await.unwrap();
    assert_eq!(
        (roster.members.len(), roster.expired.len(), roster.overdue.len()),
        (0, 0, 0),
        "it is no member"
    );
    assert_eq!(tables.store.member(&of_room, &peer("p"), before).await.unwrap(), None);
    let asked = tables.store.members(&ConnectionId::new("x".into()), &of_room, read, before).await.unwrap();
    assert_eq!(asked.members, []);
    let item = &tables.held().await[0];
    assert_eq!((&item["heldUntil"], &item["expiresAt"]), (&over.0.into(), &over.seconds().0.into()));
    assert!(!item.to_string().contains(OWN), "{item}");

    // DynamoDB's TTL is late by days: the item is still there when it is over.
    assert_eq!(tables.comes("later", STRANGER, over).await, MEMBER);
    assert_eq!(tables.held().await.len(), 0);
}

#[tokio::test]
async fn its_member_has_it_again_on_whichever_socket_and_as_often_as_it_is_lost() {
    let tables = Tables::room_r().await;
    tables.lost("b", MEMBER_OF_R, START).await;
    // An older one than that which was lost.
    tables.lost("a", MEMBER_OF_R, START).await;
    assert_eq!(tables.held().await.len(), 1);
    assert_eq!(tables.comes("c", STRANGER, START).await, HELD_FOR_ANOTHER);
    assert_eq!(tables.comes("d", MEMBER_OF_R, START).await, BACK);
    assert_eq!(tables.held().await.len(), 0, "who is there is in need of nothing that is held");
    assert!(matches!(tables.comes("e", STRANGER, START).await, Came::Refused(Joined::PeerInUse(_))));
}

#[tokio::test]
async fn nothing_is_held_for_who_leaves_or_gave_no_resume_token() {
    let tables = Tables::room_r().await;
    tables.lost("a", Who::default(), START).await;
    assert_eq!(tables.comes("b", MEMBER_OF_R, START).await, MEMBER);
    let stamp = Stamp { connected_at: START, connection_id: ConnectionId::new("b".into()) };
    assert!(matches!(tables.sign_off(&stamp).await, Left::Gone(_)));
    assert_eq!(tables.come_as(&stamp, Who::default(), START).await, MEMBER);
    // That socket says who it is now without a resume token, whatever it said before.
    tables.lose_socket("b", START).await;
    assert_eq!(tables.held().await.len(), 0);
    assert_eq!(tables.comes("c", MEMBER_OF_R, START).await, MEMBER);
    let stamp = Stamp { connected_at: START, connection_id: ConnectionId::new("c".into()) };
    let closed = tables.store.disconnect(&stamp, Departure::Left, START).await.unwrap();
    assert!(matches!(closed, Departed::Gone(_)));
    assert_eq!(tables.comes("d", STRANGER, START).await, MEMBER);
}

#[tokio::test]
async fn a_place_is_held_from_the_end_of_its_grace() {
    let tables = Tables::room_r().await;
    let stamp = tables.connection("a", START, None).await;
    assert_eq!(tables.come_as(&stamp, MEMBER_OF_R, START).await, MEMBER);
    let (identity, until) = (races::client("p", "r"), minutes(1));
    assert!(tables.store.keep(&stamp, &identity, until, START).await.unwrap());
    let member = tables.store.member(&room("r"), &peer("p"), until).await.unwrap().unwrap();
    let identity = member.identity(&peer("p"), &room("r"));
    assert!(matches!(tables.store.depart(&stamp, identity, until).await.unwrap(), Departed::Gone(_)));
    assert_eq!(tables.comes("b", STRANGER, EpochMillis(until.plus(HELD).0 - 1)).await, HELD_FOR_ANOTHER);
    assert_eq!(tables.comes("c", MEMBER_OF_R, EpochMillis(until.plus(HELD).0 - 1)).await, BACK);
}

#[tokio::test]
async fn in_a_session_a_token_that_signs_the_same_identity_is_as_good() {
    let tables = Tables::session_s().await;
    let (publisher, moderator) = (Role::Publisher, Role::Moderator);
    tables.lost("0", in_session(Some(OWN), publisher, "name=Ann"), START).await;
    for (n, other) in [
        in_session(None, publisher, "name=Eve"),
        in_session(None, moderator, "name=Ann"),
        in_session(Some("another's token"), publisher, ""),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(tables.comes(&format!("other-{n}"), other, START).await, HELD_FOR_ANOTHER);
    }
    assert_eq!(tables.count_of("s").await, 0, "it is counted by nobody");
    tables.lost("1", in_session(Some("a new one"), publisher, "name=Ann"), START).await;
    // What it was let in with is what counts from now on, also the new resume token.
    assert_eq!(tables.comes("2", in_session(Some(OWN), publisher, ""), START).await, HELD_FOR_ANOTHER);
    tables.lost("3", in_session(Some("a new one"), publisher, ""), START).await;
    assert_eq!(tables.comes("4", in_session(None, publisher, ""), START).await, HELD_FOR_ANOTHER, "no data");
    let bound = Who { bound: true, ..in_session(None, moderator, "name=Ann") };
    assert_eq!(tables.comes("5", bound, START).await, BACK);
    assert_eq!(tables.count_of("s").await, 1);
}

/// What is held takes up no place of a session, and gives none.
#[tokio::test]
async fn a_full_session_has_no_room_for_who_comes_back() {
    let tables = Tables::session_s().await;
    let own = in_session(Some(OWN), Role::Publisher, "");
    tables.lost("0", own.clone(), START).await;
    tables.joined("1", "one", START).await;
    tables.joined("2", "two", START).await;
    assert_eq!(tables.comes("3", own, START).await, Came::Refused(Joined::LimitExceeded));
}

#[tokio::test]
async fn who_asks_for_a_place_while_it_is_lost_does_not_get_it() {
    let tables = Tables::room_r().await;
    assert_eq!(tables.comes("a", MEMBER_OF_R, START).await, MEMBER);
    let thief = tables.connection("b", START, None).await;
    let lost = tables.lose_socket("a", START);
    let (refused, ()) = tables.meanwhile(TRANSACT, 1, tables.come_as(&thief, STRANGER, START), lost).await;
    assert_eq!(refused, HELD_FOR_ANOTHER);
}

/// Its second transaction takes the place over from a socket that was there when it asked.
#[tokio::test]
async fn a_take_over_that_meets_the_loss_is_a_return() {
    let tables = Tables::room_r().await;
    assert_eq!(tables.comes("a", MEMBER_OF_R, START).await, MEMBER);
    let newer = tables.connection("b", START, None).await;
    let lost = tables.lose_socket("a", START);
    let (back, ()) = tables.meanwhile(TRANSACT, 2, tables.come_as(&newer, MEMBER_OF_R, START), lost).await;
    assert_eq!(back, BACK);
}

#[tokio::test]
async fn of_two_that_may_have_a_held_place_one_has_it_and_the_other_sees_that() {
    let tables = Tables::session_s().await;
    let ann = |token| in_session(Some(token), Role::Publisher, "name=Ann");
    tables.lost("0", ann(OWN), START).await;
    let (one, two) = (tables.connection("1", START, None).await, tables.connection("2", START, None).await);
    let (late, first) = tables
        .meanwhile(
            TRANSACT,
            2,
            tables.come_as(&one, ann(OWN), START),
            tables.come_as(&two, ann("other"), START),
        )
        .await;
    assert_eq!(first, BACK);
    assert!(matches!(&late, Came::Refused(Joined::PeerInUse(holder)) if holder.stamp == two), "{late:?}");
    assert_eq!((tables.count_of("s").await, tables.held().await.len()), (1, 0));
}

#[tokio::test]
async fn nothing_is_held_for_who_is_sent_away() {
    let tables = Tables::session_s().await;
    let own = in_session(Some(OWN), Role::Publisher, "");
    assert_eq!(tables.comes("0", own.clone(), START).await, MEMBER);
    assert!(matches!(tables.expel("p").await, Expelled::Gone(..)));
    assert_eq!(tables.held().await.len(), 0);
    // Nor for who was lost before.
    tables.lost("1", own.clone(), START).await;
    assert_eq!(tables.expel("p").await, Expelled::Forgotten);
    assert_eq!(tables.expel("p").await, Expelled::NotThere);
    assert_eq!(tables.comes("2", in_session(None, Role::Publisher, ""), START).await, MEMBER);
    assert_eq!(tables.count_of("s").await, 1);
}

#[tokio::test]
async fn who_comes_back_while_it_is_sent_away_goes_all_the_same() {
    let tables = Tables::session_s().await;
    let own = in_session(Some(OWN), Role::Publisher, "");
    tables.lost("0", own.clone(), START).await;
    let stamp = tables.connection("1", START, None).await;
    let (expelled, back) =
        tables.meanwhile(TRANSACT, 1, tables.expel("p"), tables.come_as(&stamp, own, START)).await;
    assert_eq!(back, BACK);
    assert!(matches!(expelled, Expelled::Gone(ended, _) if ended.stamp == stamp));
    assert_eq!((tables.count_of("s").await, tables.held().await.len()), (0, 0));
}
