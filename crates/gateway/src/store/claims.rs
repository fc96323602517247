//! A page or a session claims a room of the pool, and with it the room's SFU.

use std::time::Duration;

use model::id::RoomId;
use model::key::Key;
use model::outbox::Change;
use model::outcome::{Claim, Claimed};
use model::path::UrlPath;
use model::room::{ClaimedPath, PoolEntry, Room, Standing, Status};
use model::session::{MediaMode, Session};
use model::sfu::Sfu;
use model::time::EpochMillis;
use rand::seq::SliceRandom as _;

use super::retry::Pauses;
use super::tables::{ROUNDS, Store};
use super::transaction::{Part, Refusals, Transacted, Transaction};
use super::write::{Write, connection_key, room_key};
use crate::failure::Failure;
use crate::machine;

/// Who claims.
#[derive(Clone, Copy, Debug)]
pub enum Claimant<'a> {
    /// A page, by its path.
    Page(&'a UrlPath),
    /// A routed session. The SFU's place moves into the session's partition, where relays look for it.
    Session(&'a RoomId),
}

/// What the claimant has already.
enum Held {
    /// Nothing that serves; it may name a room that is over.
    Free(Option<RoomId>),
    /// A room that lost its SFU, at that time, and whose grace is over: it has to be closed with the claim.
    Lost(RoomId, EpochMillis),
    /// Something that makes a claim needless, or impossible.
    Settled(Claimed),
}

/// What one attempt at a candidate came to.
#[must_use]
enum Attempt {
    Claimed(Option<Sfu>),
    /// The candidate is somebody else's, or its SFU is gone.
    CandidateGone,
    /// The candidate's SFU has identified again: it has another socket, or the renewed lease, which becomes the claimant's.
    CandidateChanged(PoolEntry),
    /// What the claimant has is not as it was seen.
    ClaimantChanged(Refusals),
}

impl Store {
    /// The room of a page or a session: the one that it has, or one of the pool, taken at random so that claims at the same
    /// moment seldom want the same one.
    ///
    /// Race: two claims of one claimant, two claims of one room, the loss of a candidate's SFU, the return of the SFU of the
    /// room that is being claimed over. Each is one transaction that names all that it relies on; the loser's is refused, and
    /// it answers with the winner's room (the same claimant) or takes the next candidate.
    ///
    /// What is left is counted from the read of the pool. Of claims, or a claim and a spare SFU's leave, at the same moment
    /// each may count the room that the other one takes, and find that enough are left: the pool then is short until the next
    /// claim counts it.
    pub async fn claim(
        &self,
        claimant: Claimant<'_>,
        grace: Duration,
        now: EpochMillis,
    ) -> Result<Claim, Failure> {
        let mut held = match claimant {
            // A path is most often free: the transaction finds out. With an empty pool it is never tried.
            Claimant::Page(_) => Held::Free(None),
            Claimant::Session(_) => self.held(claimant, grace, now).await?,
        };
        if let Held::Settled(claimed) = held {
            return Ok(Claim { claimed, warm_left: None });
        }
        let pool = self.pool(now).await?;
        let (pending, mut candidates) = (pool.pending.len(), pool.unclaimed);
        candidates.shuffle(&mut machine::chance());
        if candidates.is_empty() && matches!(claimant, Claimant::Page(_)) {
            held = self.held(claimant, grace, now).await?;
        }
        let mut changes = 0;
        while changes < ROUNDS {
            if let Held::Settled(claimed) = held {
                return Ok(Claim { claimed, warm_left: None });
            }
            let Some(candidate) = candidates.pop() else {
                return Ok(Claim { claimed: Claimed::NoRoom, warm_left: Some(pending) });
            };
            match self.attempt(claimant, &candidate, &held, now).await? {
                Attempt::Claimed(sfu) => {
                    let claimed = Claimed::Taken(candidate.room_id, sfu);
                    return Ok(Claim { claimed, warm_left: Some(candidates.len() + pending) });
                }
                Attempt::CandidateGone => {}
                Attempt::CandidateChanged(as_it_is) => {
                    changes += 1;
                    candidates.push(as_it_is);
                }
                Attempt::ClaimantChanged(refusals) => {
                    changes += 1;
                    candidates.push(candidate);
                    held = match claimant {
                        Claimant::Page(_) if refusals.refused(Part::Path) => {
                            self.held_by_page(refusals.held(Part::Path)?, grace, now).await?
                        }
                        Claimant::Session(id) if refusals.refused(Part::Session) => {
                            self.held_by_session(id, refusals.held(Part::Session)?, grace, now).await?
                        }
                        Claimant::Page(_) | Claimant::Session(_) => self.held(claimant, grace, now).await?,
                    };
                }
            }
        }
        Err(Self::lost_every_round("claim"))
    }

    async fn held(&self, claimant: Claimant<'_>, grace: Duration, now: EpochMillis) -> Result<Held, Failure> {
        match claimant {
            Claimant::Page(path) => self.held_by_page(self.path(path, now).await?, grace, now).await,
            Claimant::Session(id) => self.held_by_session(id, self.session(id).await?, grace, now).await,
        }
    }

    async fn held_by_page(
        &self,
        path: Option<ClaimedPath>,
        grace: Duration,
        now: EpochMillis,
    ) -> Result<Held, Failure> {
        let Some(ClaimedPath { room_id, .. }) = path else { return Ok(Held::Free(None)) };
        self.held_room(room_id, grace, now).await
    }

    async fn held_by_session(
        &self,
        id: &RoomId,
        session: Option<Session>,
        grace: Duration,
        now: EpochMillis,
    ) -> Result<Held, Failure> {
        let Some(session) = session else { return Ok(Held::Settled(Claimed::NoSession)) };
        if session.media_mode == MediaMode::Relayed {
            return Ok(Held::Settled(Claimed::Relayed));
        }
        let Some(room) = session.sfu_room else { return Ok(Held::Free(None)) };
        if let Some(sfu) = self.sfu(id).await? {
            return Ok(Held::Settled(Claimed::Serving(room, Some(sfu))));
        }
        self.held_room(room, grace, now).await
    }

    async fn held_room(&self, id: RoomId, grace: Duration, now: EpochMillis) -> Result<Held, Failure> {
        let standing = self.room(&id, now).await?.map(|room: Room| room.standing(now, grace));
        Ok(match standing {
            Some(Standing::Serving) => Held::Settled(Claimed::Serving(id, None)),
            Some(Standing::Lost(lost_at)) => Held::Lost(id, lost_at),
            Some(Standing::Over) | None => Held::Free(Some(id)),
        })
    }

    async fn attempt(
        &self,
        claimant: Claimant<'_>,
        candidate: &PoolEntry,
        held: &Held,
        now: EpochMillis,
    ) -> Result<Attempt, Failure> {
        let mut writes = Transaction::of(self.candidate_writes(claimant, candidate, now));
        let sfu = match claimant {
            Claimant::Page(path) => {
                writes.add(Part::Path, self.path_write(path, candidate, held, now));
                None
            }
            Claimant::Session(id) => {
                let Some(sfu) = self.sfu(&candidate.room_id).await? else {
                    return Ok(Attempt::CandidateGone);
                };
                writes.add(Part::Session, self.session_claim_write(id, candidate, held));
                for (part, write) in self.move_writes(id, candidate, &sfu) {
                    writes.add(part, write);
                }
                let change = Change::SfuConnected { sfu: sfu.stamp.clone() };
                let (part, owed) = self.owe(id, change, now);
                writes.add(part, owed);
                Some(sfu)
            }
        };
        if let Held::Lost(previous, lost_at) = held {
            writes.add(Part::PreviousRoom, self.close_lost(previous, *lost_at));
        }
        let refusals = match self.transact(writes, &mut Pauses::new()).await? {
            Transacted::Done => return Ok(Attempt::Claimed(sfu)),
            Transacted::Refused(refusals) => refusals,
        };
        // A session that has an SFU's place has been claimed over.
        let claimants = [Part::Path, Part::Session, Part::PreviousRoom, Part::NewPlace];
        if claimants.into_iter().any(|part| refusals.refused(part)) {
            return Ok(Attempt::ClaimantChanged(refusals));
        }
        if refusals.refused(Part::PoolEntry) {
            let renewed = refusals.held(Part::PoolEntry)?;
            return Ok(renewed.map_or(Attempt::CandidateGone, Attempt::CandidateChanged));
        }
        if [Part::Place, Part::Connection].into_iter().any(|part| refusals.refused(part)) {
            return Ok(Attempt::CandidateChanged(candidate.clone()));
        }
        Ok(Attempt::CandidateGone)
    }

    /// The path names the candidate, if it is free or names what it was seen to name.
    fn path_write(&self, path: &UrlPath, candidate: &PoolEntry, held: &Held, now: EpochMillis) -> Write {
        let write =
            Write::update(&self.rooms, room_key(Key::path(path)), "SET #roomId = :room, #expiresAt = :lease")
                .bind(":room", &candidate.room_id)
                .bind(":lease", candidate.expires_at);
        match held.room() {
            None => write.when("attribute_not_exists(#pk) OR #expiresAt <= :now").bind(":now", now.seconds()),
            Some(previous) => write.when("#roomId = :previous").bind(":previous", previous),
        }
    }

    /// The session names the candidate, if it names none or what it was seen to name.
    fn session_claim_write(&self, id: &RoomId, candidate: &PoolEntry, held: &Held) -> Write {
        let write = Write::update(&self.rooms, room_key(Key::session(id)), "SET #sfuRoom = :room")
            .bind(":room", &candidate.room_id);
        match held.room() {
            None => write.when("attribute_exists(#pk) AND attribute_not_exists(#sfuRoom)"),
            Some(previous) => write.when("#sfuRoom = :previous").bind(":previous", previous),
        }
    }

    /// Moves the candidate's SFU, as it was read, from its room's partition into that of a session.
    fn move_writes(&self, id: &RoomId, candidate: &PoolEntry, sfu: &Sfu) -> [(Part, Write); 3] {
        let room = &candidate.room_id;
        let connection = connection_key(&sfu.stamp.connection_id);
        [
            (
                Part::Place,
                Write::delete(&self.rooms, room_key(Key::sfu(room)))
                    .when("#connectionId = :id AND #connectedAt = :connectedAt")
                    .bind(":id", &sfu.stamp.connection_id)
                    .bind(":connectedAt", sfu.stamp.connected_at),
            ),
            (
                Part::NewPlace,
                Write::put(&self.rooms, room_key(Key::sfu(id)), sfu).when("attribute_not_exists(#pk)"),
            ),
            (
                Part::Connection,
                Write::update(&self.connections, connection, "SET #serves = :session")
                    .when("#roomId = :room AND attribute_not_exists(#serves)")
                    .bind(":session", id)
                    .bind(":room", room),
            ),
        ]
    }

    /// Takes a room out of the pool.
    fn candidate_writes(
        &self,
        claimant: Claimant<'_>,
        candidate: &PoolEntry,
        now: EpochMillis,
    ) -> [(Part, Write); 3] {
        let PoolEntry { room_id, slot, expires_at, .. } = candidate;
        let (attribute, name) = match claimant {
            Claimant::Page(path) => ("urlPath", path.as_str()),
            Claimant::Session(id) => ("sessionId", id.as_str()),
        };
        let set = format!("SET #status = :claimed, #claimedAt = :nowMillis, #{attribute} = :claimant");
        [
            (
                Part::PoolEntry,
                // As it was read: its lease becomes the claimant's.
                Write::delete(&self.rooms, room_key(Key::pool(room_id)))
                    .when("#expiresAt = :lease")
                    .bind(":lease", expires_at),
            ),
            (
                Part::Room,
                Write::update(&self.rooms, room_key(Key::room(room_id)), set)
                    .when("#status = :unclaimed AND attribute_not_exists(#sfuLostAt)")
                    .bind(":claimed", Status::Claimed)
                    .bind(":unclaimed", Status::Unclaimed)
                    .bind(":nowMillis", now)
                    .bind(":claimant", name),
            ),
            (
                Part::Slot,
                Write::update(&self.rooms, room_key(Key::slot(*slot)), "SET #claimedAt = :nowMillis")
                    .when("#roomId = :room")
                    .bind(":nowMillis", now)
                    .bind(":room", room_id),
            ),
        ]
    }

    /// Closes a room whose SFU has been lost since then, for good.
    fn close_lost(&self, room: &RoomId, lost_at: EpochMillis) -> Write {
        Write::update(&self.rooms, room_key(Key::room(room)), "SET #status = :closed")
            .when("#status = :claimed AND #sfuLostAt = :lostAt")
            .bind(":closed", Status::Closed)
            .bind(":claimed", Status::Claimed)
            .bind(":lostAt", lost_at)
    }
}

impl Held {
    /// The room that the claimant names by now.
    fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Free(room) => room.as_ref(),
            Self::Lost(room, _) => Some(room),
            Self::Settled(_) => None,
        }
    }
}
