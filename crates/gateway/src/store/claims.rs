//! A path claims a room.

use std::time::Duration;

use model::id::RoomId;
use model::item::{ClaimedPath, Key, PoolEntry};
use model::outcome::{Claim, Claimed};
use model::path::UrlPath;
use model::room::{Standing, Status};
use model::time::EpochMillis;
use rand::seq::SliceRandom as _;
use serde::Serialize;

use super::write::{Transacted, Write, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

/// What stands in the way of a claim: the room that the path names, if it is not over.
enum Held {
    /// The path is free, or what it names (if anything) is over.
    Free(Option<RoomId>),
    /// The path's room lost its SFU, at that time, and its grace is over: it has to be closed with the claim.
    Lost(RoomId, EpochMillis),
    /// The path's room serves.
    Serving(RoomId),
}

/// What one attempt at a candidate came to.
#[must_use]
enum Attempt {
    Claimed,
    /// The candidate is somebody else's, or its SFU is gone.
    CandidateGone,
    /// The candidate's SFU has identified again and renewed the lease, which becomes the path's.
    CandidateRenewed(PoolEntry),
    /// The path, or the room that it named, is not as it was seen.
    PathChanged(Option<ClaimedPath>),
}

// The positions of the writes in the transaction.
const PATH: usize = 0;
const ENTRY: usize = 1;
const OLD_ROOM: usize = 4;

impl Store {
    /// The room of a path: the one that it has, or one of the pool, taken at random so that claims at the same
    /// moment seldom want the same one.
    ///
    /// Race: two claims of one path, two claims of one room, the loss of a candidate's SFU, the return of the SFU
    /// of the room that is being claimed over. Each is one transaction that names all that it relies on; the
    /// loser's is refused, and it answers with the winner's room (the same path) or takes the next candidate.
    ///
    /// What is left is counted from the read that the claim began with. Of claims, or a claim and a spare SFU's
    /// leave, at the same moment each may count the room that the other one takes, and find that enough are left:
    /// the pool then is short until the next claim counts it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn claim(&self, path: &UrlPath, grace: Duration, now: EpochMillis) -> Result<Claim, Failure> {
        let pool = self.pool(now).await?;
        let (pending, mut pool) = (pool.pending.len(), pool.unclaimed);
        pool.shuffle(&mut rand::rng());
        // A path is most often free: the transaction finds out. With an empty pool it is never tried.
        let mut held = Held::Free(None);
        if pool.is_empty() {
            held = self.held(self.path(path, now).await?, grace, now).await?;
        }
        let mut changes = 0;
        while changes < ROUNDS {
            if let Held::Serving(room) = held {
                return Ok(Claim { claimed: Claimed::Room(room), warm_left: None });
            }
            let Some(candidate) = pool.pop() else {
                return Ok(Claim { claimed: Claimed::NoRoom, warm_left: Some(pending) });
            };
            match self.attempt(path, &candidate, &held, now).await? {
                Attempt::Claimed => {
                    let claimed = Claimed::Room(candidate.room_id);
                    return Ok(Claim { claimed, warm_left: Some(pool.len() + pending) });
                }
                Attempt::CandidateGone => {}
                Attempt::CandidateRenewed(renewed) => {
                    changes += 1;
                    pool.push(renewed);
                }
                Attempt::PathChanged(claimed) => {
                    changes += 1;
                    pool.push(candidate);
                    held = self.held(claimed, grace, now).await?;
                }
            }
        }
        Err(Self::lost_every_round("claimRoom"))
    }

    async fn held(
        &self,
        claimed: Option<ClaimedPath>,
        grace: Duration,
        now: EpochMillis,
    ) -> Result<Held, Failure> {
        let Some(ClaimedPath { room_id, .. }) = claimed else { return Ok(Held::Free(None)) };
        let standing = self.room(&room_id, now).await?.map(|room| room.standing(now, grace));
        Ok(match standing {
            Some(Standing::Serving) => Held::Serving(room_id),
            Some(Standing::Lost(lost_at)) => Held::Lost(room_id, lost_at),
            Some(Standing::Over) | None => Held::Free(Some(room_id)),
        })
    }

    async fn attempt(
        &self,
        path: &UrlPath,
        candidate: &PoolEntry,
        held: &Held,
        now: EpochMillis,
    ) -> Result<Attempt, Failure> {
        let refusals = match self.transact(self.claim_writes(path, candidate, held, now)).await? {
            Transacted::Done => return Ok(Attempt::Claimed),
            Transacted::Refused(refusals) => refusals,
        };
        if refusals.refused(PATH) {
            return Ok(Attempt::PathChanged(refusals.held(PATH)?));
        }
        if refusals.refused(OLD_ROOM) {
            return Ok(Attempt::PathChanged(self.path(path, now).await?));
        }
        Ok(match refusals.held(ENTRY)? {
            Some(renewed) => Attempt::CandidateRenewed(renewed),
            None => Attempt::CandidateGone,
        })
    }

    fn claim_writes(
        &self,
        path: &UrlPath,
        candidate: &PoolEntry,
        held: &Held,
        now: EpochMillis,
    ) -> Vec<Write> {
        let PoolEntry { room_id, expires_at, .. } = candidate;
        let mut the_path =
            Write::update(&self.rooms, room_key(Key::path(path)), "SET #roomId = :room, #expiresAt = :lease")
                .bind(":room", room_id)
                .bind(":lease", expires_at);
        the_path = match held {
            Held::Free(None) => {
                the_path.when("attribute_not_exists(#pk) OR #expiresAt <= :now").bind(":now", now.seconds())
            }
            Held::Free(Some(old)) | Held::Lost(old, _) | Held::Serving(old) => {
                the_path.when("#roomId = :old").bind(":old", old)
            }
        };
        let mut writes = vec![the_path];
        writes.extend(self.candidate_writes(candidate, "urlPath", path, now));
        if let Held::Lost(old, lost_at) = held {
            writes.push(self.close_lost(old, *lost_at));
        }
        writes
    }

    /// Takes a room out of the pool, for what `attribute` names: its entry, the room and its slot, in this order.
    pub(super) fn candidate_writes(
        &self,
        candidate: &PoolEntry,
        attribute: &str,
        claimant: impl Serialize,
        now: EpochMillis,
    ) -> [Write; 3] {
        let PoolEntry { room_id, slot, expires_at, .. } = candidate;
        let set = format!("SET #status = :claimed, #claimedAt = :nowMillis, #{attribute} = :claimant");
        [
            // As it was read: its lease becomes the path's.
            Write::delete(&self.rooms, room_key(Key::pool(room_id)))
                .when("#expiresAt = :lease")
                .bind(":lease", expires_at),
            Write::update(&self.rooms, room_key(Key::room(room_id)), set)
                .when("#status = :unclaimed AND attribute_not_exists(#sfuLostAt)")
                .bind(":claimed", Status::Claimed)
                .bind(":unclaimed", Status::Unclaimed)
                .bind(":nowMillis", now)
                .bind(":claimant", claimant),
            Write::update(&self.rooms, room_key(Key::slot(*slot)), "SET #claimedAt = :nowMillis")
                .when("#roomId = :room")
                .bind(":nowMillis", now)
                .bind(":room", room_id),
        ]
    }

    /// Closes a room whose SFU has been lost since then, for good.
    pub(super) fn close_lost(&self, room: &RoomId, lost_at: EpochMillis) -> Write {
        Write::update(&self.rooms, room_key(Key::room(room)), "SET #status = :closed")
            .when("#status = :claimed AND #sfuLostAt = :lostAt")
            .bind(":closed", Status::Closed)
            .bind(":claimed", Status::Claimed)
            .bind(":lostAt", lost_at)
    }
}
