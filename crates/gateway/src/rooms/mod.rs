//! What happens in rooms, sessions among them, whoever brings it about.

pub mod arrival;
pub mod broadcast;
pub mod delivery;
pub mod departure;
mod loss;
pub mod moderation;
mod mutes;
pub mod outbox;
pub mod relayed;
pub mod sender;
pub mod signal;
pub mod streams;
