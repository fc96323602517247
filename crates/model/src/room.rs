//! A room's status, leases and grace.
//!
//! ```text
//! pending --SFU identifies--> unclaimed --claim--> claimed
//!    any  --SFU leaves, or a claim after the grace--> closed (final)
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::item::Room;
use crate::time::EpochMillis;

/// How long a room waits for its SFU's first identify; also how long an SFU without a gateway lives, and so how
/// long the slot of a room whose SFU is lost stays taken.
pub const PENDING_LEASE: Duration = Duration::from_mins(10);
/// How long a room lives after its SFU's last identify: longer than any socket.
pub const LEASE: Duration = Duration::from_hours(3);
/// How long the row of a connection outlives its `connectedAt`; API Gateway cuts sockets at 2 h.
pub const CONNECTION_LEASE: Duration = Duration::from_mins(130);
/// When a client should have a new socket, counted from `connectedAt`.
pub const RECONNECT_AFTER: Duration = Duration::from_mins(110);

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Slot;
    use crate::secret::SecretHash;
    use crate::time::EpochSeconds;

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
