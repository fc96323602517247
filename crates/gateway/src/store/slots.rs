//! Slots: what makes the cap on rooms a hard one.

use std::collections::HashMap;

use model::id::RoomId;
use model::item::{HeldSlot, Key, Room, SLOTS, Slot};
use model::outcome::Reserved;
use model::room::Status;
use model::time::EpochMillis;
use rand::seq::IndexedRandom as _;

use super::write::{Transacted, Write, read_item, room_key};
use super::{ROUNDS, Store};
use crate::failure::Failure;

/// The stack's caps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `MaxRooms`: a hard one.
    pub rooms: u32,
    /// `MaxIdleRooms`, of pending and unclaimed rooms: a soft one, because two callers may count at once.
    pub idle_rooms: usize,
}

impl Store {
    /// Makes a pending room with a slot. `make` is handed the slot.
    ///
    /// Race: two callers want the same slot. The second one's transaction is refused, and it looks for another;
    /// there are never more rooms than slots.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn reserve(
        &self,
        id: &RoomId,
        make: impl Fn(Slot) -> Room,
        limits: Limits,
        now: EpochMillis,
    ) -> Result<Reserved, Failure> {
        for _ in 0..ROUNDS {
            let held = self.held_slots(now).await?;
            let free: Vec<Slot> =
                (0..limits.rooms).map(Slot).filter(|slot| !held.contains_key(slot)).collect();
            let Some(slot) = free.choose(&mut rand::rng()).copied() else {
                return Ok(Reserved::TooManyRooms);
            };
            if held.values().filter(|slot| slot.claimed_at.is_none()).count() >= limits.idle_rooms {
                return Ok(Reserved::TooManyIdleRooms);
            }
            let room = make(slot);
            let taken = HeldSlot { slot, room_id: id.clone(), claimed_at: None, expires_at: room.expires_at };
            let writes = vec![
                Write::put(&self.rooms, room_key(Key::slot(slot)), &taken)
                    .when("attribute_not_exists(#pk) OR #expiresAt <= :now")
                    .bind(":now", now.seconds()),
                Write::put(&self.rooms, room_key(Key::room(id)), &room).when("attribute_not_exists(#pk)"),
            ];
            match self.transact(writes).await? {
                Transacted::Done => return Ok(Reserved::Room(slot)),
                Transacted::Refused(_) => {}
            }
        }
        Err(Self::lost_every_round("createRoom"))
    }

    /// Takes back a room whose task was not started.
    ///
    /// Race: the task may run all the same (an answer got lost) and its SFU may have identified. Then the room is
    /// no longer pending, and stays.
    ///
    /// # Errors
    /// When DynamoDB fails; the room's lease then ends by itself.
    pub async fn release(&self, id: &RoomId, slot: Slot) -> Result<(), Failure> {
        let writes = vec![
            Write::delete(&self.rooms, room_key(Key::room(id)))
                .when("#status = :pending")
                .bind(":pending", Status::Pending),
            Write::delete(&self.rooms, room_key(Key::slot(slot))).when("#roomId = :room").bind(":room", id),
        ];
        match self.transact(writes).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn held_slots(&self, now: EpochMillis) -> Result<HashMap<Slot, HeldSlot>, Failure> {
        let mut held = HashMap::new();
        for item in self.partition(SLOTS).await? {
            let slot: HeldSlot = read_item(item)?;
            if !slot.expires_at.expired(now) {
                held.insert(slot.slot, slot);
            }
        }
        Ok(held)
    }
}
