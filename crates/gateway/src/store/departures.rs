//! A connection's place in its room ends.

use model::connection::{Connection, Identity};
use model::departure::Departure;
use model::encoding::Encoding;
use model::held::Held;
use model::id::{PeerId, RoomId};
use model::key::Key;
use model::member::{Member, Reach};
use model::outbox::Change;
use model::outcome::{Departed, Ended, Expelled, Left};
use model::room::{CONNECTION_LEASE, PENDING_LEASE, Room, Slot, Status};
use model::session::stream::Streams;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::retry::Pauses;
use super::streams::at_version;
use super::tables::{ROUNDS, Store};
use super::transaction::{Part, Transacted, Transaction};
use super::write::{Updated, Write, Written, connection_key, member_lease, room_key};
use crate::failure::Failure;

/// What becomes of the connection's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// The socket is gone: so is the row.
    Deleted,
    /// The socket stays, and may identify again: the row says who it is no more.
    Kept,
}

/// What an attempt to free a place came to.
#[must_use]
enum Release {
    /// The place was this connection's, and is free.
    Released,
    /// The place is somebody else's by now, or free already.
    NotHeld,
    /// The connection, or something else that counted, is not what it was when it was read.
    Changed,
}

impl Store {
    /// Ends a connection, as `$disconnect` wants it.
    ///
    /// Race: `$disconnect` comes late, twice or while the connection identifies. The row is deleted together with
    /// the place, and only if both are still as they were read; an identify in between makes it read again. A
    /// late or repeated one finds no row, or a place that a newer connection has, and is [`Departed::Nothing`].
    pub async fn disconnect(
        &self,
        stamp: &Stamp,
        reason: Departure,
        now: EpochMillis,
    ) -> Result<Departed, Failure> {
        let row = self.connection(&stamp.connection_id).await?;
        self.disconnect_known(stamp, row, reason, now).await
    }

    /// As [`Store::disconnect`], of a connection whose row has been read.
    pub async fn disconnect_known(
        &self,
        stamp: &Stamp,
        mut row: Option<Connection>,
        reason: Departure,
        now: EpochMillis,
    ) -> Result<Departed, Failure> {
        for _ in 0..ROUNDS {
            let Some(known) = row else { return Ok(Departed::Nothing) };
            let Some(identity) = known.identity else {
                match self.delete_unidentified(stamp).await? {
                    Written::Done => return Ok(Departed::Nothing),
                    Written::Refused => {
                        row = self.connection(&stamp.connection_id).await?;
                        continue;
                    }
                }
            };
            let mut ended = Ended { stamp: stamp.clone(), identity, reason, at: now, streams: vec![] };
            match self.release_place(&mut ended, 0, Row::Deleted, None).await? {
                Release::Released => return Ok(Departed::Gone(ended)),
                Release::NotHeld => {
                    self.delete_connection(stamp).await?;
                    return Ok(Departed::Nothing);
                }
                Release::Changed => row = self.connection(&stamp.connection_id).await?,
            }
        }
        Err(Self::lost_every_round("$disconnect"))
    }

    /// Ends a connection that was found gone (a post answered 410), with what is known from its place.
    ///
    /// Race: `$disconnect`, or another function with the same finding, may be quicker. Whoever frees the place
    /// tells the room, nobody else does: [`Departed::Nothing`].
    pub async fn depart(
        &self,
        stamp: &Stamp,
        identity: Identity,
        now: EpochMillis,
    ) -> Result<Departed, Failure> {
        let reason = Departure::Lost;
        let mut ended = Ended { stamp: stamp.clone(), identity, reason, at: now, streams: vec![] };
        match self.release_place(&mut ended, 0, Row::Deleted, None).await? {
            Release::Released => Ok(Departed::Gone(ended)),
            Release::NotHeld | Release::Changed => Ok(Departed::Nothing),
        }
    }

    /// Keeps the place of a client whose socket is lost until then, if it is still this stay's and not kept already; `false`
    /// if not. The row of its connection stays as long as the place: a `$disconnect`, or a `leave` that was slower, may yet say
    /// that it left on purpose.
    ///
    /// Race: of several that notice the loss one keeps the place. The member may come back at the same moment: then the place
    /// is another connection's.
    pub async fn keep(
        &self,
        stamp: &Stamp,
        identity: &Identity,
        until: EpochMillis,
        now: EpochMillis,
    ) -> Result<bool, Failure> {
        let Identity::Client { peer_id, room_id, session, .. } = identity else { return Ok(false) };
        let lease = member_lease(session.is_some());
        let place = Write::update(
            &self.rooms,
            room_key(Key::member(room_id, peer_id)),
            format!("SET #awayUntil = :until, #{lease} = :lease"),
        );
        // The lease of a socket that was about to be cut would hide the place before its time.
        let place = place.bind(":until", until).bind(":lease", now.plus(CONNECTION_LEASE).seconds());
        let place = Self::of_stay(place, stamp, session.as_ref().map(|session| session.since))
            .and("attribute_exists(#resumeHash) AND attribute_not_exists(#awayUntil)");
        Ok(matches!(self.update::<Member>(place).await?, Updated::Done(_)))
    }

    /// Ends a connection's place and keeps the connection, as `leave` wants it. An SFU that leaves closes its
    /// room for good: slot, pool entry and path are free with it.
    ///
    /// Race: as for [`Store::disconnect`]; and a claim may come between the read of the SFU's room and its close,
    /// which then is refused and reads again, so that the path that the claim took is freed as well.
    pub async fn leave(&self, stamp: &Stamp, now: EpochMillis) -> Result<Left, Failure> {
        self.leave_while_spare(stamp, None, now).await
    }

    /// As [`Store::leave`], for an SFU whose room nobody has claimed, if `keep` other warm rooms are left.
    ///
    /// Race: a claim of this room comes between the read and the close, which then is refused and finds the room
    /// claimed. A claim of a room that was counted, or the leave of its SFU, comes between: the close names the rooms
    /// that it counts on, so that it is refused and counts again. Of two spare SFUs that count on each other one
    /// leaves, and the other is [`Left::RoomNeeded`].
    pub async fn leave_if_spare(
        &self,
        stamp: &Stamp,
        keep: usize,
        now: EpochMillis,
    ) -> Result<Left, Failure> {
        self.leave_while_spare(stamp, Some(keep), now).await
    }

    async fn leave_while_spare(
        &self,
        stamp: &Stamp,
        keep: Option<usize>,
        now: EpochMillis,
    ) -> Result<Left, Failure> {
        for _ in 0..ROUNDS {
            let row = self.connection(&stamp.connection_id).await?;
            let Some(identity) = row.and_then(|row| row.identity) else { return Ok(Left::NotIdentified) };
            let reason = Departure::Left;
            let mut ended = Ended { stamp: stamp.clone(), identity, reason, at: now, streams: vec![] };
            let release = match (&ended.identity, keep) {
                (Identity::Client { .. }, None) => self.release_place(&mut ended, 0, Row::Kept, None).await?,
                (Identity::Client { .. }, Some(_)) => return Ok(Left::NotAnSfu),
                (Identity::Sfu { room_id, serves, .. }, keep) => {
                    let room = self.room(room_id, now).await?;
                    let mut required = Vec::new();
                    if let Some(keep) = keep {
                        if room.as_ref().is_some_and(|room| room.status == Status::Claimed) {
                            return Ok(Left::RoomClaimed);
                        }
                        match self.required_warm_rooms(room_id, keep, now).await? {
                            Some(checks) => required = checks,
                            None => return Ok(Left::RoomNeeded),
                        }
                    }
                    self.close_room(&ended, room_id, serves.as_ref(), room, required).await?
                }
            };
            match release {
                Release::Released => return Ok(Left::Gone(ended)),
                Release::NotHeld => {
                    self.delete_connection(stamp).await?;
                    return Ok(Left::NotIdentified);
                }
                Release::Changed => {}
            }
        }
        Err(Self::lost_every_round("leave"))
    }

    /// Frees the place of a stay or of an SFU that ends, and writes down what its room is to be told, and whom the place is held
    /// for; `close` is what the socket speaks that has to be closed with it. `version` is that of its streams, as far as they
    /// are known: 0 if nothing is.
    ///
    /// Race: its streams may change at the same moment, or are others than was known. Then the place is not freed, and what
    /// they are by now ends with it. That is tried again at once, as its publisher's own changes are not: it goes before them.
    async fn release_place(
        &self,
        ended: &mut Ended,
        mut version: u64,
        row: Row,
        close: Option<&Encoding>,
    ) -> Result<Release, Failure> {
        let mut pauses = match &ended.identity {
            // All that join or leave a session write its count.
            Identity::Client { session: Some(_), .. } => Pauses::contended(),
            Identity::Client { session: None, .. } | Identity::Sfu { .. } => Pauses::new(),
        };
        loop {
            let writes = self.release_writes(ended, version, row, close);
            let transacted = self.transact(writes, &mut pauses).await?;
            let Some(streams) = other_streams(&transacted, ended, version)? else {
                return Ok(released(&transacted));
            };
            (version, ended.streams) = (streams.version, streams.ids());
            if pauses.are_over() {
                return Err(Failure::new("the end of a stay", "its streams change all the time"));
            }
        }
    }

    fn release_writes(&self, ended: &Ended, version: u64, row: Row, close: Option<&Encoding>) -> Transaction {
        let Ended { stamp, identity, at, .. } = ended;
        let change = Change::Ended { ended: ended.clone(), close: close.cloned() };
        let (part, owed) = self.owe(identity.room(), change, *at);
        let mut writes = match identity {
            Identity::Client { peer_id, room_id, session, .. } => {
                let stay = session.as_ref().map(|session| (session.since, version));
                let mut writes = self.member_writes(stamp, room_id, peer_id, stay, row);
                if let Some(held) = Held::after(ended) {
                    let key = room_key(Key::held(room_id, peer_id));
                    writes.add(Part::Held, Write::put(&self.rooms, key, &held));
                }
                if session.is_some() {
                    writes.add(Part::Session, self.count_down(room_id));
                }
                writes
            }
            Identity::Sfu { room_id, serves, slot, .. } => {
                self.lost_sfu_writes(stamp, room_id, serves.as_ref(), *slot, *at)
            }
        };
        writes.add(part, owed);
        writes
    }

    /// Race: one socket may have had several stays in a session, by `leave` and `identify`. Only the one that is known here is
    /// ended, since its end is what the others are told of.
    fn member_writes(
        &self,
        stamp: &Stamp,
        room: &RoomId,
        peer: &PeerId,
        stay: Option<(EpochMillis, u64)>,
        row: Row,
    ) -> Transaction {
        let since = stay.map(|(since, _)| since);
        let place = Write::delete(&self.rooms, room_key(Key::member(room, peer)));
        let mut place = Self::of_stay(place, stamp, since);
        if let Some((_, version)) = stay {
            place = at_version(place, version);
        }
        Transaction::of([
            (Part::Connection, self.row_write(stamp, room, peer, since, row)),
            (Part::Place, place),
        ])
    }

    /// What becomes of the row of a client's connection, if it is still this client's.
    fn row_write(
        &self,
        stamp: &Stamp,
        room: &RoomId,
        peer: &PeerId,
        since: Option<EpochMillis>,
        row: Row,
    ) -> Write {
        let mut member = "#kind = :client AND #peerId = :peer AND #roomId = :room".to_owned();
        if since.is_some() {
            member.push_str(" AND #session.#since = :since");
        }
        let key = connection_key(&stamp.connection_id);
        let write = match row {
            Row::Deleted => Write::delete(&self.connections, key)
                .when(format!("attribute_not_exists(#connectionId) OR ({member})")),
            Row::Kept => {
                let forget = "REMOVE #kind, #peerId, #roomId, #session, #seq, #resumption";
                Write::update(&self.connections, key, forget).when(member)
            }
        };
        let write = write.bind(":client", "client").bind(":peer", peer).bind(":room", room);
        match since {
            Some(since) => write.bind(":since", since),
            None => write,
        }
    }

    /// Only while the place is this connection's, and in a session this stay's.
    pub(super) fn of_stay(place: Write, stamp: &Stamp, since: Option<EpochMillis>) -> Write {
        let place = Self::of_connection(place, stamp);
        match since {
            Some(since) => place.and("#joinedAt = :since").bind(":since", since),
            None => place,
        }
    }

    /// A session has one member less.
    fn count_down(&self, session: &RoomId) -> Write {
        Write::update(&self.rooms, room_key(Key::session(session)), "SET #connections = #connections - :one")
            .when("attribute_exists(#pk)")
            .bind(":one", 1)
            .optional()
    }

    /// Frees the place of whoever is this peer in a session, and deletes the row of its connection. Of who is lost the place is
    /// held no more.
    ///
    /// Race: the peer may leave at the same moment, be lost, or come back on another socket. The place is freed as it was read;
    /// if that is refused it is read again, so that the newer socket is the one that loses it.
    pub async fn expel(
        &self,
        session: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<Expelled, Failure> {
        for _ in 0..ROUNDS {
            let Some(member) = self.member(session, peer, now).await? else {
                let refusals =
                    match self.transact(self.forget_writes(session, peer, now), &mut Pauses::new()).await? {
                        Transacted::Done => return Ok(Expelled::Forgotten),
                        Transacted::Refused(refusals) => refusals,
                    };
                // It has come in the meantime.
                if refusals.refused(Part::Place) {
                    continue;
                }
                return Ok(Expelled::NotThere);
            };
            let identity = member.identity(peer, session);
            let reason = Departure::Forced;
            let streams = member.streams.ids();
            let mut ended = Ended { stamp: member.stamp.clone(), identity, reason, at: now, streams };
            let reach = member.reach();
            let close = match &reach {
                Reach::Socket(socket) => Some(&socket.encoding),
                Reach::None => None,
            };
            let version = member.streams.version;
            match self.release_place(&mut ended, version, Row::Deleted, close).await? {
                Release::Released => return Ok(Expelled::Gone(Box::new(ended), reach)),
                Release::NotHeld | Release::Changed => {}
            }
        }
        Err(Self::lost_every_round("forceDisconnect"))
    }

    /// Holds the place of a peer that is not there no more, if it was held.
    fn forget_writes(&self, session: &RoomId, peer: &PeerId, now: EpochMillis) -> Transaction {
        Transaction::of([
            (
                Part::Place,
                Write::check(&self.rooms, room_key(Key::member(session, peer)))
                    .when("attribute_not_exists(#pk) OR #leaseEndsAt <= :now")
                    .bind(":now", now.seconds()),
            ),
            (
                Part::Held,
                Write::delete(&self.rooms, room_key(Key::held(session, peer)))
                    .when("#heldUntil > :now")
                    .bind(":now", now),
            ),
        ])
    }

    /// The SFU's socket is gone. The room keeps its status and its path, and can be claimed over after the grace;
    /// its slot is kept for as long as an SFU may live without a gateway, and no longer.
    fn lost_sfu_writes(
        &self,
        stamp: &Stamp,
        room: &RoomId,
        serves: Option<&RoomId>,
        slot: Slot,
        now: EpochMillis,
    ) -> Transaction {
        let row = Write::delete(&self.connections, connection_key(&stamp.connection_id));
        let session = serves.unwrap_or(room);
        let lost = Write::update(&self.rooms, room_key(Key::room(room)), "SET #sfuLostAt = :now")
            .when("attribute_exists(#pk) AND #status <> :closed")
            .bind(":now", now)
            .bind(":closed", Status::Closed)
            .optional();
        let slot = Write::update(&self.rooms, room_key(Key::slot(slot)), "SET #expiresAt = :lease")
            .when("#roomId = :room")
            .bind(":lease", now.plus(PENDING_LEASE).seconds())
            .bind(":room", room)
            .optional();
        let gone = "attribute_not_exists(#connectionId) OR ";
        Transaction::of([
            (Part::Connection, Self::still_the_sfu(row, gone, room, serves)),
            (Part::Place, self.free_place(Key::sfu(session), stamp)),
            (Part::Room, lost),
            (Part::PoolEntry, Write::delete(&self.rooms, room_key(Key::pool(room)))),
            (Part::Slot, slot),
        ])
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
        ended: &Ended,
        id: &RoomId,
        serves: Option<&RoomId>,
        room: Option<Room>,
        required: Vec<Write>,
    ) -> Result<Release, Failure> {
        let Ended { stamp, at, .. } = ended;
        let row = Write::update(
            &self.connections,
            connection_key(&stamp.connection_id),
            "REMOVE #kind, #peerId, #roomId, #slot, #features, #serves",
        );
        let mut writes = Transaction::of([
            (Part::Connection, Self::still_the_sfu(row, "", id, serves)),
            (Part::Place, self.free_place(Key::sfu(serves.unwrap_or(id)), stamp)),
            (Part::PoolEntry, Write::delete(&self.rooms, room_key(Key::pool(id)))),
        ]);
        if let Some(room) = room {
            let close = "SET #status = :closed REMOVE #sfuLostAt";
            let close = Write::update(&self.rooms, room_key(Key::room(id)), close)
                .when("#status = :seen")
                .bind(":closed", Status::Closed)
                .bind(":seen", room.status);
            writes.add(Part::Room, close);
            writes.add(Part::Slot, self.free_lease(Key::slot(room.slot), id));
            if let Some(path) = &room.url_path {
                writes.add(Part::Path, self.free_lease(Key::path(path), id));
            }
        }
        for check in required {
            writes.add(Part::RequiredWarm, check);
        }
        let (part, owed) = self.owe(ended.identity.room(), Change::ended(ended), *at);
        writes.add(part, owed);
        Ok(released(&self.transact(writes, &mut Pauses::new()).await?))
    }

    /// Deletes the SFU's place in a room, if it is still this connection's.
    fn free_place(&self, place: Key, stamp: &Stamp) -> Write {
        Self::of_connection(Write::delete(&self.rooms, room_key(place)), stamp)
    }

    /// Only while the place is this connection's.
    fn of_connection(place: Write, stamp: &Stamp) -> Write {
        place
            .when("#connectionId = :id AND #connectedAt = :connectedAt")
            .bind(":id", &stamp.connection_id)
            .bind(":connectedAt", stamp.connected_at)
    }

    /// Deletes a slot or a path, unless another room has it by now.
    fn free_lease(&self, lease: Key, room: &RoomId) -> Write {
        Write::delete(&self.rooms, room_key(lease)).when("#roomId = :room").bind(":room", room).optional()
    }
}

/// The streams of a stay whose end was refused for nothing but that they are others than of `version`.
fn other_streams(transacted: &Transacted, ended: &Ended, version: u64) -> Result<Option<Streams>, Failure> {
    let Transacted::Refused(refusals) = transacted else { return Ok(None) };
    let Identity::Client { session: Some(session), .. } = &ended.identity else { return Ok(None) };
    if refusals.refused(Part::Connection) {
        return Ok(None);
    }
    let member: Option<Member> = refusals.held(Part::Place)?;
    let own = |member: &Member| member.stamp == ended.stamp && member.joined_at == session.since;
    Ok(member.filter(own).map(|member| member.streams).filter(|streams| streams.version != version))
}

fn released(transacted: &Transacted) -> Release {
    match transacted {
        Transacted::Done => Release::Released,
        Transacted::Refused(refusals) if refusals.refused(Part::Connection) => Release::Changed,
        Transacted::Refused(refusals) if refusals.refused(Part::Place) => Release::NotHeld,
        // The room's status, or a room that has to stay warm: somebody came between.
        Transacted::Refused(_) => Release::Changed,
    }
}
