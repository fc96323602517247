//! The signaling protocol and its rules, with no SDK, no async and no clock.
//!
//! Everything here is a function of its arguments: what a message may hold ([`request`], [`identify`],
//! [`handshake`], [`leave`]), what of an SDP matters to it ([`sdp`]), what the gateway says ([`notice`], [`error`], [`http`]), what is stored ([`item`]), what a
//! session to the OpenTok model is ([`session`]), and who
//! wins a race ([`life`], [`room`], [`outcome`]). Time is always handed in ([`time`]).

pub mod claims;
pub mod error;
pub mod handshake;
pub mod http;
pub mod ice;
pub mod id;
pub mod identify;
pub mod item;
pub mod json;
pub mod leave;
pub mod life;
pub mod notice;
pub mod outcome;
pub mod path;
pub mod request;
pub mod room;
pub mod sdp;
pub mod secret;
pub mod session;
pub mod time;
