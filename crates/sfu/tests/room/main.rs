//! The room without sockets or clock, with clients, networks and gateways of every kind.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends as soon as something is not as it should be"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "str0m's events are many, and each release adds some")]

mod client;
mod data_channels;
mod hostile;
mod joining;
mod later_offers;
mod leaving;
mod media;
mod offers;
mod recorded;
mod renegotiating;
mod sessions;
mod signaling;
mod simulcast;
mod streams;
mod vouched;
mod world;
