//! `leave`: a client or an SFU goes on purpose.

/// On what condition the sender leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// On none.
    Anyway,
    /// `{"ifSpare": true}`: an SFU closes its room only while nobody has claimed it and the pool can do without.
    IfSpare,
}
