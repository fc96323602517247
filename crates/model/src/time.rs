//! Points in time. DynamoDB's TTL wants seconds, everything else is milliseconds: two types, so that they
//! cannot be mixed up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochMillis(pub u64);

/// Seconds since the Unix epoch, the unit of DynamoDB's TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochSeconds(pub u64);

impl EpochMillis {
    /// The point `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The same point in whole seconds, rounded down.
    #[must_use]
    pub fn seconds(self) -> EpochSeconds {
        EpochSeconds(self.0 / 1000)
    }
}

impl EpochSeconds {
    /// Whether something that expires here is to be treated as absent at `now`. TTL deletes late, so every
    /// read asks this.
    #[must_use]
    pub fn expired(self, now: EpochMillis) -> bool {
        self <= now.seconds()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_absent_from_the_second_that_it_expires() {
        let expires_at = EpochSeconds(100);
        assert!(!expires_at.expired(EpochMillis(99_999)));
        assert!(expires_at.expired(EpochMillis(100_000)));
    }

    #[test]
    fn adding_never_wraps() {
        assert_eq!(EpochMillis(u64::MAX).plus(Duration::from_secs(1)), EpochMillis(u64::MAX));
    }
}
