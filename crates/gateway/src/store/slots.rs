//! Slots: what makes the cap on rooms a hard one.

use std::collections::HashMap;

use model::id::RoomId;
use model::key::{Key, SLOTS};
use model::outcome::Reserved;
use model::room::{HeldSlot, PoolEntry, Refills, Room, Slot, Status};
use model::time::EpochMillis;
use rand::seq::IndexedRandom as _;

use super::retry::Pauses;
use super::tables::{ROUNDS, Store};
use super::transaction::{Part, Transacted, Transaction};
use super::write::{Write, read_item, room_key};
use crate::failure::Failure;
use crate::machine;

/// The stack's caps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `MaxRooms`: a hard one.
    pub rooms: u32,
    /// `MaxIdleRooms`, of pending and unclaimed rooms: a soft one, because two callers may count at once.
    pub idle_rooms: usize,
}

impl Limits {
    /// `MaxRooms` and `MaxIdleRooms`. The latter counts as `IdleRooms` + 1 when it is less: a full pool must leave
    /// somebody who calls createRoom for a page of its own a room to start.
    #[must_use]
    pub fn new(max_rooms: u32, max_idle_rooms: usize, idle_rooms: usize) -> Self {
        Self { rooms: max_rooms, idle_rooms: max_idle_rooms.max(idle_rooms.saturating_add(1)) }
    }
}

impl Store {
    /// Makes a pending room with a slot. `make` is handed the slot.
    ///
    /// Race: two callers want the same slot. The second one's transaction is refused, and it looks for another;
    /// there are never more rooms than slots.
    pub async fn reserve(
        &self,
        id: &RoomId,
        make: impl Fn(Slot) -> Room,
        limits: Limits,
        now: EpochMillis,
    ) -> Result<Reserved, Failure> {
        for _ in 0..ROUNDS {
            if let Some(reserved) = self.try_reserve(id, &make, limits, None, now).await? {
                return Ok(reserved);
            }
        }
        Err(Self::lost_every_round("createRoom"))
    }

    /// As [`Store::reserve`], if there are fewer than `target` warm rooms; `None` if there are enough.
    ///
    /// Race: two refills count the same pool, because SQS has delivered one message twice or two claims have asked.
    /// Each writes the number that follows the one it read before it counted: the second one's transaction is
    /// refused, and it counts again.
    pub async fn refill(
        &self,
        id: &RoomId,
        make: impl Fn(Slot) -> Room,
        limits: Limits,
        target: usize,
        now: EpochMillis,
    ) -> Result<Option<Reserved>, Failure> {
        for _ in 0..ROUNDS {
            // Before the pool: a count that is older than the number would pass for a new one.
            let seen: Refills = self.get(&self.rooms, room_key(Key::refills())).await?.unwrap_or_default();
            if self.pool(now).await?.warm() >= target {
                return Ok(None);
            }
            if let Some(reserved) = self.try_reserve(id, &make, limits, Some(seen), now).await? {
                return Ok(Some(reserved));
            }
        }
        Err(Self::lost_every_round("refill"))
    }

    /// One round of a reservation; `None` when it has lost a race.
    async fn try_reserve(
        &self,
        id: &RoomId,
        make: &impl Fn(Slot) -> Room,
        limits: Limits,
        refills: Option<Refills>,
        now: EpochMillis,
    ) -> Result<Option<Reserved>, Failure> {
        let held = self.held_slots(now).await?;
        let free: Vec<Slot> = (0..limits.rooms).map(Slot).filter(|slot| !held.contains_key(slot)).collect();
        let Some(slot) = free.choose(&mut machine::chance()).copied() else {
            return Ok(Some(Reserved::TooManyRooms));
        };
        if held.values().filter(|slot| slot.claimed_at.is_none()).count() >= limits.idle_rooms {
            return Ok(Some(Reserved::TooManyIdleRooms));
        }
        let room = make(slot);
        let expires_at = room.expires_at;
        let taken = HeldSlot { slot, room_id: id.clone(), claimed_at: None, expires_at };
        let entry = PoolEntry { room_id: id.clone(), slot, since: now, expires_at };
        let mut writes = Transaction::of([
            (
                Part::Slot,
                Write::put(&self.rooms, room_key(Key::slot(slot)), &taken)
                    .when("attribute_not_exists(#pk) OR #expiresAt <= :now")
                    .bind(":now", now.seconds()),
            ),
            (
                Part::Room,
                Write::put(&self.rooms, room_key(Key::room(id)), &room).when("attribute_not_exists(#pk)"),
            ),
            (Part::Pending, Write::put(&self.rooms, room_key(Key::pending(id)), &entry)),
        ]);
        if let Some(Refills { count: seen }) = refills {
            let next = Refills { count: seen + 1 };
            writes.add(
                Part::Refills,
                Write::put(&self.rooms, room_key(Key::refills()), &next)
                    .when("attribute_not_exists(#pk) OR #count = :seen")
                    .bind(":seen", seen),
            );
        }
        match self.transact(writes, &mut Pauses::new()).await? {
            Transacted::Done => Ok(Some(Reserved::Room(slot))),
            Transacted::Refused(_) => Ok(None),
        }
    }

    /// Takes back a room whose task was not started.
    ///
    /// Race: the task may run all the same (an answer got lost) and its SFU may have identified. Then the room is
    /// no longer pending, and stays.
    ///
    /// # Errors
    /// When DynamoDB fails; the room's lease then ends by itself.
    pub async fn release(&self, id: &RoomId, slot: Slot) -> Result<(), Failure> {
        let room = Write::delete(&self.rooms, room_key(Key::room(id)))
            .when("#status = :pending")
            .bind(":pending", Status::Pending);
        let slot =
            Write::delete(&self.rooms, room_key(Key::slot(slot))).when("#roomId = :room").bind(":room", id);
        let pending = Write::delete(&self.rooms, room_key(Key::pending(id)));
        let writes = Transaction::of([(Part::Room, room), (Part::Slot, slot), (Part::Pending, pending)]);
        match self.transact(writes, &mut Pauses::new()).await? {
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
