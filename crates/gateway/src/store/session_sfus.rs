//! A session claims an SFU from the pool.

use std::time::Duration;

use model::id::RoomId;
use model::item::{Key, PoolEntry, Room, Sfu};
use model::outcome::{Routed, SfuClaim};
use model::room::Standing;
use model::session::MediaMode;
use model::session::item::Session;
use model::time::EpochMillis;
use rand::seq::SliceRandom as _;

use super::write::{Transacted, Write, connection_key, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

// The position of the write in the transaction whose refusal means something of its own.
const ENTRY: usize = 4;

impl Store {
    /// Gives a session an SFU of the pool, if it is a routed one that has none: the room of the pool becomes the session's,
    /// and its SFU's place moves into the session's partition, where relays look for it.
    ///
    /// Race: two publishers come first, the SFU is lost, or claimed by a path, or that of the session before comes back.
    /// It is one transaction that names all that it relies on: whoever comes second is refused, looks again, and finds the
    /// winner's SFU or takes the next candidate.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn claim_for_session(
        &self,
        id: &RoomId,
        grace: Duration,
        now: EpochMillis,
    ) -> Result<SfuClaim, Failure> {
        let mut pool = None;
        let mut pending = 0;
        for _ in 0..ROUNDS {
            let Some(session) = self.session(id).await? else { return Ok(SfuClaim::none(Routed::NoSession)) };
            if session.media_mode == MediaMode::Relayed {
                return Ok(SfuClaim::none(Routed::Relayed));
            }
            let mut lost = None;
            if let Some(before) = &session.sfu_room {
                if let Some(sfu) = self.sfu(id).await? {
                    return Ok(SfuClaim::none(Routed::Sfu(sfu)));
                }
                match self.room(before, now).await?.map(|room: Room| room.standing(now, grace)) {
                    Some(Standing::Serving) => return Ok(SfuClaim::none(Routed::Away)),
                    Some(Standing::Lost(at)) => lost = Some(at),
                    Some(Standing::Over) | None => {}
                }
            }
            let candidates = if let Some(candidates) = &mut pool {
                candidates
            } else {
                let mut read = self.pool(now).await?;
                read.unclaimed.shuffle(&mut rand::rng());
                pending = read.pending.len();
                pool.insert(read.unclaimed)
            };
            let Some(candidate) = candidates.pop() else {
                return Ok(SfuClaim { routed: Routed::NoRoom, warm_left: Some(pending) });
            };
            let warm_left = Some(candidates.len() + pending);
            let Some(sfu) = self.sfu(&candidate.room_id).await? else { continue };
            let writes = self.session_claim_writes(id, &session, &candidate, &sfu, lost, now);
            match self.transact(writes).await? {
                Transacted::Done => return Ok(SfuClaim { routed: Routed::Claimed(sfu), warm_left }),
                Transacted::Refused(refusals) => {
                    // Its SFU has identified again and renewed the lease; or only the session is not as it was seen.
                    let renewed: Option<PoolEntry> = refusals.held(ENTRY)?;
                    let same = (!refusals.refused(ENTRY)).then_some(candidate);
                    candidates.extend(renewed.or(same));
                }
            }
        }
        Err(Self::lost_every_round("handshake"))
    }

    fn session_claim_writes(
        &self,
        id: &RoomId,
        session: &Session,
        candidate: &PoolEntry,
        sfu: &Sfu,
        lost: Option<EpochMillis>,
        now: EpochMillis,
    ) -> Vec<Write> {
        let room = &candidate.room_id;
        let the_session = Write::update(&self.rooms, room_key(Key::session(id)), "SET #sfuRoom = :room")
            .bind(":room", room);
        let the_session = match &session.sfu_room {
            None => the_session.when("attribute_exists(#pk) AND attribute_not_exists(#sfuRoom)"),
            Some(before) => the_session.when("#sfuRoom = :before").bind(":before", before),
        };
        let as_seen = |write: Write| {
            write
                .when("#connectionId = :id AND #connectedAt = :connectedAt")
                .bind(":id", &sfu.life.connection_id)
                .bind(":connectedAt", sfu.life.connected_at)
        };
        let mut writes = vec![
            the_session,
            as_seen(Write::delete(&self.rooms, room_key(Key::sfu(room)))),
            Write::put(&self.rooms, room_key(Key::sfu(id)), sfu).when("attribute_not_exists(#pk)"),
            Write::update(
                &self.connections,
                connection_key(&sfu.life.connection_id),
                "SET #serves = :session",
            )
            .when("#roomId = :room AND attribute_not_exists(#serves)")
            .bind(":session", id)
            .bind(":room", room),
        ];
        writes.extend(self.candidate_writes(candidate, "sessionId", id, now));
        if let (Some(before), Some(lost_at)) = (&session.sfu_room, lost) {
            writes.push(self.close_lost(before, lost_at));
        }
        writes
    }
}
