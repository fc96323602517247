//! Something that is due later, as a message of the timer's queue.
//!
//! A firing acts only under the fence that it was set with: one that comes late, twice or never does no harm. Whoever
//! reads what is past its time does what the timer would have done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{PeerId, RoomId};
use crate::stamp::Stamp;
use crate::time::EpochMillis;

/// The longest delay of an SQS message. What is due later takes several.
pub const LONGEST_HOP: Duration = Duration::from_mins(15);

/// `{kind, key, fence, dueAt}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timer {
    /// What is to be done, and to what.
    #[serde(flatten)]
    pub task: Task,
    /// When.
    pub due_at: EpochMillis,
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Task {
    /// A member's grace is over: unless it has come back, its stay ends.
    ReconnectGrace {
        /// Which place.
        key: Place,
        /// The connection that it was lost with.
        fence: Stamp,
    },
}

/// The place of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub peer_id: PeerId,
}

impl Timer {
    /// How long its next message is to be delayed, in whole seconds, so that it does not come early; `None` when it is
    /// due.
    #[must_use]
    pub fn hop(&self, now: EpochMillis) -> Option<Duration> {
        let left = Duration::from_millis(self.due_at.0.saturating_sub(now.0));
        (!left.is_zero())
            .then(|| Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)))
            .map(|whole| whole.min(LONGEST_HOP))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ConnectionId;

    fn timer(due_at: u64) -> Timer {
        let key = Place {
            room_id: RoomId::try_from("r".to_owned()).unwrap(),
            peer_id: PeerId::try_from("p".to_owned()).unwrap(),
        };
        let fence = Stamp { connected_at: EpochMillis(7), connection_id: ConnectionId::new("c=".into()) };
        Timer { task: Task::ReconnectGrace { key, fence }, due_at: EpochMillis(due_at) }
    }

    #[test]
    fn a_timer_looks_as_documented() {
        let text = r#"{"kind":"reconnectGrace","key":{"roomId":"r","peerId":"p"},"fence":{"connectedAt":7,"connectionId":"c="},"dueAt":9}"#;
        assert_eq!(serde_json::to_string(&timer(9)).unwrap(), text);
        assert_eq!(serde_json::from_str::<Timer>(text).unwrap(), timer(9));
    }

    #[test]
    fn what_is_due_later_than_a_message_can_wait_takes_hops() {
        let hop = |due_at, now| timer(due_at).hop(EpochMillis(now));
        assert_eq!(hop(1_000, 1_000), None);
        assert_eq!(hop(1_000, 2_000), None, "late");
        assert_eq!(hop(1_001, 1_000), Some(Duration::from_secs(1)), "never early");
        assert_eq!(hop(900_000, 0), Some(LONGEST_HOP));
        let mut now = 0;
        let mut hops = 0;
        while let Some(hop) = hop(7_200_000, now) {
            now += u64::try_from(hop.as_millis()).unwrap();
            hops += 1;
        }
        assert_eq!((hops, now), (8, 7_200_000));
    }
}
