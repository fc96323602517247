//! Sessions to the OpenTok model: rooms that tokens admit to.

pub mod id;
pub mod item;
pub mod moderation;
pub mod notice;
pub mod otc;
pub mod project;
pub mod rate;
pub mod rest;
pub mod role;
pub mod signal;
pub mod token;

pub use otc::Otc;
pub use project::{ApiKey, Project};
pub use rate::Rate;
pub use role::{Capabilities, Role};
pub use token::Grant;

use serde::{Deserialize, Serialize};

/// How the media of a session travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaMode {
    /// Through an SFU, which the session claims when its first publisher comes.
    Routed,
    /// From client to client: the session has no SFU.
    Relayed,
}
