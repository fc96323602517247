//! Why a stay in a room ended.

use serde::{Deserialize, Serialize};

/// Whether a client meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Departure {
    /// It called `leave`, or closed its socket with 1000 or without a code (1005).
    Left,
    /// Its signaling broke; its media may still flow.
    Lost,
    /// It was sent away.
    Forced,
}

impl Departure {
    /// What a room and its SFU are told: who was sent away has left, and its media ends at once.
    #[must_use]
    pub fn of_room(self) -> Self {
        match self {
            Self::Left | Self::Forced => Self::Left,
            Self::Lost => Self::Lost,
        }
    }

    /// Reads `disconnectStatusCode` of a `$disconnect` (RFC 6455 §7.4.1).
    #[must_use]
    pub fn of_close_code(code: Option<i64>) -> Self {
        match code {
            Some(1000 | 1005) => Self::Left,
            Some(_) | None => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clean_close_is_leaving() {
        assert_eq!(Departure::of_close_code(Some(1000)), Departure::Left);
        assert_eq!(Departure::of_close_code(Some(1005)), Departure::Left);
        for code in [Some(1001), Some(1006), Some(1009), None] {
            assert_eq!(Departure::of_close_code(code), Departure::Lost);
        }
    }
}
