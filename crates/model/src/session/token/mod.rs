//! What a client's token says, in its three forms: T1 ([`t1`]), and JWTs that the project's secret (HS256) or its
//! private key (RS256) signed ([`jwt`]). Whatever the form, a token ends as [`Claims`], and [`Claims::grant`] judges
//! them. What servers show instead is a [`credential`].
//!
//! The rules are those of `OpenTok`'s documents on tokens, and of what its server SDKs make and take.

pub mod claims;
pub mod credential;
pub mod jwt;
pub mod lifetime;
pub mod refused;
pub mod t1;

pub use claims::{Claims, Grant, LONGEST, MAX_CLASSES_CHARS, MAX_DATA_CHARS, SCOPE, Signed};
pub use refused::Refused;

#[cfg(test)]
mod tests;
