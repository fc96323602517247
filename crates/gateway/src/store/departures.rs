//! A connection's place in its room ends.

use model::id::{PeerId, RoomId};
use model::item::{Identity, Key, Room, Slot};
use model::life::Life;
use model::outcome::{Departed, Expelled, Left};
use model::room::{PENDING_LEASE, Status};
use model::time::EpochMillis;

use super::retry::Pauses;
use super::write::{Transacted, Write, Written, connection_key, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

/// What becomes of the connection's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The socket is gone: so is the row.
    Closed,
    /// The socket stays, and may identify again: the row is nobody's.
    Stays,
}

/// What an attempt to end a place came to.
#[must_use]
enum Ended {
    /// The place was this connection's, and is free.
    Freed,
    /// The place is somebody else's by now, or nobody's.
    NotMine,
    /// The connection is not what it was when it was read.
    Changed,
}

// The positions of the writes in the transactions.
const CONNECTION: usize = 0;
const PLACE: usize = 1;

impl Store {
    /// Ends a connection, as `$disconnect` wants it.
    ///
    /// Race: `$disconnect` comes late, twice or while the connection identifies. The row is deleted together with
    /// the place, and only if both are still as they were read; an identify in between makes it read again. A
    /// late or repeated one finds no row, or a place that a newer connection has, and is [`Departed::Nothing`].
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn disconnect(&self, life: &Life, now: EpochMillis) -> Result<Departed, Failure> {
        for _ in 0..ROUNDS {
            let Some(row) = self.connection(&life.connection_id).await? else { return Ok(Departed::Nothing) };
            let Some(identity) = row.identity else {
                match self.forget(life).await? {
                    Written::Done => return Ok(Departed::Nothing),
                    Written::Refused => continue,
                }
            };
            match self.end(life, &identity, Ending::Closed, now).await? {
                Ended::Freed => return Ok(Departed::Gone(identity)),
                Ended::NotMine => {
                    self.forget_whoever(life).await?;
                    return Ok(Departed::Nothing);
                }
                Ended::Changed => {}
            }
        }
        Err(Self::lost_every_round("$disconnect"))
    }

    /// Ends a connection that was found gone (a post answered 410), with what is known from its place.
    ///
    /// Race: `$disconnect`, or another function with the same finding, may be quicker. Whoever frees the place
    /// tells the room, nobody else does: [`Departed::Nothing`].
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn depart(
        &self,
        life: &Life,
        identity: Identity,
        now: EpochMillis,
    ) -> Result<Departed, Failure> {
        match self.end(life, &identity, Ending::Closed, now).await? {
            Ended::Freed => Ok(Departed::Gone(identity)),
            Ended::NotMine | Ended::Changed => Ok(Departed::Nothing),
        }
    }

    /// Ends a connection's place and keeps the connection, as `leave` wants it. An SFU that leaves closes its
    /// room for good: slot, pool entry and path are free with it.
    ///
    /// Race: as for [`Store::disconnect`]; and a claim may come between the read of the SFU's room and its close,
    /// which then is refused and reads again, so that the path that the claim took is freed as well.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn leave(&self, life: &Life, now: EpochMillis) -> Result<Left, Failure> {
        self.go(life, None, now).await
    }

    /// As [`Store::leave`], for an SFU whose room nobody has claimed, if `keep` other warm rooms are left.
    ///
    /// Race: a claim of this room comes between the read and the close, which then is refused and finds the room
    /// claimed. A claim of a room that was counted, or the leave of its SFU, comes between: the close names the rooms
    /// that it counts on, so that it is refused and counts again. Of two spare SFUs that count on each other one
    /// leaves, and the other is [`Left::RoomNeeded`].
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn leave_if_spare(&self, life: &Life, keep: usize, now: EpochMillis) -> Result<Left, Failure> {
        self.go(life, Some(keep), now).await
    }

    async fn go(&self, life: &Life, keep: Option<usize>, now: EpochMillis) -> Result<Left, Failure> {
        for _ in 0..ROUNDS {
            let row = self.connection(&life.connection_id).await?;
            let Some(identity) = row.and_then(|row| row.identity) else { return Ok(Left::NotIdentified) };
            let ended = match (&identity, keep) {
                (Identity::Client { .. }, None) => self.end(life, &identity, Ending::Stays, now).await?,
                (Identity::Client { .. }, Some(_)) => return Ok(Left::NotAnSfu),
                (Identity::Sfu { room_id, serves, .. }, keep) => {
                    let room = self.room(room_id, now).await?;
                    let mut kept = Vec::new();
                    if let Some(keep) = keep {
                        if room.as_ref().is_some_and(|room| room.status == Status::Claimed) {
                            return Ok(Left::RoomClaimed);
                        }
                        match self.kept(room_id, keep, now).await? {
                            Some(checks) => kept = checks,
                            None => return Ok(Left::RoomNeeded),
                        }
                    }
                    self.close_room(life, room_id, serves.as_ref(), room, kept).await?
                }
            };
            match ended {
                Ended::Freed => return Ok(Left::Gone(identity)),
                Ended::NotMine => {
                    self.forget_whoever(life).await?;
                    return Ok(Left::NotIdentified);
                }
                Ended::Changed => {}
            }
        }
        Err(Self::lost_every_round("leave"))
    }

    async fn end(
        &self,
        life: &Life,
        identity: &Identity,
        ending: Ending,
        now: EpochMillis,
    ) -> Result<Ended, Failure> {
        let writes = match identity {
            Identity::Client { peer_id, room_id, session } => {
                let stay = session.as_ref().map(|session| session.since);
                let mut writes = self.end_member(life, room_id, peer_id, stay, ending);
                if session.is_some() {
                    writes.push(self.count_down(room_id));
                    return Ok(ended(self.transact_with(writes, Pauses::in_a_crowd()).await?));
                }
                writes
            }
            Identity::Sfu { room_id, serves, slot, .. } => {
                self.lose_sfu(life, room_id, serves.as_ref(), *slot, now)
            }
        };
        Ok(ended(self.transact(writes).await?))
    }

    /// Race: one socket may have had several stays in a session, by `leave` and `identify`. Only the one that is known here is
    /// ended, since its end is what the others are told of.
    fn end_member(
        &self,
        life: &Life,
        room: &RoomId,
        peer: &PeerId,
        stay: Option<EpochMillis>,
        ending: Ending,
    ) -> Vec<Write> {
        let mut member = "#kind = :client AND #peerId = :peer AND #roomId = :room".to_owned();
        if stay.is_some() {
            member.push_str(" AND #session.#since = :since");
        }
        let connection = match ending {
            Ending::Closed => Write::delete(&self.connections, connection_key(&life.connection_id))
                .when(format!("attribute_not_exists(#connectionId) OR ({member})")),
            Ending::Stays => Write::update(
                &self.connections,
                connection_key(&life.connection_id),
                "REMOVE #kind, #peerId, #roomId, #session, #seq",
            )
            .when(member),
        };
        let connection = connection.bind(":client", "client").bind(":peer", peer).bind(":room", room);
        let place = self.free_place(Key::member(room, peer), life);
        match stay {
            None => vec![connection, place],
            Some(since) => {
                vec![connection.bind(":since", since), place.and("#joinedAt = :since").bind(":since", since)]
            }
        }
    }

    /// A session has one member less.
    fn count_down(&self, session: &RoomId) -> Write {
        Write::update(&self.rooms, room_key(Key::session(session)), "SET #connections = #connections - :one")
            .when("attribute_exists(#pk)")
            .bind(":one", 1)
            .optional()
    }

    /// Frees the place of whoever is this peer in a session, and deletes the row of its connection.
    ///
    /// Race: the peer may leave at the same moment, or come back on another socket. The place is freed as it was read; if
    /// that is refused it is read again, so that the newer socket is the one that loses it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn expel(
        &self,
        session: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<Expelled, Failure> {
        for _ in 0..ROUNDS {
            let Some(member) = self.member(session, peer, now).await? else { return Ok(Expelled::NotThere) };
            let identity = member.identity(peer, session);
            match self.end(&member.life, &identity, Ending::Closed, now).await? {
                Ended::Freed => return Ok(Expelled::Gone(member.life, identity)),
                Ended::NotMine | Ended::Changed => {}
            }
        }
        Err(Self::lost_every_round("forceDisconnect"))
    }

    /// The SFU's socket is gone. The room keeps its status and its path, and can be claimed over after the grace;
    /// its slot is kept for as long as an SFU may live without a gateway, and no longer.
    fn lose_sfu(
        &self,
        life: &Life,
        room: &RoomId,
        serves: Option<&RoomId>,
        slot: Slot,
        now: EpochMillis,
    ) -> Vec<Write> {
        let row = Write::delete(&self.connections, connection_key(&life.connection_id));
        vec![
            Self::still_the_sfu(row, "attribute_not_exists(#connectionId) OR ", room, serves),
            self.free_place(Key::sfu(serves.unwrap_or(room)), life),
            Write::update(&self.rooms, room_key(Key::room(room)), "SET #sfuLostAt = :now")
                .when("attribute_exists(#pk) AND #status <> :closed")
                .bind(":now", now)
                .bind(":closed", Status::Closed)
                .optional(),
            Write::delete(&self.rooms, room_key(Key::pool(room))),
            Write::update(&self.rooms, room_key(Key::slot(slot)), "SET #expiresAt = :lease")
                .when("#roomId = :room")
                .bind(":lease", now.plus(PENDING_LEASE).seconds())
                .bind(":room", room)
                .optional(),
        ]
    }

    /// Only if the row is still an SFU's of this room, which serves what it served: a session may have claimed it
    /// since, and taken its place along.
    fn still_the_sfu(row: Write, or: &str, room: &RoomId, serves: Option<&RoomId>) -> Write {
        let serving = if serves.is_some() { "#serves = :serves" } else { "attribute_not_exists(#serves)" };
        let row = row
            .when(format!("{or}(#kind = :sfu AND #roomId = :room AND {serving})"))
            .bind(":sfu", "sfu")
            .bind(":room", room);
        match serves {
            Some(session) => row.bind(":serves", session),
            None => row,
        }
    }

    async fn close_room(
        &self,
        life: &Life,
        id: &RoomId,
        serves: Option<&RoomId>,
        room: Option<Room>,
        kept: Vec<Write>,
    ) -> Result<Ended, Failure> {
        let row = Write::update(
            &self.connections,
            connection_key(&life.connection_id),
            "REMOVE #kind, #peerId, #roomId, #slot, #features, #serves",
        );
        let mut writes = vec![
            Self::still_the_sfu(row, "", id, serves),
            self.free_place(Key::sfu(serves.unwrap_or(id)), life),
            Write::delete(&self.rooms, room_key(Key::pool(id))),
        ];
        if let Some(room) = room {
            writes.push(
                Write::update(
                    &self.rooms,
                    room_key(Key::room(id)),
                    "SET #status = :closed REMOVE #sfuLostAt",
                )
                .when("#status = :seen")
                .bind(":closed", Status::Closed)
                .bind(":seen", room.status),
            );
            writes.push(self.free_lease(Key::slot(room.slot), id));
            if let Some(path) = &room.url_path {
                writes.push(self.free_lease(Key::path(path), id));
            }
        }
        writes.extend(kept);
        Ok(ended(self.transact(writes).await?))
    }

    /// Deletes a place in a room, if it is still this connection's.
    fn free_place(&self, place: Key, life: &Life) -> Write {
        Write::delete(&self.rooms, room_key(place))
            .when("#connectionId = :id AND #connectedAt = :connectedAt")
            .bind(":id", &life.connection_id)
            .bind(":connectedAt", life.connected_at)
    }

    /// Deletes a slot or a path, unless another room has it by now.
    fn free_lease(&self, lease: Key, room: &RoomId) -> Write {
        Write::delete(&self.rooms, room_key(lease)).when("#roomId = :room").bind(":room", room).optional()
    }
}

fn ended(transacted: Transacted) -> Ended {
    match transacted {
        Transacted::Done => Ended::Freed,
        Transacted::Refused(refusals) if refusals.refused(CONNECTION) => Ended::Changed,
        Transacted::Refused(refusals) if refusals.refused(PLACE) => Ended::NotMine,
        // The room's status, or a room that is counted on: somebody came between.
        Transacted::Refused(_) => Ended::Changed,
    }
}
