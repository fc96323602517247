//! The HTTP API's answers. The texts are those of the API that this one continues, to the letter.

use std::error::Error as StdError;

use serde_json::json;
use serde_json::value::RawValue;

use crate::id::{ConnectionId, RoomId};
use crate::json::{self, GivenTwice, Malformed, Object};
use crate::path::{InvalidPath, UrlPath};

/// Why an HTTP request failed. The text never holds a cause.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// `urlPath` is absent, null or empty.
    #[error("missing urlPath")]
    MissingPath,
    /// The body is no JSON.
    #[error("body is not JSON")]
    BodyNotJson,
    /// The body is JSON, but no object.
    #[error("body is not a JSON object")]
    BodyNotObject,
    /// `urlPath` is no string.
    #[error("urlPath must be a string")]
    PathNotText,
    /// `urlPath` stands twice.
    #[error("urlPath is given twice")]
    PathTwice,
    /// `urlPath` is too long.
    #[error("urlPath is longer than 1024 bytes")]
    PathTooLong,
    /// No token, or one that is not (or no longer) valid.
    #[error("Unauthorized")]
    Unauthorized,
    /// The token admits to another path.
    #[error("Forbidden")]
    Forbidden,
    /// The path has no room, or the pool is empty.
    #[error("Room not found")]
    RoomNotFound,
    /// Every slot is taken: `MaxRooms`.
    #[error("Too many rooms")]
    TooManyRooms,
    /// Enough rooms wait to be claimed: `MaxIdleRooms`.
    #[error("Too many idle rooms")]
    TooManyIdleRooms,
    /// createRoom failed on our side; the cause is for the log only.
    #[error("Failed to start task.")]
    TaskNotStarted(#[source] Box<dyn StdError + Send + Sync>),
    /// Our side failed otherwise; the cause is for the log only.
    #[error("Something broke on the server")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl HttpError {
    /// The HTTP status. The body's `message` is the `Display` text.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingPath
            | Self::BodyNotJson
            | Self::BodyNotObject
            | Self::PathNotText
            | Self::PathTwice
            | Self::PathTooLong => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::RoomNotFound => 404,
            Self::TooManyRooms | Self::TooManyIdleRooms => 429,
            Self::TaskNotStarted(_) | Self::Internal(_) => 500,
        }
    }
}

/// What a request that succeeded is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `{"roomId": …}`
    Room(RoomId),
    /// `{"roomId": …, "id": …}`, both the same: the original's documents say `roomId`, its client reads `id`.
    RoomFound(RoomId),
    /// `{"message": "Task started successfully!"}`
    TaskStarted,
    /// `{"iceServers": […]}`
    IceServers(Box<RawValue>),
}

impl Answer {
    /// The response's body.
    #[must_use]
    pub fn body(&self) -> String {
        match self {
            Self::Room(room) => json!({ "roomId": room }).to_string(),
            Self::RoomFound(room) => json!({ "roomId": room, "id": room }).to_string(),
            Self::TaskStarted => json!({ "message": "Task started successfully!" }).to_string(),
            Self::IceServers(list) => json!({ "iceServers": list }).to_string(),
        }
    }
}

/// The `urlPath` of a JSON body.
///
/// # Errors
/// A 400 that says what is wrong with it.
pub fn path_of_body(body: &str) -> Result<UrlPath, HttpError> {
    let object = match Object::parse(body) {
        Ok(object) => object,
        // No body at all: what is missing is the path.
        Err(_) if body.trim().is_empty() => return Err(HttpError::MissingPath),
        Err(Malformed::NotJson) => return Err(HttpError::BodyNotJson),
        Err(Malformed::NotObject) => return Err(HttpError::BodyNotObject),
    };
    let raw = object.get("urlPath").map_err(|GivenTwice| HttpError::PathTwice)?;
    let raw = raw.ok_or(HttpError::MissingPath)?;
    path(json::text(raw).ok_or(HttpError::PathNotText)?)
}

/// The `urlPath` among a query string's decoded pairs.
///
/// # Errors
/// A 400 that says what is wrong with it.
pub fn path_of_query<'q>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'q, str>, std::borrow::Cow<'q, str>)>,
) -> Result<UrlPath, HttpError> {
    let mut values = pairs.filter(|(name, _)| name == "urlPath").map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Err(HttpError::MissingPath),
        (Some(value), None) => path(value.into_owned()),
        (Some(_), Some(_)) => Err(HttpError::PathTwice),
    }
}

/// The longest connection id that is looked up, in bytes; API Gateway's have 16.
const MAX_CONNECTION_ID_BYTES: usize = 128;

/// The `connectionId` among a query string's decoded pairs; one that is given twice, empty or too long is none.
pub fn connection_of_query<'q>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'q, str>, std::borrow::Cow<'q, str>)>,
) -> Option<ConnectionId> {
    let mut values = pairs.filter(|(name, _)| name == "connectionId").map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if (1..=MAX_CONNECTION_ID_BYTES).contains(&value.len()) => {
            Some(ConnectionId::new(value.into_owned()))
        }
        (_, _) => None,
    }
}

fn path(text: String) -> Result<UrlPath, HttpError> {
    UrlPath::new(text).map_err(|invalid| match invalid {
        InvalidPath::Empty => HttpError::MissingPath,
        InvalidPath::TooLong => HttpError::PathTooLong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_refused_with_a_reason() {
        let refusal = |body: &str| path_of_body(body).unwrap_err().to_string();
        for body in ["", "  ", "{}", r#"{"urlPath":null}"#, r#"{"urlPath":""}"#] {
            assert_eq!(refusal(body), "missing urlPath", "{body}");
        }
        assert_eq!(refusal("urlPath=a"), "body is not JSON");
        assert_eq!(refusal("[]"), "body is not a JSON object");
        assert_eq!(refusal(r#"{"urlPath":1}"#), "urlPath must be a string");
        assert_eq!(refusal(r#"{"urlPath":"a","urlPath":"a"}"#), "urlPath is given twice");
        let long = |n| format!(r#"{{"urlPath":"{}"}}"#, "é".repeat(n));
        assert_eq!(refusal(&long(513)), "urlPath is longer than 1024 bytes");
        assert_eq!(path_of_body(&long(512)).unwrap().as_str().len(), 1024);
    }

    #[test]
    fn a_connection_is_named_once_or_not_at_all() {
        let pair = |value: &str| ("connectionId".into(), value.to_owned().into());
        assert_eq!(connection_of_query([pair("Ab=")].into_iter()), Some(ConnectionId::new("Ab=".into())));
        assert_eq!(connection_of_query([].into_iter()), None);
        assert_eq!(connection_of_query([pair("")].into_iter()), None);
        assert_eq!(connection_of_query([pair("a"), pair("a")].into_iter()), None);
        assert_eq!(connection_of_query([pair(&"x".repeat(129))].into_iter()), None);
    }

    #[test]
    fn a_query_is_refused_with_a_reason() {
        let pair = |value: &'static str| ("urlPath".into(), value.into());
        assert_eq!(path_of_query([pair("a b")].into_iter()).unwrap().as_str(), "a b");
        assert_eq!(path_of_query([pair("")].into_iter()).unwrap_err().to_string(), "missing urlPath");
        assert_eq!(path_of_query([].into_iter()).unwrap_err().to_string(), "missing urlPath");
        let twice = path_of_query([pair("a"), pair("a")].into_iter()).unwrap_err();
        assert_eq!((twice.status(), twice.to_string().as_str()), (400, "urlPath is given twice"));
    }
}
