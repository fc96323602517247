//! The SFU: forwards the media of one room. It speaks the public protocol alone (`docs/PROTOCOL.md`,
//! `docs/MEDIA.md`), like any peer.
//!
//! [`room`] is the machine, with no sockets, clock or async; [`shell`] is what surrounds it.

pub mod room;
pub mod shell;
mod stun;
