//! Sessions as OpenTok has them: rooms that tokens admit to.

pub mod event;
pub mod id;
pub mod issue;
pub mod mailbox;
pub mod member;
pub mod moderation;
pub mod notice;
pub mod otc;
pub mod project;
pub mod rate;
pub mod record;
pub mod rest;
pub mod role;
pub mod signal;
pub mod stream;
pub mod token;

pub use member::{InSession, SessionMember};
pub use otc::Otc;
pub use project::{ApiKey, Project};
pub use rate::Rate;
pub use record::{MediaMode, Session};
pub use role::{Capabilities, Permission, Role};
pub use token::claims::Grant;
