//! What a room has yet to be told: written with the change, deleted once it is told.

use model::id::RoomId;
use model::key::Key;
use model::outbox::{Change, Owed};
use model::time::EpochMillis;

use super::tables::Store;
use super::transaction::Part;
use super::write::{Updated, Write, Written, read_item, room_key};
use crate::failure::Failure;

impl Store {
    /// The write that makes a change owed to the room.
    pub(super) fn owe(&self, room: &RoomId, change: Change, now: EpochMillis) -> (Part, Write) {
        let key = room_key(Key::owed(room, &change.name()));
        (Part::Owed, Write::put(&self.rooms, key, &Owed::new(room.clone(), change, now)))
    }

    /// Everybody has been told of a change.
    ///
    /// Race: several functions may tell of it, and each deletes it.
    ///
    /// # Errors
    /// When DynamoDB fails; the room is then told again.
    pub async fn settle(&self, room: &RoomId, change: &Change) -> Result<(), Failure> {
        let delete = Write::delete(&self.rooms, room_key(Key::owed(room, &change.name())));
        match self.delete(delete).await? {
            Written::Done | Written::Refused => Ok(()),
        }
    }

    /// Takes over the telling of a change from a function that has not come to its end with it; `false` if another one has.
    ///
    /// Race: of several that find the same change overdue one tells of it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_over(&self, owed: &Owed, now: EpochMillis) -> Result<bool, Failure> {
        let key = room_key(Key::owed(&owed.room_id, &owed.change.name()));
        let update = Write::update(&self.rooms, key, "SET #since = :now")
            .when("#since = :since")
            .bind(":now", now)
            .bind(":since", owed.since);
        Ok(matches!(self.update::<Owed>(update).await?, Updated::Done(_)))
    }

    /// Which of these changes (at most 100) are still owed.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn owed(&self, keys: Vec<Key>, now: EpochMillis) -> Result<Vec<Owed>, Failure> {
        let mut found = self.batch(None, keys).await?;
        let mut owed = Vec::new();
        while let Some(item) = found.take(&self.rooms) {
            owed.push(read_item(item)?);
        }
        owed.retain(|owed: &Owed| !owed.expires_at.expired(now));
        Ok(owed)
    }
}
