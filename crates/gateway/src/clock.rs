//! Where the time comes from.

use model::time::EpochMillis;

use crate::machine;

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
            Self::System => machine::now(),
            Self::Fixed(at) => at,
        }
    }
}
