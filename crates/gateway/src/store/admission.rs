//! A client becomes a member of a room or a session.

use model::connection::{Connection, Socket};
use model::departure::Departure;
use model::held::Held;
use model::id::{PeerId, RoomId};
use model::key::Key;
use model::member::{Admission, Holder, Member, Reach};
use model::outbox::Change;
use model::outcome::{Ended, Joined, PreviousHolder};
use model::path::UrlPath;
use model::person::{Account, Person};
use model::resumption::Claimant;
use model::room::{CONNECTION_LEASE, Room, Status};
use model::secret::SecretHash;
use model::session::mailbox;
use model::session::stream::Streams;
use model::session::{ApiKey, InSession, Session, SessionMember};
use model::time::EpochMillis;

use super::persons::PersonSnapshot;
use super::retry::Pauses;
use super::streams::at_version;
use super::tables::{ROUNDS, Store};
use super::transaction::{Part, Refusals, Transacted, Transaction};
use super::write::{Write, connection_key, member_lease, room_key};
use crate::failure::Failure;

/// A client's identify, its token checked, ready to be written.
#[derive(Debug)]
pub struct Join {
    /// The connection.
    pub socket: Socket,
    /// Whom it is counted for.
    pub person: Person,
    /// Who it wants to be.
    pub peer: PeerId,
    /// The room or the session.
    pub room: RoomId,
    /// The hash of its resume token.
    pub resume_hash: Option<SecretHash>,
    /// Its token names the one peer that its bearer may be: this one.
    pub bound: bool,
    /// On what terms it is let in.
    pub policy: Policy,
}

/// On what terms a client is let in.
#[derive(Debug)]
pub enum Policy {
    /// To the room of a page, which a path has claimed.
    Page {
        /// The one path that the client's token admits to; any, if absent.
        path: Option<UrlPath>,
    },
    /// To a session.
    Session {
        /// The project that the client's token is of.
        api_key: ApiKey,
        /// What the token says, and what the client asks for.
        member: SessionMember,
        /// Whether the client has a secret for end-to-end encryption.
        e2ee_ready: bool,
        /// The most members that the session may have.
        limit: u32,
    },
}

/// What is known before a try: what may be taken, and is expected to be there still.
#[derive(Default)]
struct Seen {
    /// Who has it.
    place: Option<PlaceSnapshot>,
    /// That it is held for this peer.
    held: Option<Held>,
    /// What is counted of who joins.
    person: PersonSnapshot,
}

/// Who has a place.
struct PlaceSnapshot {
    holder: Member,
    taken: Taken,
}

/// What becomes of the stay whose place is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It goes on.
    Over,
    /// Its lease had ended: it ends.
    Expired,
    /// It was away, and its client is another one now, which knows nothing of it: it ends.
    Succeeded,
}

impl PlaceSnapshot {
    fn ends(&self) -> bool {
        self.taken != Taken::Over
    }
}

/// What follows from a refusal.
enum Next {
    /// Another try, with what is known of the place now.
    Try(Option<PlaceSnapshot>, Option<Held>),
    /// That is the answer.
    Answer(Joined),
}

impl Store {
    /// Makes a peer a member, in one transaction: the connection is there and nobody else, the room lets it in by its
    /// [`Policy`], and the place is free, or to be taken by the rule of [`Member::admits`], and held for nobody else. A
    /// session's count rises only when a place is filled that was empty.
    ///
    /// Race: of two connections that want one place the transaction that comes second is refused, sees who has it, and decides
    /// again by the same rule; whoever takes a place deletes the older connection's row with it, so that the older one can
    /// neither relay nor be announced as gone. A holder may be lost at the same moment: its end, and for whom its place is held,
    /// is one transaction, and this one, which names both, comes before or after. The joins of one person meet at its account,
    /// of which each knows the version that it has seen: the one that comes second is refused, and looks again how many there
    /// are. The holder may be lost, and kept, while its place is taken over: the place is taken as it was seen, there or away,
    /// so that what is kept for it is delivered. Another client of the same user's may come at the moment at which the member itself
    /// is back: both name the place as it was, away, and the one that is refused finds the other there. The room may close at the
    /// same moment: then the check fails, or the close sees the new member when it looks for whom to tell. Two that want the last
    /// place of a session meet at its count: the transaction that comes second is refused.
    pub async fn join(&self, join: &Join, now: EpochMillis) -> Result<Joined, Failure> {
        let mut seen = Seen::default();
        let mut queue: Option<Pauses> = None;
        let mut rounds = 0;
        while rounds < ROUNDS {
            if let Some(refused) = join.too_much(&seen, now) {
                return Ok(refused);
            }
            let member = join.member(seen.place.as_ref(), now);
            let pauses = match join.policy {
                Policy::Page { .. } => Pauses::new(),
                // All that join or leave a session write its count.
                Policy::Session { .. } => Pauses::contended(),
            };
            let writes = self.join_writes(join, &member, &seen, now);
            match self.transact(writes, pauses).await? {
                Transacted::Done => {
                    let previous = match seen.place {
                        None if seen.held.is_some() => PreviousHolder::Lost,
                        None => PreviousHolder::Nobody,
                        Some(PlaceSnapshot { holder, taken: Taken::Expired }) => {
                            PreviousHolder::Expired(Box::new(join.ended(&holder, now)))
                        }
                        Some(PlaceSnapshot { holder, taken: Taken::Succeeded }) => {
                            PreviousHolder::Succeeded(Box::new(join.ended(&holder, now)))
                        }
                        Some(PlaceSnapshot { holder, taken: Taken::Over }) => match holder.reach() {
                            Reach::Socket(socket) => PreviousHolder::Older(socket),
                            Reach::None => PreviousHolder::Away,
                        },
                    };
                    return Ok(Joined::Member { member, previous });
                }
                Transacted::Refused(refusals) => {
                    if !refusals.only(Part::Account) {
                        match join.refused(&refusals, now)? {
                            Next::Try(place, held) => (seen.place, seen.held) = (place, held),
                            Next::Answer(joined) => return Ok(joined),
                        }
                    }
                    if refusals.refused(Part::Account) {
                        let account: Option<Account> = refusals.held(Part::Account)?;
                        seen.person = self.person(&join.person, account, now).await?;
                    }
                    if !refusals.only(Part::Account) {
                        rounds += 1;
                    } else if let Some(queue) = &mut queue {
                        // Others with the same token come at the same time. Each time one of them is through.
                        if !queue.pause().await {
                            return Ok(Joined::TooOften);
                        }
                    } else {
                        // Nobody knows the account's version before the first try.
                        queue = Some(Pauses::queued());
                    }
                }
            }
        }
        Err(Self::lost_every_round("identify"))
    }

    fn join_writes(&self, join: &Join, member: &Member, seen: &Seen, now: EpochMillis) -> Transaction {
        let Seen { place: seen, held, person } = seen;
        let seen = seen.as_ref();
        let holder = seen.map(|seen| &seen.holder);
        let (own, older) = (&join.socket.stamp, holder.map(|holder| &holder.stamp));
        let shared = person.shared(own, older, now);
        let room = match &join.policy {
            Policy::Page { path } => (Part::Room, self.page_check(&join.room, path.as_ref(), now)),
            Policy::Session { api_key, e2ee_ready, limit, .. } => {
                let limit = seen.is_none().then_some(*limit);
                (Part::Session, self.session_write(&join.room, api_key, *e2ee_ready, limit))
            }
        };
        let mut writes = Transaction::of([
            (Part::Connection, self.identity_write(join, member, shared)),
            room,
            (Part::Place, self.place_write(join, member, seen)),
            (Part::Account, self.count_join(&join.person, own, older, person, now)),
        ]);
        for other in person.others(own, older).filter(|other| !other.shared) {
            writes.add(Part::OtherConnection, self.share(other, &join.person.id));
        }
        if let Some(older) = holder {
            let row = connection_key(&older.stamp.connection_id);
            writes.add(Part::OlderConnection, Write::delete(&self.connections, row));
        }
        // What comes from here on is for the new socket.
        if let Some(away) = holder.filter(|holder| holder.session.is_some() && holder.away_until.is_some()) {
            writes.add(Part::Mailbox, self.close_mailbox(&away.stamp.connection_id, now));
        }
        // While somebody has a place it is held for nobody.
        if seen.is_none_or(PlaceSnapshot::ends) {
            writes.add(Part::Held, self.held_write(join, held.as_ref(), now));
        }
        // A page's members hear nothing of who comes; of who comes back a session's do not.
        if member.session.is_some() && seen.is_none_or(PlaceSnapshot::ends) {
            let resumed = held.is_some() || seen.is_some_and(|seen| seen.taken == Taken::Succeeded);
            let (peer_id, joined_at) = (join.peer.clone(), member.joined_at);
            let (part, owed) = self.owe(&join.room, Change::Created { peer_id, joined_at, resumed }, now);
            writes.add(part, owed);
            if let Some(seen) = seen {
                let ended = Change::ended(&join.ended(&seen.holder, now));
                let (part, owed) = self.owe(&join.room, ended, now);
                writes.add(part, owed);
            }
        }
        writes
    }

    /// The connection becomes this peer: it is there, and nobody else.
    fn identity_write(&self, join: &Join, member: &Member, shared: bool) -> Write {
        let mut set =
            "SET #kind = :client, #peerId = :peer, #roomId = :room, #person = :person, #shared = :shared"
                .to_owned();
        let in_session = member.session.as_ref();
        let in_session = in_session.map(|session| InSession { role: session.role, since: member.joined_at });
        if in_session.is_some() {
            set.push_str(", #session = :session");
        }
        let resumption = member.resumption();
        if resumption.is_some() {
            set.push_str(", #resumption = :resumption");
        }
        let mut write =
            Write::update(&self.connections, connection_key(&join.socket.stamp.connection_id), set)
                .when(
                    "#connectedAt = :connectedAt AND (attribute_not_exists(#kind) \
                 OR (#kind = :client AND #peerId = :peer AND #roomId = :room))",
                )
                .bind(":client", "client")
                .bind(":peer", &join.peer)
                .bind(":room", &join.room)
                .bind(":person", &join.person.id)
                .bind(":shared", shared)
                .bind(":connectedAt", join.socket.stamp.connected_at);
        if let Some(resumption) = resumption {
            write = write.bind(":resumption", resumption);
        }
        match in_session {
            Some(in_session) => write.bind(":session", in_session),
            None => write,
        }
    }

    /// A path has claimed the room, the token's if it names one. A room that serves a session is entered through that.
    fn page_check(&self, room: &RoomId, path: Option<&UrlPath>, now: EpochMillis) -> Write {
        let claimed = "#status = :claimed AND #expiresAt > :now AND attribute_not_exists(#sessionId)";
        let room = Write::check(&self.rooms, room_key(Key::room(room)))
            .bind(":claimed", Status::Claimed)
            .bind(":now", now.seconds());
        match path {
            Some(path) => room.when(format!("{claimed} AND #urlPath = :path")).bind(":path", path),
            None => room.when(claimed),
        }
    }

    /// The session is the project's, and what it needs is there. With a `limit` it gets one member more.
    fn session_write(
        &self,
        session: &RoomId,
        api_key: &ApiKey,
        e2ee_ready: bool,
        limit: Option<u32>,
    ) -> Write {
        let key = room_key(Key::session(session));
        let mut condition = "#apiKey = :key".to_owned();
        let write = match limit {
            Some(limit) => {
                condition.push_str(" AND #connections < :limit");
                Write::update(&self.rooms, key, "SET #connections = #connections + :one")
                    .bind(":one", 1)
                    .bind(":limit", limit)
            }
            None => Write::check(&self.rooms, key),
        };
        if e2ee_ready {
            return write.when(condition).bind(":key", api_key);
        }
        condition.push_str(" AND #e2ee = :no");
        write.when(condition).bind(":key", api_key).bind(":no", false)
    }

    /// The place is held for nobody, or as it was seen; and no more, once its member is there.
    fn held_write(&self, join: &Join, seen: Option<&Held>, now: EpochMillis) -> Write {
        let write = Write::delete(&self.rooms, room_key(Key::held(&join.room, &join.peer)));
        match seen {
            None => write.when("attribute_not_exists(#pk) OR #heldUntil <= :now").bind(":now", now),
            Some(held) => write
                .when("#connectionId = :heldId AND #connectedAt = :heldAt")
                .bind(":heldId", &held.stamp.connection_id)
                .bind(":heldAt", held.stamp.connected_at),
        }
    }

    /// The member's place: free, or exactly as it was seen.
    fn place_write(&self, join: &Join, member: &Member, seen: Option<&PlaceSnapshot>) -> Write {
        let lease = member_lease(member.session.is_some());
        let mut set = format!(
            "SET #connectionId = :id, #connectedAt = :connectedAt, #{lease} = :lease, #joinedAt = :joinedAt"
        );
        let mut remove = " REMOVE #awayUntil".to_owned();
        // Of a stay that goes on the streams stay.
        let ends = member.session.is_some() && seen.is_some_and(PlaceSnapshot::ends);
        if ends {
            remove.push_str(", #streams, #streamsVersion, #endedStreams");
        }
        if member.session.is_some() {
            set.push_str(", #session = :session");
        }
        if member.mailboxes.is_empty() {
            remove.push_str(", #mailboxes");
        } else {
            set.push_str(", #mailboxes = :mailboxes");
        }
        match &member.resume_hash {
            Some(_) => set.push_str(", #resumeHash = :resume"),
            None => remove.push_str(", #resumeHash"),
        }
        if member.encoding.is_json() {
            remove.push_str(", #encoding");
        } else {
            set.push_str(", #encoding = :encoding");
        }
        let mut write =
            Write::update(&self.rooms, room_key(Key::member(&join.room, &join.peer)), set + &remove)
                .bind(":id", &member.stamp.connection_id)
                .bind(":connectedAt", member.stamp.connected_at)
                .bind(":lease", member.expires_at)
                .bind(":joinedAt", member.joined_at);
        if let Some(session) = &member.session {
            write = write.bind(":session", session);
        }
        if !member.mailboxes.is_empty() {
            write = write.bind(":mailboxes", &member.mailboxes);
        }
        if let Some(resume) = &member.resume_hash {
            write = write.bind(":resume", resume);
        }
        if !member.encoding.is_json() {
            write = write.bind(":encoding", &member.encoding);
        }
        match seen {
            None => write.when("attribute_not_exists(#pk)"),
            Some(PlaceSnapshot { holder: seen, .. }) => {
                let write = write
                    .when("#connectionId = :seenId AND #connectedAt = :seenAt")
                    .bind(":seenId", &seen.stamp.connection_id)
                    .bind(":seenAt", seen.stamp.connected_at)
                    .and(match seen.away_until {
                        Some(_) => "attribute_exists(#awayUntil)",
                        None => "attribute_not_exists(#awayUntil)",
                    });
                // Its end says which streams have ended.
                if ends { at_version(write, seen.streams.version) } else { write }
            }
        }
    }
}

impl Join {
    /// Why its person may not join, whatever the room says.
    fn too_much(&self, seen: &Seen, now: EpochMillis) -> Option<Joined> {
        let Seen { place, person, .. } = seen;
        if !person.may_join(&self.person, now) {
            return Some(Joined::TooOften);
        }
        let older = place.as_ref().map(|seen| &seen.holder.stamp);
        let others: Vec<_> = person.others(&self.socket.stamp, older).collect();
        if others.len() < self.person.sockets {
            return None;
        }
        let holder = |row: &Connection| {
            let identity = row.identity.clone()?;
            Some(Holder { stamp: row.stamp.clone(), away_until: None, identity })
        };
        Some(Joined::SocketsExceeded(others.into_iter().filter_map(holder).collect()))
    }

    /// The end of a stay that makes way for this one.
    fn ended(&self, holder: &Member, now: EpochMillis) -> Ended {
        let identity = holder.identity(&self.peer, &self.room);
        let streams = holder.streams.ids();
        Ended { stamp: holder.stamp.clone(), identity, reason: Departure::Lost, at: now, streams }
    }

    /// The place as the newcomer will have it. A stay that goes on keeps its beginning and its data, which nobody may
    /// change.
    fn member(&self, seen: Option<&PlaceSnapshot>, now: EpochMillis) -> Member {
        let session = match &self.policy {
            Policy::Page { .. } => None,
            Policy::Session { member, .. } => Some(member.clone()),
        };
        let mut member = Member {
            stamp: self.socket.stamp.clone(),
            encoding: self.socket.encoding.clone(),
            resume_hash: self.resume_hash.clone(),
            joined_at: now,
            session,
            streams: Streams::default(),
            mailboxes: vec![],
            away_until: None,
            expires_at: self.socket.stamp.connected_at.plus(CONNECTION_LEASE).seconds(),
        };
        if let Some(PlaceSnapshot { holder, taken: Taken::Over }) = seen {
            member.joined_at = holder.joined_at;
            member.streams.clone_from(&holder.streams);
            if let (Some(session), Some(before)) = (&mut member.session, &holder.session) {
                session.data.clone_from(&before.data);
                let lost = holder.away_until.is_some().then_some(&holder.stamp.connection_id);
                member.mailboxes = mailbox::closed(&holder.mailboxes, lost, now);
            }
        }
        member
    }

    /// In a session: the hash of what its token signs of it.
    fn signed(&self) -> Option<SecretHash> {
        match &self.policy {
            Policy::Page { .. } => None,
            Policy::Session { member, .. } => member.signed(),
        }
    }

    /// What a refusal means: of the connection before all else, then of the room, then of the place.
    fn refused(&self, refusals: &Refusals, now: EpochMillis) -> Result<Next, Failure> {
        if refusals.refused(Part::Connection) {
            let row: Option<Connection> = refusals.held(Part::Connection)?;
            let there = row.is_some_and(|row| row.stamp == self.socket.stamp);
            return Ok(Next::Answer(if there { Joined::AlreadyIdentified } else { Joined::ConnectionGone }));
        }
        let place = refusals.refused(Part::Place);
        let holder: Option<Member> = refusals.held(Part::Place)?;
        // Who asks again in a session is there already, whatever it says of itself now.
        if let (Policy::Session { .. }, Some(own)) = (&self.policy, &holder)
            && own.stamp == self.socket.stamp
        {
            let member = own.clone();
            return Ok(Next::Answer(Joined::Member { member, previous: PreviousHolder::Itself }));
        }
        match &self.policy {
            Policy::Page { .. } if refusals.refused(Part::Room) => {
                return Ok(Next::Answer(refused_room(refusals.held(Part::Room)?, now)));
            }
            Policy::Session { api_key, e2ee_ready, .. } if refusals.refused(Part::Session) => {
                let joined = refused_session(refusals.held(Part::Session)?, api_key, *e2ee_ready);
                // A full session has room for whoever takes over a place that is counted already.
                if !(place && joined == Joined::LimitExceeded) {
                    return Ok(Next::Answer(joined));
                }
            }
            Policy::Page { .. } | Policy::Session { .. } => {}
        }
        let signed = self.signed();
        let resume_hash = self.resume_hash.as_ref();
        let claimant = Claimant { resume_hash, signed: signed.as_ref(), bound: self.bound };
        let Some(holder) = holder else {
            let held: Option<Held> = refusals.held(Part::Held)?;
            return Ok(match held.filter(|held| !held.is_over(now)) {
                Some(held) if held.resumption.admits(&claimant) => Next::Try(None, Some(held)),
                Some(_) => Next::Answer(Joined::Held),
                None => Next::Try(None, None),
            });
        };
        Ok(match holder.admits(&self.socket.stamp, &claimant, now) {
            Admission::Own => {
                Next::Answer(Joined::Member { member: holder, previous: PreviousHolder::Itself })
            }
            Admission::PeerInUse => Next::Answer(Joined::PeerInUse(holder.holder(&self.peer, &self.room))),
            Admission::Superseded => Next::Answer(Joined::Superseded(holder.holder(&self.peer, &self.room))),
            Admission::Replace => {
                let expired = holder.expires_at.expired(now);
                let taken = if expired { Taken::Expired } else { Taken::Over };
                Next::Try(Some(PlaceSnapshot { holder, taken }), None)
            }
            Admission::Succeed => {
                // Rooms know no stays: nobody in one is told of an end or a beginning.
                let taken = match self.policy {
                    Policy::Page { .. } => Taken::Over,
                    Policy::Session { .. } => Taken::Succeeded,
                };
                Next::Try(Some(PlaceSnapshot { holder, taken }), None)
            }
        })
    }
}

/// Why a room let nobody in: it is not there, not claimed, claimed by a session, closed, or has another path than the
/// token.
fn refused_room(room: Option<Room>, now: EpochMillis) -> Joined {
    let own = |room: &Room| !room.expires_at.expired(now) && room.session_id.is_none();
    match room.filter(own).map(|room| room.status) {
        None | Some(Status::Pending | Status::Unclaimed) => Joined::RoomNotFound,
        Some(Status::Closed) => Joined::RoomClosed,
        Some(Status::Claimed) => Joined::OtherPath,
    }
}

/// Why a session let nobody in.
fn refused_session(session: Option<Session>, api_key: &ApiKey, e2ee_ready: bool) -> Joined {
    match session.filter(|session| session.api_key == *api_key) {
        None => Joined::RoomNotFound,
        Some(session) if session.e2ee && !e2ee_ready => Joined::SecretMissing,
        Some(_) => Joined::LimitExceeded,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::BehaviorVersion;
    use aws_sdk_dynamodb::types::CancellationReason;
    use model::id::ConnectionId;
    use model::person::PersonId;
    use model::session::Role;
    use model::stamp::Stamp;

    use super::*;

    const NOW: EpochMillis = EpochMillis(1_800_000_000_000);

    fn store() -> Store {
        let config = aws_config::SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        Store::new(&config, "connections".into(), "rooms".into())
    }

    fn join(policy: Policy) -> Join {
        let connection_id = ConnectionId::new("c".into());
        Join {
            socket: Stamp { connected_at: NOW, connection_id }.into(),
            peer: PeerId::try_from("p".to_owned()).unwrap(),
            room: RoomId::try_from("r".to_owned()).unwrap(),
            resume_hash: None,
            bound: false,
            policy,
            person: Person { id: PersonId::of_token("t"), sockets: 2 },
        }
    }

    fn policies() -> [Policy; 2] {
        let member = SessionMember {
            role: Role::Publisher,
            data: String::new(),
            layout_classes: vec![],
            suppressed: false,
        };
        let api_key = ApiKey::try_from("47000001".to_owned()).unwrap();
        [Policy::Page { path: None }, Policy::Session { api_key, member, e2ee_ready: false, limit: 1 }]
    }

    /// What DynamoDB says when the condition of `part` fails, and no other one: a reason for each write, in their order.
    fn reasons(writes: &Transaction, part: Part) -> Vec<CancellationReason> {
        let code = |of: Part| if of == part { "ConditionalCheckFailed" } else { "None" };
        writes.parts().map(|of| CancellationReason::builder().code(code(of)).build()).collect()
    }

    #[test]
    fn a_refusal_means_the_same_when_another_write_comes_before_all_others() {
        for policy in policies() {
            let room = if matches!(policy, Policy::Page { .. }) { Part::Room } else { Part::Session };
            let join = join(policy);
            let writes = || store().join_writes(&join, &join.member(None, NOW), &Seen::default(), NOW);
            let answer = |writes: &Transaction, part| {
                let refusals = writes.refusals(&reasons(writes, part));
                match join.refused(&refusals, NOW).unwrap() {
                    Next::Answer(joined) => Some(joined),
                    Next::Try(..) => None,
                }
            };
            let mut shifted = Transaction::of([(
                Part::Refills,
                Write::check("rooms", connection_key(&join.socket.stamp.connection_id)),
            )]);
            shifted.append(writes());
            for writes in [writes(), shifted] {
                assert_eq!(answer(&writes, Part::Connection), Some(Joined::ConnectionGone));
                assert_eq!(answer(&writes, room), Some(Joined::RoomNotFound));
                assert_eq!(answer(&writes, Part::Place), None, "the place is free again");
            }
        }
    }
}
