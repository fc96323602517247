//! The requests of a session that are no signals: `forceDisconnect` and `reportIssue`.

use crate::error::Error;
use crate::id::PeerId;
use crate::request::{self, Data};

/// The longest text of an issue, in bytes of UTF-8.
pub const MAX_ISSUE_BYTES: usize = 8192;

/// Reads `{connectionId}`: whose connection is to end.
///
/// # Errors
/// `bad_message` that names the field.
pub fn connection(data: &Data<'_>) -> Result<PeerId, Error> {
    request::required("connectionId", request::id(&data.object, "connectionId")?)
}

/// Reads `{text}`: what went wrong.
///
/// # Errors
/// `bad_message` or `too_large` that names the field.
pub fn issue(data: &Data<'_>) -> Result<String, Error> {
    let text = request::required("text", request::text(&data.object, "text")?)?;
    match text.len() {
        0 => Err(Error::BadMessage { field: "text", allowed: "must not be empty" }),
        1..=MAX_ISSUE_BYTES => Ok(text),
        _ => Err(Error::TooLarge { field: "text", allowed: "at most 8192 bytes of UTF-8" }),
    }
}
