//! An SFU takes its place in its room.

use model::connection::{Connection, Identity};
use model::id::RoomId;
use model::key::Key;
use model::member::Holder;
use model::outbox::Change;
use model::outcome::Served;
use model::room::{LEASE, Room, Status};
use model::sfu::Sfu;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::retry::Pauses;
use super::tables::{ROUNDS, Store};
use super::transaction::{Part, Transacted, Transaction};
use super::write::{Write, connection_key, read_item, room_key};
use crate::failure::Failure;

/// An SFU's identify, checked and ready to be written.
#[derive(Debug)]
pub struct Serve {
    /// The connection.
    pub stamp: Stamp,
    /// The room that it says it serves.
    pub room: RoomId,
    /// What it announces.
    pub features: Vec<String>,
}

impl Store {
    /// Gives a room its SFU, and renews every lease of the room: one read, then one transaction conditioned on
    /// all that was read.
    ///
    /// Race: a claim, a claim over this room after its grace, another connection of this SFU, or `$disconnect`
    /// may come between the read and the transaction. Then it is refused, and looks again; a room that was closed
    /// or lost its slot meanwhile is `RoomClosed`, a newer connection of the same SFU makes this one `Superseded`.
    pub async fn serve(&self, serve: &Serve, now: EpochMillis) -> Result<Served, Failure> {
        for _ in 0..ROUNDS {
            let mut found = self
                .batch(Some(&serve.stamp.connection_id), vec![Key::room(&serve.room), Key::sfu(&serve.room)])
                .await?;
            let row: Option<Connection> = found.take(&self.connections).map(read_item).transpose()?;
            let Some(row) = row.filter(|row| row.stamp == serve.stamp) else {
                return Ok(Served::ConnectionGone);
            };
            match &row.identity {
                Some(Identity::Sfu { room_id, .. }) if *room_id == serve.room => {}
                Some(Identity::Sfu { .. } | Identity::Client { .. }) => return Ok(Served::AlreadyIdentified),
                None => {}
            }
            let room: Option<Room> = found.take_sk(&self.rooms, "ROOM").map(read_item).transpose()?;
            let Some(room) = room.filter(|room| {
                !room.expires_at.expired(now) && row.sfu_token_hash.as_ref() == Some(&room.sfu_token_hash)
            }) else {
                return Ok(Served::Unauthorized);
            };
            if room.status == Status::Closed {
                return Ok(Served::RoomClosed);
            }
            let older = match &room.session_id {
                // Its place is in the session's partition: one read more.
                Some(session) => self.sfu(session).await?,
                None => found.take_sk(&self.rooms, "SFU").map(read_item).transpose()?,
            };
            // Another SFU serves the session by now: this one was given up.
            if older.as_ref().is_some_and(|older: &Sfu| older.peer_id != serve.room.sfu_peer()) {
                return Ok(Served::RoomClosed);
            }
            if let Some(newer) = older.as_ref().filter(|older| older.stamp > serve.stamp) {
                let place = room.session_id.as_ref().unwrap_or(&serve.room);
                let (stamp, identity) = (newer.stamp.clone(), newer.clone().identity(place));
                let holder = Holder { stamp, away_until: None, identity };
                return Ok(Served::Superseded(holder));
            }
            match self
                .transact(self.serve_writes(serve, &room, older.as_ref(), now), &mut Pauses::new())
                .await?
            {
                Transacted::Done => {
                    let replaced = older.map(|sfu| sfu.stamp).filter(|stamp| *stamp != serve.stamp);
                    let returned = room.sfu_lost_at.map(|_| room.session_id.unwrap_or(serve.room.clone()));
                    return Ok(Served::Serving { replaced, returned });
                }
                Transacted::Refused(refusals) if refusals.refused(Part::Slot) => {
                    return Ok(Served::RoomClosed);
                }
                Transacted::Refused(_) => {}
            }
        }
        Err(Self::lost_every_round("identify"))
    }

    fn serve_writes(&self, serve: &Serve, room: &Room, older: Option<&Sfu>, now: EpochMillis) -> Transaction {
        let lease = now.plus(LEASE).seconds();
        let mut set =
            "SET #kind = :sfu, #peerId = :room, #roomId = :room, #slot = :slot, #features = :features"
                .to_owned();
        if room.session_id.is_some() {
            set.push_str(", #serves = :serves");
        }
        let connection = Write::update(&self.connections, connection_key(&serve.stamp.connection_id), set)
            .when(
                "#connectedAt = :connectedAt AND #sfuTokenHash = :token \
             AND (attribute_not_exists(#kind) OR (#kind = :sfu AND #roomId = :room))",
            )
            .bind(":sfu", "sfu")
            .bind(":room", &serve.room)
            .bind(":slot", room.slot)
            .bind(":features", &serve.features)
            .bind(":token", &room.sfu_token_hash)
            .bind(":connectedAt", serve.stamp.connected_at);
        let connection = match &room.session_id {
            Some(session) => connection.bind(":serves", session),
            None => connection,
        };

        let status = if room.status == Status::Pending { Status::Unclaimed } else { room.status };
        let the_room = Write::update(
            &self.rooms,
            room_key(Key::room(&serve.room)),
            "SET #status = :status, #expiresAt = :lease REMOVE #sfuLostAt",
        )
        .when("#status = :seen AND #sfuTokenHash = :token AND #expiresAt > :now")
        .bind(":status", status)
        .bind(":seen", room.status)
        .bind(":token", &room.sfu_token_hash)
        .bind(":lease", lease)
        .bind(":now", now.seconds());

        let slot = Write::update(&self.rooms, room_key(Key::slot(room.slot)), "SET #expiresAt = :lease")
            .when("#roomId = :room")
            .bind(":lease", lease)
            .bind(":room", &serve.room);

        let mut writes = Transaction::of([
            (Part::Connection, connection),
            (Part::Room, the_room),
            (Part::Place, self.sfu_write(serve, room, older)),
            (Part::Slot, slot),
        ]);
        if room.status == Status::Pending {
            writes.add(Part::Pending, Write::delete(&self.rooms, room_key(Key::pending(&serve.room))));
        }
        if status == Status::Unclaimed {
            let set = "SET #roomId = :room, #slot = :slot, #since = if_not_exists(#since, :now), #expiresAt = :lease";
            writes.add(
                Part::PoolEntry,
                Write::update(&self.rooms, room_key(Key::pool(&serve.room)), set)
                    .bind(":room", &serve.room)
                    .bind(":slot", room.slot)
                    .bind(":now", now)
                    .bind(":lease", lease),
            );
        }
        if let Some(path) = &room.url_path {
            writes.add(
                Part::Path,
                Write::update(&self.rooms, room_key(Key::path(path)), "SET #expiresAt = :lease")
                    .when("#roomId = :room")
                    .bind(":lease", lease)
                    .bind(":room", &serve.room)
                    .optional(),
            );
        }
        if room.sfu_lost_at.is_some() {
            let change = Change::SfuConnected { sfu: serve.stamp.clone() };
            let (part, owed) = self.owe(room.session_id.as_ref().unwrap_or(&serve.room), change, now);
            writes.add(part, owed);
        }
        if let Some(older) = older.filter(|older| older.stamp != serve.stamp) {
            let row = connection_key(&older.stamp.connection_id);
            writes.add(Part::OlderConnection, Write::delete(&self.connections, row));
        }
        writes
    }

    /// The SFU's place: as it was seen.
    fn sfu_write(&self, serve: &Serve, room: &Room, older: Option<&Sfu>) -> Write {
        let set = "SET #peerId = :room, #connectionId = :id, #connectedAt = :connectedAt, \
                   #slot = :slot, #features = :features";
        let place = Key::sfu(room.session_id.as_ref().unwrap_or(&serve.room));
        let write = Write::update(&self.rooms, room_key(place), set)
            .bind(":room", &serve.room)
            .bind(":id", &serve.stamp.connection_id)
            .bind(":connectedAt", serve.stamp.connected_at)
            .bind(":slot", room.slot)
            .bind(":features", &serve.features);
        match older {
            None => write.when("attribute_not_exists(#pk)"),
            Some(older) => write
                .when("#connectionId = :seenId AND #connectedAt = :seenAt")
                .bind(":seenId", &older.stamp.connection_id)
                .bind(":seenAt", older.stamp.connected_at),
        }
    }
}
