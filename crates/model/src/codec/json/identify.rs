//! `identify`.

use super::envelope::Data;
use super::fields;
use crate::error::Error;
use crate::identify::{
    ClientIdentify, Identify, MAX_FEATURE_BYTES, MAX_FEATURES, MAX_TOKEN_BYTES, SessionIdentify, SfuIdentify,
};
use crate::json::{self, Object};
use crate::secret::{ResumeToken, SecretHash};
use crate::session::project::ApiKey;

/// Whether a client wants to enter a session: its message has an `apiKey`.
///
/// # Errors
/// `bad_message` when it is given twice.
pub(super) fn names_session(data: &Data<'_>) -> Result<bool, Error> {
    let kind = fields::get(&data.object, "type")?.and_then(json::text);
    Ok(kind.as_deref() == Some("client") && fields::get(&data.object, "apiKey")?.is_some())
}

/// Reads the `data` of an identify.
///
/// # Errors
/// `missing_type`, or `bad_message` that names the field.
pub(super) fn read(data: &Data<'_>) -> Result<Identify, Error> {
    let kind = fields::get(&data.object, "type")?.and_then(json::text);
    match kind.as_deref() {
        Some("client") if names_session(data)? => {
            session(data).map(|session| Identify::Session(Box::new(session)))
        }
        Some("client") => client(data).map(Identify::Client),
        Some("sfu") => sfu(data).map(Identify::Sfu),
        Some(_) | None => Err(Error::MissingType),
    }
}

fn client(data: &Data<'_>) -> Result<ClientIdentify, Error> {
    let object = &data.object;
    Ok(ClientIdentify {
        token: token(object)?,
        resume_hash: resume_hash(object)?,
        peer: fields::required("id", fields::id(object, "id")?)?,
        room: fields::required("roomId", fields::id(object, "roomId")?)?,
    })
}

/// A key or token that cannot be one is answered as one that is wrong.
fn session(data: &Data<'_>) -> Result<SessionIdentify, Error> {
    let object = &data.object;
    let api_key = fields::text(object, "apiKey")?.and_then(|key| ApiKey::try_from(key).ok());
    let token = token(object)?;
    let session = SessionIdentify {
        session: fields::required("roomId", fields::id(object, "roomId")?)?,
        peer: fields::id(object, "id")?,
        resume_hash: resume_hash(object)?,
        suppressed: fields::flag(object, "connectionEventsSuppressed")?,
        e2ee_ready: fields::flag(object, "e2eeReady")?,
        api_key: api_key.ok_or(Error::Unauthorized("The API key is not valid"))?,
        token: token.ok_or(Error::Unauthorized("A valid token is required"))?,
    };
    Ok(session)
}

fn token(object: &Object<'_>) -> Result<Option<String>, Error> {
    match fields::text(object, "token")? {
        Some(token) if token.len() > MAX_TOKEN_BYTES => {
            Err(Error::TooLarge { field: "token", allowed: "at most 4096 bytes" })
        }
        token => Ok(token),
    }
}

fn resume_hash(object: &Object<'_>) -> Result<Option<SecretHash>, Error> {
    match fields::text(object, "resumeToken")?.map(ResumeToken::new) {
        None => Ok(None),
        Some(Some(token)) => Ok(Some(token.hash())),
        Some(None) => {
            Err(Error::BadMessage { field: "resumeToken", allowed: "must be 16 to 128 characters" })
        }
    }
}

fn sfu(data: &Data<'_>) -> Result<SfuIdentify, Error> {
    let room = fields::required("id", fields::id(&data.object, "id")?)?;
    let features = match fields::get(&data.object, "features")? {
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
    use crate::codec::json::envelope::Envelope;

    fn parse(data: &str) -> Result<Identify, Error> {
        let body = format!(r#"{{"action":"identify","data":{data}}}"#);
        read(&Envelope::parse(&body)?.data()?)
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
