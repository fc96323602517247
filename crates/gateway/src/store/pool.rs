//! The pool: the warm rooms for the next claims.

use model::id::RoomId;
use model::key::{Key, POOL};
use model::room::PoolEntry;
use model::time::EpochMillis;
use serde_dynamo::Item;

use super::read::text;
use super::tables::Store;
use super::write::{Write, read_item, room_key};
use crate::failure::Failure;

/// The warm rooms, as one read has found them.
pub(super) struct Pool {
    /// To be had: unclaimed, with a live SFU.
    pub(super) unclaimed: Vec<PoolEntry>,
    /// To come: their tasks are starting.
    pub(super) pending: Vec<PoolEntry>,
}

impl Pool {
    fn of(items: Vec<Item>, now: EpochMillis) -> Result<Self, Failure> {
        let mut pool = Self { unclaimed: Vec::new(), pending: Vec::new() };
        for item in items {
            let sk = text(&item, "sk");
            let is_pending = sk.is_some_and(|sk| sk.starts_with("PENDING#"));
            let entry: PoolEntry = read_item(item)?;
            if !entry.expires_at.expired(now) {
                if is_pending { pool.pending.push(entry) } else { pool.unclaimed.push(entry) }
            }
        }
        Ok(pool)
    }

    /// How many there are.
    pub(super) fn warm(&self) -> usize {
        self.unclaimed.len() + self.pending.len()
    }

    /// The keys of `count` rooms other than `leaving`; fewer when there are fewer.
    fn others(&self, leaving: &RoomId, count: usize) -> Vec<Key> {
        let unclaimed = self.unclaimed.iter().map(|entry| (entry, Key::pool(&entry.room_id)));
        let pending = self.pending.iter().map(|entry| (entry, Key::pending(&entry.room_id)));
        let others = unclaimed.chain(pending).filter(|(entry, _)| entry.room_id != *leaving);
        others.map(|(_, key)| key).take(count).collect()
    }
}

impl Store {
    /// Every warm room: one query.
    pub(super) async fn pool(&self, now: EpochMillis) -> Result<Pool, Failure> {
        Pool::of(self.partition(POOL).await?, now)
    }

    /// Checks that make a transaction fail unless `keep` warm rooms other than `leaving` are still there when it is
    /// made; `None` when there are not so many now.
    pub(super) async fn required_warm_rooms(
        &self,
        leaving: &RoomId,
        keep: usize,
        now: EpochMillis,
    ) -> Result<Option<Vec<Write>>, Failure> {
        if keep == 0 {
            return Ok(Some(Vec::new()));
        }
        let others = self.pool(now).await?.others(leaving, keep);
        if others.len() < keep {
            return Ok(None);
        }
        let check = |key| {
            Write::check(&self.rooms, room_key(key)).when("#expiresAt > :now").bind(":now", now.seconds())
        };
        Ok(Some(others.into_iter().map(check).collect()))
    }
}
