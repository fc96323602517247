//! What happens in rooms, sessions among them, whoever brings it about.

pub mod arrival;
pub mod broadcast;
pub mod delivery;
pub mod departure;
pub mod sender;
pub mod signal;
