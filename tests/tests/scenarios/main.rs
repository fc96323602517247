//! Scenarios through the real wire: real binaries, real sockets, an embedded DynamoDB.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "this is a test")]

mod codec;
mod departures;
mod faults;
mod gateway;
mod grace;
mod held;
mod ice;
mod identify;
mod mailbox;
mod messages;
mod moderation;
mod outbox;
mod places;
mod projects;
mod races;
mod rates;
mod relay;
mod relayed;
mod rooms;
mod session_media;
mod sessions;
mod sfu_life;
mod signals;
mod streams;
mod tickets;
mod tokens;
mod vouched;
mod warm;
