//! The signaling protocol and its rules, with no SDK, no async and no clock: everything here is a function of its
//! arguments.
//!
//! | | |
//! |---|---|
//! | [`request`], [`identify`], [`handshake`], [`leave`], [`roster`], [`sdp`] | what may be asked for on a socket |
//! | [`notice`], [`departure`], [`error`] | what the gateway says there |
//! | [`codec`], [`encoding`] | how both look in bytes |
//! | [`http`], [`ice`] | the HTTP API |
//! | [`room`], [`sfu`], [`member`], [`connection`], [`key`] | what is stored, and under which keys |
//! | [`stamp`], [`outcome`] | who wins a race |
//! | [`person`], [`ticket`] | whom rates are counted for; what lets a socket open |
//! | [`outbox`], [`timer`] | what has yet to be told; what is due later |
//! | [`session`] | all that only sessions know |

pub mod claims;
pub mod codec;
pub mod connection;
pub mod departure;
pub mod encoding;
pub mod error;
pub mod handshake;
pub mod held;
pub mod http;
pub mod ice;
pub mod id;
pub mod identify;
pub mod json;
pub mod key;
pub mod leave;
pub mod member;
pub mod notice;
pub mod outbox;
pub mod outcome;
pub mod path;
pub mod person;
pub mod request;
pub mod resumption;
pub mod room;
pub mod roster;
pub mod sdp;
pub mod secret;
pub mod session;
pub mod sfu;
pub mod stamp;
pub mod ticket;
pub mod time;
pub mod timer;
