//! A client becomes a member of a room.

use model::id::{PeerId, RoomId};
use model::item::{Connection, Key, Member, Room};
use model::life::Life;
use model::outcome::{Admission, Joined};
use model::path::UrlPath;
use model::room::{CONNECTION_LEASE, Status};
use model::secret::SecretHash;
use model::time::EpochMillis;

use super::write::{Transacted, Write, connection_key, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

/// A client's identify, checked and ready to be written.
#[derive(Debug)]
pub struct Join {
    /// The connection.
    pub life: Life,
    /// Who it wants to be.
    pub peer: PeerId,
    /// Where.
    pub room: RoomId,
    /// The hash of its resume token.
    pub resume_hash: Option<SecretHash>,
    /// The one path that its token admits to; any, if absent.
    pub path: Option<UrlPath>,
}

// The positions of the writes in the transaction.
const CONNECTION: usize = 0;
const ROOM: usize = 1;
const MEMBER: usize = 2;

impl Store {
    /// Makes a peer a member of a room, in one transaction: the connection is there and nobody else, the room is
    /// claimed, and the place is free, its own, or to be taken by the rule of [`Member::admits`].
    ///
    /// Race: of two connections that want one place the transaction that comes second is refused, sees who has
    /// it, and decides again by the same rule; whoever takes a place deletes the older connection's row with it,
    /// so that the older one can neither relay nor be mourned. The room may close at the same moment: then the
    /// check fails, or the close sees the new member when it looks for whom to tell.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn join(&self, join: &Join, now: EpochMillis) -> Result<Joined, Failure> {
        let mut seen: Option<Member> = None;
        for _ in 0..ROUNDS {
            let refusals = match self.transact(self.join_writes(join, seen.as_ref(), now)).await? {
                Transacted::Done => return Ok(Joined::Member { replaced: seen.map(|member| member.life) }),
                Transacted::Refused(refusals) => refusals,
            };
            if refusals.refused(CONNECTION) {
                let row: Option<Connection> = refusals.held(CONNECTION)?;
                let there = row.is_some_and(|row| row.life == join.life);
                return Ok(if there { Joined::AlreadyIdentified } else { Joined::ConnectionGone });
            }
            if refusals.refused(ROOM) {
                return Ok(refused_room(refusals.held(ROOM)?, now));
            }
            seen = match refusals.held::<Member>(MEMBER)? {
                None => None,
                Some(member) => match member.admits(&join.life, join.resume_hash.as_ref(), now) {
                    Admission::Own => None,
                    Admission::Replace => Some(member),
                    Admission::PeerInUse => {
                        return Ok(Joined::PeerInUse(member.holder(&join.peer, &join.room)));
                    }
                    Admission::Superseded => {
                        return Ok(Joined::Superseded(member.holder(&join.peer, &join.room)));
                    }
                },
            };
        }
        Err(Self::lost_every_round("identify"))
    }

    fn join_writes(&self, join: &Join, seen: Option<&Member>, now: EpochMillis) -> Vec<Write> {
        let connection = self.identity_write(&join.life, &join.peer, &join.room, "");

        // A room that serves a session is entered through that.
        let claimed = "#status = :claimed AND #expiresAt > :now AND attribute_not_exists(#sessionId)";
        let mut room = Write::check(&self.rooms, room_key(Key::room(&join.room)))
            .bind(":claimed", Status::Claimed)
            .bind(":now", now.seconds());
        room = match &join.path {
            Some(path) => room.when(format!("{claimed} AND #urlPath = :path")).bind(":path", path),
            None => room.when(claimed),
        };

        let mut writes = vec![connection, room, self.member_write(join, seen, now)];
        if let Some(older) = seen {
            writes.push(Write::delete(&self.connections, connection_key(&older.life.connection_id)));
        }
        writes
    }

    /// The connection becomes this peer: it is there, and nobody else. `more` is set beside.
    pub(super) fn identity_write(&self, life: &Life, peer: &PeerId, room: &RoomId, more: &str) -> Write {
        let set = format!("SET #kind = :client, #peerId = :peer, #roomId = :room{more}");
        Write::update(&self.connections, connection_key(&life.connection_id), set)
            .when(
                "#connectedAt = :connectedAt AND (attribute_not_exists(#kind) \
                 OR (#kind = :client AND #peerId = :peer AND #roomId = :room))",
            )
            .bind(":client", "client")
            .bind(":peer", peer)
            .bind(":room", room)
            .bind(":connectedAt", life.connected_at)
    }

    /// The member's place: free or its own, or exactly as it was seen.
    fn member_write(&self, join: &Join, seen: Option<&Member>, now: EpochMillis) -> Write {
        let set = "SET #connectionId = :id, #connectedAt = :connectedAt, #expiresAt = :expiresAt";
        let (rest, condition) = match (seen, &join.resume_hash) {
            (None, Some(_)) => (
                ", #joinedAt = if_not_exists(#joinedAt, :now), #resumeHash = if_not_exists(#resumeHash, :resume)",
                "attribute_not_exists(#pk) OR #connectionId = :id",
            ),
            (None, None) => (
                ", #joinedAt = if_not_exists(#joinedAt, :now)",
                "attribute_not_exists(#pk) OR #connectionId = :id",
            ),
            (Some(_), Some(_)) => (
                ", #joinedAt = :now, #resumeHash = :resume",
                "#connectionId = :seenId AND #connectedAt = :seenAt",
            ),
            (Some(_), None) => (
                ", #joinedAt = :now REMOVE #resumeHash",
                "#connectionId = :seenId AND #connectedAt = :seenAt",
            ),
        };
        let key = room_key(Key::member(&join.room, &join.peer));
        let mut write = Write::update(&self.rooms, key, format!("{set}{rest}"))
            .when(condition)
            .bind(":id", &join.life.connection_id)
            .bind(":connectedAt", join.life.connected_at)
            .bind(":expiresAt", join.life.connected_at.plus(CONNECTION_LEASE).seconds())
            .bind(":now", now);
        if let Some(resume) = &join.resume_hash {
            write = write.bind(":resume", resume);
        }
        if let Some(seen) = seen {
            write = write.bind(":seenId", &seen.life.connection_id).bind(":seenAt", seen.life.connected_at);
        }
        write
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
