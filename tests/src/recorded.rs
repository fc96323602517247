//! Messages recorded between real browsers and real SFUs.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::stack::repository;

/// One recorded message.
#[derive(Debug, Deserialize)]
pub struct Recorded {
    /// Which of the two recordings.
    pub run: String,
    /// Which of the two browsers.
    pub peer: u8,
    /// `client->gateway` or `gateway->client`.
    pub dir: String,
    /// The message, byte for byte.
    pub message: Box<RawValue>,
}

/// All recorded messages, in their order.
#[must_use]
pub fn handshakes() -> Vec<Recorded> {
    let path = repository().join("tests/data/handshakes.jsonl");
    let text = std::fs::read_to_string(&path).expect("tests/data/handshakes.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a recorded message")).collect()
}
