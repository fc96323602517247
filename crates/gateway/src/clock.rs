//! Where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use model::time::EpochMillis;

/// The wall clock, or a test's.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The machine's own.
    #[default]
    System,
    /// Always this point.
    Fixed(EpochMillis),
}

impl Clock {
    /// The present.
    #[must_use]
    pub fn now(self) -> EpochMillis {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                EpochMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Fixed(at) => at,
        }
    }
}
