//! A room's status, leases and grace.
//!
//! ```text
//! pending --SFU identifies--> unclaimed --claim--> claimed
//!    any  --SFU leaves, or a claim after the grace--> closed (final)
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::RoomId;
use crate::path::UrlPath;
use crate::secret::SecretHash;
use crate::time::{EpochMillis, EpochSeconds};

/// How long a socket may be open before its first identify. A client has its token before it opens one.
pub const IDENTIFY_WITHIN: Duration = Duration::from_secs(30);
/// How long a room waits for its SFU's first identify; also how long an SFU without a gateway lives, and so how
/// long the slot of a room whose SFU is lost stays taken.
pub const PENDING_LEASE: Duration = Duration::from_mins(10);
/// How long a room lives after its SFU's last identify: longer than any socket.
pub const LEASE: Duration = Duration::from_hours(3);
/// How long the row of a connection outlives its `connectedAt`; API Gateway cuts sockets at 2 h.
pub const CONNECTION_LEASE: Duration = Duration::from_mins(130);
/// When a client should have a new socket at the latest, counted from `connectedAt`.
pub const RECONNECT_AFTER: Duration = Duration::from_mins(110);

/// The number of a slot: rooms have one of `0..MaxRooms` each, which is what makes the cap a hard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// How far it has come.
    pub status: Status,
    /// The path that claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_path: Option<UrlPath>,
    /// Its slot.
    pub slot: Slot,
    /// What its SFU has to prove that it knows.
    pub sfu_token_hash: SecretHash,
    /// When createRoom made it.
    pub created_at: EpochMillis,
    /// The session that claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<RoomId>,
    /// When it was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<EpochMillis>,
    /// Since when its SFU has had no socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sfu_lost_at: Option<EpochMillis>,
    /// The room's lease, renewed by every identify of its SFU.
    pub expires_at: EpochSeconds,
}

/// How far a room has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// createRoom asked for a task; its SFU has not identified yet.
    Pending,
    /// Its SFU is there; no path has it.
    Unclaimed,
    /// A path has it.
    Claimed,
    /// Over, for good.
    Closed,
}

impl Status {
    /// The value that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unclaimed => "unclaimed",
            Self::Claimed => "claimed",
            Self::Closed => "closed",
        }
    }
}

/// What a claimed path is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A call can be held here: the SFU is there, or may come back within its grace.
    Serving,
    /// The SFU has been lost (since then) for longer than the grace: the path is free for a claim, which has to
    /// close this room.
    Lost(EpochMillis),
    /// Closed or expired: the path is free for a claim.
    Over,
}

impl Room {
    /// What the room is worth at `now`, with the stack's `SfuGraceSeconds`. Applied on read: there is no timer.
    #[must_use]
    pub fn standing(&self, now: EpochMillis, grace: Duration) -> Standing {
        if self.expires_at.expired(now) {
            return Standing::Over;
        }
        match (self.status, self.sfu_lost_at) {
            (Status::Closed, _) => Standing::Over,
            (_, Some(lost_at)) if lost_at.plus(grace) <= now => Standing::Lost(lost_at),
            (Status::Pending | Status::Unclaimed | Status::Claimed, _) => Standing::Serving,
        }
    }
}

/// A claimed path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedPath {
    /// The room that has it.
    pub room_id: RoomId,
    /// The room's lease.
    pub expires_at: EpochSeconds,
}

/// A warm room: unclaimed with a live SFU ([`Key::pool`](crate::key::Key::pool)), or
/// pending ([`Key::pending`](crate::key::Key::pending)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolEntry {
    /// Which room.
    pub room_id: RoomId,
    /// Its slot, which a claim marks as claimed.
    pub slot: Slot,
    /// When it came into the pool, or was asked for.
    pub since: EpochMillis,
    /// The room's lease.
    pub expires_at: EpochSeconds,
}

/// How many rooms refills have started so far. Each writes the next number, so that of two that have counted the
/// same pool one starts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refills {
    /// The number.
    pub count: u64,
}

/// A slot in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldSlot {
    /// Its number.
    pub slot: Slot,
    /// The room that holds it.
    pub room_id: RoomId,
    /// When that room was claimed; absent while it is pending or unclaimed, which is what `MaxIdleRooms` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<EpochMillis>,
    /// The lease: the room's own, or shorter when its SFU is lost.
    pub expires_at: EpochSeconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(status: Status, sfu_lost_at: Option<u64>) -> Room {
        Room {
            status,
            url_path: None,
            session_id: None,
            slot: Slot(0),
            sfu_token_hash: SecretHash::of("t"),
            created_at: EpochMillis(0),
            claimed_at: None,
            sfu_lost_at: sfu_lost_at.map(EpochMillis),
            expires_at: EpochSeconds(100),
        }
    }

    #[test]
    fn a_lost_room_serves_until_the_grace_is_over() {
        let standing =
            |now| room(Status::Claimed, Some(10_000)).standing(EpochMillis(now), Duration::from_secs(5));
        assert_eq!(standing(14_999), Standing::Serving);
        assert_eq!(standing(15_000), Standing::Lost(EpochMillis(10_000)));
        assert_eq!(standing(100_000), Standing::Over);
    }

    #[test]
    fn a_closed_room_is_over() {
        let now = EpochMillis(1);
        assert_eq!(room(Status::Closed, None).standing(now, Duration::ZERO), Standing::Over);
        assert_eq!(room(Status::Claimed, None).standing(now, Duration::ZERO), Standing::Serving);
    }
}
