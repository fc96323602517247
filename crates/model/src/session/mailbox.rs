//! What is kept of the signals for a member that is away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::notice::ReceivedSignal;
use crate::id::ConnectionId;
use crate::time::{EpochMillis, EpochSeconds};

/// The most signals that are kept for one member while it is away.
pub const MAX_SIGNALS: usize = 100;
/// How large they may be together, in bytes of JSON: they fit into one message of API Gateway's 128 KB.
pub const MAX_BYTES: usize = 64 * 1024;
/// How long a mailbox is delivered again after its member has come back, should its new socket break before it heard.
const DELIVERED: Duration = Duration::from_mins(5);
/// How many mailboxes of one member are delivered, the newest ones: those of sockets that broke one after the other.
const MAX_MAILBOXES: usize = 3;
/// How long a mailbox is there after the last write. It outlives every function that may still want to put something into
/// it: one that was deleted would be taken for one that is open.
const LEASE: Duration = Duration::from_mins(15);

/// What is kept for a member from the loss of one socket until it is back on another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mailbox {
    /// In the order in which they were put in.
    #[serde(default)]
    pub signals: Vec<ReceivedSignal>,
    /// How many came after it was full, and are lost.
    #[serde(default)]
    pub missed: u64,
    /// Its member is back on another socket: nothing is put into it any more.
    #[serde(default)]
    pub closed: bool,
}

/// A mailbox whose member is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClosedMailbox {
    /// The socket with whose loss it began: its name.
    pub lost: ConnectionId,
    /// When its member came back.
    pub closed_at: EpochMillis,
}

/// When a mailbox that is written now may be deleted.
#[must_use]
pub fn lease(now: EpochMillis) -> EpochSeconds {
    now.plus(LEASE).seconds()
}

/// The mailboxes of a stay that goes on on another socket: those that it may not have heard yet, and the one of the socket
/// that was `lost`, if it was away. A socket that was lost twice has one.
#[must_use]
pub fn closed(before: &[ClosedMailbox], lost: Option<&ConnectionId>, now: EpochMillis) -> Vec<ClosedMailbox> {
    let is_recent = |mailbox: &&ClosedMailbox| mailbox.closed_at.plus(DELIVERED) > now;
    let recent = before.iter().filter(is_recent).filter(|mailbox| Some(&mailbox.lost) != lost).cloned();
    let lost = lost.map(|lost| ClosedMailbox { lost: lost.clone(), closed_at: now });
    let mut all: Vec<_> = recent.chain(lost).collect();
    all.drain(..all.len().saturating_sub(MAX_MAILBOXES));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(lost: &str, closed_at: u64) -> ClosedMailbox {
        ClosedMailbox { lost: ConnectionId::new(lost.into()), closed_at: EpochMillis(closed_at) }
    }

    #[test]
    fn the_newest_mailboxes_of_the_last_minutes_are_delivered_again() {
        let now = EpochMillis(400_000);
        let lost = ConnectionId::new("d".into());
        let before = [mailbox("a", 100_000), mailbox("b", 100_001)];
        assert_eq!(closed(&before, None, now), [mailbox("b", 100_001)]);
        assert_eq!(closed(&before, Some(&lost), now), [mailbox("b", 100_001), mailbox("d", 400_000)]);
        let before = ["a", "b", "c"].map(|lost| mailbox(lost, 399_999));
        assert_eq!(closed(&before, Some(&lost), now)[0], mailbox("b", 399_999));
    }
}
