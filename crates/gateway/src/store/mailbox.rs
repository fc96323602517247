//! What is kept for members of sessions that are away.

use model::id::ConnectionId;
use model::key::Key;
use model::outcome::Kept;
use model::session::mailbox::{ClosedMailbox, MAX_BYTES, MAX_SIGNALS, Mailbox, lease};
use model::session::notice::ReceivedSignal;
use model::time::EpochMillis;

use super::tables::Store;
use super::write::{Updated, Write, read_item, room_key};
use crate::failure::Failure;

impl Store {
    /// Keeps a signal for the member that was lost with this socket: one write, and another one when the mailbox is full. One
    /// that did not fit ends what is kept: there are no gaps before it.
    ///
    /// Race: the member may come back at the same moment. The transaction that gives it its place on the other socket closes the
    /// mailbox: [`Kept::Closed`] to whoever comes after that, so that it looks where the member is by now. Two signals meet at
    /// the bound: one of them has the room that is left.
    ///
    /// # Errors
    /// When DynamoDB fails: the signal is not kept, or nobody knows.
    pub async fn keep_signal(
        &self,
        lost: &ConnectionId,
        signal: &ReceivedSignal,
        now: EpochMillis,
    ) -> Result<Kept, Failure> {
        let bytes = serde_json::to_string(signal).map_or(MAX_BYTES, |text| text.len());
        let set = "SET #signals = list_append(if_not_exists(#signals, :none), :signal), \
                   #bytes = if_not_exists(#bytes, :zero) + :size, #expiresAt = :lease";
        let open = "attribute_not_exists(#closed)";
        let keep = Write::update(&self.rooms, room_key(Key::mailbox(lost)), set)
            .when(format!(
                "{open} AND attribute_not_exists(#missed) AND \
                 (attribute_not_exists(#signals) OR (size(#signals) < :most AND #bytes <= :left))"
            ))
            .bind(":none", Vec::<ReceivedSignal>::new())
            .bind(":signal", [signal])
            .bind(":zero", 0)
            .bind(":size", bytes)
            .bind(":lease", lease(now))
            .bind(":most", MAX_SIGNALS)
            .bind(":left", MAX_BYTES.saturating_sub(bytes));
        let found = match self.update::<Mailbox>(keep).await? {
            Updated::Done(_) => return Ok(Kept::Kept),
            Updated::Refused(found) => found.unwrap_or_default(),
        };
        if found.signals.iter().any(|kept| kept.id == signal.id) {
            // The answer to an earlier try was lost.
            return Ok(Kept::Kept);
        }
        if found.closed {
            return Ok(Kept::Closed);
        }
        let miss = "SET #missed = if_not_exists(#missed, :zero) + :one, #expiresAt = :lease";
        let miss = Write::update(&self.rooms, room_key(Key::mailbox(lost)), miss)
            .when(open)
            .bind(":zero", 0)
            .bind(":one", 1)
            .bind(":lease", lease(now));
        Ok(match self.update::<Mailbox>(miss).await? {
            Updated::Done(_) => Kept::Full,
            Updated::Refused(_) => Kept::Closed,
        })
    }

    /// The write that closes a mailbox, whether or not there is something in it.
    pub(super) fn close_mailbox(&self, lost: &ConnectionId, now: EpochMillis) -> Write {
        let close = "SET #closed = :yes, #expiresAt = :lease";
        Write::update(&self.rooms, room_key(Key::mailbox(lost)), close)
            .bind(":yes", true)
            .bind(":lease", lease(now))
    }

    /// What is in mailboxes that are closed, so that it changes no more: one batched read, none if there are none.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn mailboxes(&self, closed: &[ClosedMailbox]) -> Result<Vec<Mailbox>, Failure> {
        if closed.is_empty() {
            return Ok(vec![]);
        }
        let keys: Vec<_> = closed.iter().map(|mailbox| Key::mailbox(&mailbox.lost)).collect();
        let mut found = self.batch(None, keys.clone()).await?;
        keys.iter().filter_map(|key| found.take_sk(&self.rooms, &key.sk)).map(read_item).collect()
    }
}
