//! A client enters a session.

use model::id::{PeerId, RoomId};
use model::item::{Connection, Key, Member};
use model::life::Life;
use model::outcome::{Admission, Before, Entered};
use model::room::CONNECTION_LEASE;
use model::secret::SecretHash;
use model::session::ApiKey;
use model::session::item::{InSession, Issue, Session, SessionMember};
use model::time::EpochMillis;

use super::retry::Pauses;
use super::write::{Refusals, Transacted, Write, Written, connection_key, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

/// A client's identify in a session, its token checked, ready to be written.
#[derive(Debug)]
pub struct Enter {
    /// The connection.
    pub life: Life,
    /// Where.
    pub session: RoomId,
    /// Who it wants to be.
    pub peer: PeerId,
    /// The project that its token is of.
    pub api_key: ApiKey,
    /// What its token says, and what it asks for.
    pub member: SessionMember,
    /// The hash of its resume token.
    pub resume_hash: Option<SecretHash>,
    /// Whether it has a secret for end-to-end encryption.
    pub e2ee_ready: bool,
    /// The most members that the session may have.
    pub limit: u32,
}

// The positions of the writes in the transaction.
const CONNECTION: usize = 0;
const SESSION: usize = 1;
const MEMBER: usize = 2;

/// What is known of the place that is to be entered.
#[derive(Default)]
struct Seen {
    /// Who has it.
    holder: Option<Member>,
    /// Whether its lease had ended.
    expired: bool,
}

impl Seen {
    /// The place as the newcomer will have it. A stay that goes on keeps its beginning and its data, which nobody may
    /// change.
    fn next(&self, enter: &Enter, now: EpochMillis) -> Member {
        let mut member = Member {
            life: enter.life.clone(),
            resume_hash: enter.resume_hash.clone(),
            joined_at: now,
            session: Some(enter.member.clone()),
            expires_at: enter.life.connected_at.plus(CONNECTION_LEASE).seconds(),
        };
        if let Some(before) = self.holder.as_ref().filter(|_| !self.expired) {
            member.joined_at = before.joined_at;
            if let (Some(session), Some(old)) = (&mut member.session, &before.session) {
                session.data.clone_from(&old.data);
            }
        }
        member
    }
}

impl Store {
    /// Writes a new session.
    ///
    /// # Errors
    /// When DynamoDB fails, or the id is taken: it holds 96 random bits.
    pub async fn create_session(&self, id: &RoomId, session: &Session) -> Result<(), Failure> {
        let put =
            Write::put(&self.rooms, room_key(Key::session(id)), session).when("attribute_not_exists(#pk)");
        match self.put(put).await? {
            Written::Done => Ok(()),
            Written::Refused => Err(Failure::new("dynamodb:PutItem", "the session's id is taken")),
        }
    }

    /// Stores an issue under its name, a random one.
    ///
    /// # Errors
    /// When DynamoDB fails, or the name is taken.
    pub async fn report_issue(&self, name: &str, issue: &Issue) -> Result<(), Failure> {
        let put =
            Write::put(&self.rooms, room_key(Key::issue(name)), issue).when("attribute_not_exists(#pk)");
        match self.put(put).await? {
            Written::Done => Ok(()),
            Written::Refused => Err(Failure::new("dynamodb:PutItem", "the issue's name is taken")),
        }
    }

    /// Makes a peer a member of a session, in one transaction: the connection is there and nobody else, the session is the
    /// project's and has room, and the place is free, or to be taken by the rule of [`Member::admits`]. The session's count
    /// rises only when a place is filled that was empty.
    ///
    /// Race: as for [`Store::join`]. Two that want the last place of a session meet at its count: the transaction that
    /// comes second is refused.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn enter(&self, enter: &Enter, now: EpochMillis) -> Result<Entered, Failure> {
        let mut seen = Seen::default();
        for _ in 0..ROUNDS {
            let member = seen.next(enter, now);
            let writes = self.enter_writes(enter, &member, seen.holder.as_ref());
            let refusals = match self.transact_with(writes, Pauses::in_a_crowd()).await? {
                Transacted::Done => {
                    let before = match seen.holder {
                        None => Before::Nobody,
                        Some(holder) if seen.expired => Before::Expired(holder.life, holder.joined_at),
                        Some(holder) => Before::Older(holder.life),
                    };
                    return Ok(Entered::Member { member, before });
                }
                Transacted::Refused(refusals) => refusals,
            };
            if refusals.refused(CONNECTION) {
                let row: Option<Connection> = refusals.held(CONNECTION)?;
                let there = row.is_some_and(|row| row.life == enter.life);
                return Ok(if there { Entered::AlreadyIdentified } else { Entered::ConnectionGone });
            }
            if !refusals.refused(MEMBER) {
                return refused_session(enter, &refusals);
            }
            seen = Seen::default();
            if let Some(holder) = refusals.held::<Member>(MEMBER)? {
                match holder.admits(&enter.life, enter.resume_hash.as_ref(), now) {
                    Admission::Own => return Ok(Entered::Member { member: holder, before: Before::Itself }),
                    Admission::PeerInUse => {
                        return Ok(Entered::PeerInUse(holder.holder(&enter.peer, &enter.session)));
                    }
                    Admission::Superseded => {
                        return Ok(Entered::Superseded(holder.holder(&enter.peer, &enter.session)));
                    }
                    Admission::Replace => {
                        seen = Seen { expired: holder.expires_at.expired(now), holder: Some(holder) };
                    }
                }
            }
        }
        Err(Self::lost_every_round("identify"))
    }

    fn enter_writes(&self, enter: &Enter, member: &Member, seen: Option<&Member>) -> Vec<Write> {
        let in_session = InSession { role: enter.member.role, since: member.joined_at };
        let connection = self
            .identity_write(&enter.life, &enter.peer, &enter.session, ", #session = :session")
            .bind(":session", in_session);

        let key = room_key(Key::session(&enter.session));
        let mut condition = "#apiKey = :key".to_owned();
        if !enter.e2ee_ready {
            condition.push_str(" AND #e2ee = :no");
        }
        let mut session = if seen.is_some() {
            Write::check(&self.rooms, key)
        } else {
            condition.push_str(" AND #connections < :limit");
            Write::update(&self.rooms, key, "SET #connections = #connections + :one")
                .bind(":one", 1)
                .bind(":limit", enter.limit)
        };
        session = session.when(condition).bind(":key", &enter.api_key);
        if !enter.e2ee_ready {
            session = session.bind(":no", false);
        }

        let mut writes = vec![connection, session, self.place_write(enter, member, seen)];
        if let Some(older) = seen {
            writes.push(Write::delete(&self.connections, connection_key(&older.life.connection_id)));
        }
        writes
    }

    /// The member's place: free, or exactly as it was seen.
    fn place_write(&self, enter: &Enter, member: &Member, seen: Option<&Member>) -> Write {
        let mut set = "SET #connectionId = :id, #connectedAt = :connectedAt, #leaseEndsAt = :lease, \
                       #joinedAt = :joinedAt, #session = :session"
            .to_owned();
        set.push_str(if member.resume_hash.is_some() {
            ", #resumeHash = :resume"
        } else {
            " REMOVE #resumeHash"
        });
        let write = Write::update(&self.rooms, room_key(Key::member(&enter.session, &enter.peer)), set)
            .bind(":id", &member.life.connection_id)
            .bind(":connectedAt", member.life.connected_at)
            .bind(":lease", member.expires_at)
            .bind(":joinedAt", member.joined_at)
            .bind(":session", &member.session);
        let write = match &member.resume_hash {
            Some(resume) => write.bind(":resume", resume),
            None => write,
        };
        match seen {
            None => write.when("attribute_not_exists(#pk)"),
            Some(seen) => write
                .when("#connectionId = :seenId AND #connectedAt = :seenAt")
                .bind(":seenId", &seen.life.connection_id)
                .bind(":seenAt", seen.life.connected_at),
        }
    }
}

/// Why a session let nobody in.
fn refused_session(enter: &Enter, refusals: &Refusals) -> Result<Entered, Failure> {
    let session: Option<Session> = refusals.held(SESSION)?;
    Ok(match session.filter(|session| session.api_key == enter.api_key) {
        None => Entered::SessionNotFound,
        Some(session) if session.e2ee && !enter.e2ee_ready => Entered::SecretMissing,
        Some(_) => Entered::LimitExceeded,
    })
}
