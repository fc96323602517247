//! `identify`: a connection says who it is.

use crate::error::Error;
use crate::id::{PeerId, RoomId};
use crate::json::{self, Object};
use crate::request::{self, Data};
use crate::secret::{ResumeToken, SecretHash};
use crate::session::ApiKey;

/// How many features an SFU may announce.
pub const MAX_FEATURES: usize = 32;
/// The longest name of a feature, in bytes.
pub const MAX_FEATURE_BYTES: usize = 64;
/// The longest bearer token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Who a connection says it is. What it says is not yet believed.
#[derive(Debug)]
pub enum Identify {
    /// A participant.
    Client(ClientIdentify),
    /// A client of a session: its message has an `apiKey`.
    Session(Box<SessionIdentify>),
    /// The media process of the room that has its id.
    Sfu(SfuIdentify),
}

/// `{type: "client", id, roomId, token?, resumeToken?}`
pub struct ClientIdentify {
    /// The peer that the client wants to be.
    pub peer: PeerId,
    /// The room that it wants to enter.
    pub room: RoomId,
    /// A JWT (with `AuthMode=token`), at most [`MAX_TOKEN_BYTES`].
    pub token: Option<String>,
    /// The hash of the token that lets a newer connection take this one's place.
    pub resume_hash: Option<SecretHash>,
}

impl std::fmt::Debug for ClientIdentify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentify")
            .field("peer", &self.peer)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// `{type: "client", roomId, apiKey, token, id?, resumeToken?, connectionEventsSuppressed?, e2eeReady?}`
pub struct SessionIdentify {
    /// The session.
    pub session: RoomId,
    /// The project that made the token.
    pub api_key: ApiKey,
    /// The token, at most [`MAX_TOKEN_BYTES`].
    pub token: String,
    /// The peer that the client was before, or wants to be.
    pub peer: Option<PeerId>,
    /// The hash of the token that lets a newer connection take this one's place.
    pub resume_hash: Option<SecretHash>,
    /// It wants to hear nothing of others who come and go.
    pub suppressed: bool,
    /// It has a secret for end-to-end encryption.
    pub e2ee_ready: bool,
}

impl std::fmt::Debug for SessionIdentify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionIdentify").field("session", &self.session).finish_non_exhaustive()
    }
}

/// `{type: "sfu", id, features?}`
#[derive(Debug)]
pub struct SfuIdentify {
    /// The room that the SFU serves: its own id.
    pub room: RoomId,
    /// What it can do, e.g. `candidates`: at most [`MAX_FEATURES`] names of at most [`MAX_FEATURE_BYTES`].
    pub features: Vec<String>,
}

impl Identify {
    /// Reads the `data` of an identify.
    ///
    /// # Errors
    /// `missing_type`, or `bad_message` that names the field.
    pub fn parse(data: &Data<'_>) -> Result<Self, Error> {
        let kind = request::get(&data.object, "type")?.and_then(json::text);
        match kind.as_deref() {
            Some("client") if request::get(&data.object, "apiKey")?.is_some() => {
                session(data).map(|session| Self::Session(Box::new(session))).map_err(Error::in_session)
            }
            Some("client") => client(data).map(Self::Client),
            Some("sfu") => sfu(data).map(Self::Sfu),
            Some(_) | None => Err(Error::MissingType),
        }
    }
}

fn client(data: &Data<'_>) -> Result<ClientIdentify, Error> {
    let object = &data.object;
    Ok(ClientIdentify {
        token: token(object)?,
        resume_hash: resume_hash(object)?,
        peer: request::required("id", request::id(object, "id")?)?,
        room: request::required("roomId", request::id(object, "roomId")?)?,
    })
}

/// A key or token that cannot be one is answered as one that is wrong.
fn session(data: &Data<'_>) -> Result<SessionIdentify, Error> {
    let object = &data.object;
    let api_key = request::text(object, "apiKey")?.and_then(|key| ApiKey::try_from(key).ok());
    let token = token(object)?;
    let session = SessionIdentify {
        session: request::required("roomId", request::id(object, "roomId")?)?,
        peer: request::id(object, "id")?,
        resume_hash: resume_hash(object)?,
        suppressed: request::flag(object, "connectionEventsSuppressed")?,
        e2ee_ready: request::flag(object, "e2eeReady")?,
        api_key: api_key.ok_or(Error::Unauthorized("The API key is not valid"))?,
        token: token.ok_or(Error::Unauthorized("A valid token is required"))?,
    };
    Ok(session)
}

fn token(object: &Object<'_>) -> Result<Option<String>, Error> {
    match request::text(object, "token")? {
        Some(token) if token.len() > MAX_TOKEN_BYTES => {
            Err(Error::TooLarge { field: "token", allowed: "at most 4096 bytes" })
        }
        token => Ok(token),
    }
}

fn resume_hash(object: &Object<'_>) -> Result<Option<SecretHash>, Error> {
    match request::text(object, "resumeToken")?.map(ResumeToken::new) {
        None => Ok(None),
        Some(Some(token)) => Ok(Some(token.hash())),
        Some(None) => {
            Err(Error::BadMessage { field: "resumeToken", allowed: "must be 16 to 128 characters" })
        }
    }
}

fn sfu(data: &Data<'_>) -> Result<SfuIdentify, Error> {
    let room = request::required("id", request::id(&data.object, "id")?)?;
    let features = match request::get(&data.object, "features")? {
        None => Vec::new(),
        Some(raw) => features(raw).ok_or(Error::BadMessage {
            field: "features",
            allowed: "must be at most 32 strings of 1 to 64 bytes",
        })?,
    };
    Ok(SfuIdentify { room, features })
}

fn features(raw: &serde_json::value::RawValue) -> Option<Vec<String>> {
    let names = json::array(raw)?;
    if names.len() > MAX_FEATURES {
        return None;
    }
    names
        .into_iter()
        .map(|name| json::text(name).filter(|name| (1..=MAX_FEATURE_BYTES).contains(&name.len())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn parse(data: &str) -> Result<Identify, Error> {
        let body = format!(r#"{{"action":"identify","data":{data}}}"#);
        Identify::parse(&Request::parse(&body)?.data()?)
    }

    fn message(data: &str) -> String {
        let error = parse(data).unwrap_err();
        format!("{} {}", error.code(), error.message())
    }

    #[test]
    fn a_client_and_an_sfu_are_told_apart() {
        let Identify::Client(client) = parse(r#"{"type":"client","id":"p","roomId":"r"}"#).unwrap() else {
            panic!("a client")
        };
        assert_eq!((client.peer.as_str(), client.room.as_str()), ("p", "r"));
        let Identify::Sfu(sfu) = parse(r#"{"id":"r","type":"sfu","features":["candidates"]}"#).unwrap()
        else {
            panic!("an SFU")
        };
        assert_eq!((sfu.room.as_str(), sfu.features.as_slice()), ("r", &["candidates".to_owned()][..]));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for data in ["{}", r#"{"type":null}"#, r#"{"type":7}"#, r#"{"type":"Client"}"#] {
            assert_eq!(message(data), "missing_type Missing valid type property", "{data}");
        }
        assert_eq!(message(r#"{"type":"client","roomId":"r"}"#), "bad_message id: is required");
        assert_eq!(message(r#"{"type":"client","id":"p"}"#), "bad_message roomId: is required");
        assert!(message(r#"{"type":"client","id":"p q","roomId":"r"}"#).starts_with("bad_message id: must"));
        assert!(message(r#"{"type":"client","id":7,"roomId":"r"}"#).starts_with("bad_message id: must"));
        assert_eq!(message(r#"{"type":"client","id":"a","id":"b"}"#), "bad_message id: is given twice");
        assert!(
            message(r#"{"type":"client","id":"p","roomId":"r","resumeToken":"short"}"#)
                .starts_with("bad_message resumeToken: must be 16")
        );
        assert!(message(r#"{"type":"sfu","id":"r","features":[""]}"#).starts_with("bad_message features"));
        assert!(message(r#"{"type":"sfu","id":"r","features":{}}"#).starts_with("bad_message features"));
    }

    #[test]
    fn debug_output_holds_no_token() {
        let token = "secret-secret-secret";
        let data =
            format!(r#"{{"type":"client","id":"p","roomId":"r","token":"{token}","resumeToken":"{token}"}}"#);
        assert!(!format!("{:?}", parse(&data).unwrap()).contains(token));
    }
}
