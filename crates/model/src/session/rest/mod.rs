//! The REST API of sessions: the paths and bodies that the vendor's server SDKs send, and what they can read.
//!
//! A request is checked in this order: who asks (403), whose project it is about (403), what it says (400, 404, 405,
//! 413 and 501), whether the session is there and the project's (404), whether the connection is there (404).
//!
//! Every answer with a body is JSON of exactly that content type, every error has a body, and 204 has neither: SDKs
//! break on anything else.

mod answer;
mod body;
mod create;
mod date;
mod endpoint;
mod error;

pub use answer::{Answer, Connected, Created, Format, Response};
pub use body::{layout_classes, mute, signal};
pub use create::NewSession;
pub use endpoint::{Action, Endpoint, project_of};
pub use error::RestError;

/// The path of session creation, the only one that knows XML.
pub const CREATE: &str = "/session/create";
