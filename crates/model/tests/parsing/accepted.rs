//! What the functions do with a text, and what must hold for whatever comes of it. The fuzz targets (`fuzz/`) use
//! this very file.

use model::codec::Codec as _;
use model::codec::json::Json;
use model::codec::json::envelope::Envelope;
use model::codec::json::request;
use model::error::Error;
use model::handshake::Direction;
use model::http::path_of_body;
use model::identify::Identify;
use model::request::{Action, Request};
use model::session::signal::SendSignal;
use serde_json::Value;

/// Stands in most generated texts, and so must never stand in an error.
pub(crate) const CANARY: &str = "Kanarie7";

/// What was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    Handshake {
        sender: String,
        room: String,
        receiver: Option<String>,
        kind: String,
        batch: bool,
        text: String,
    },
    Client {
        peer: String,
        room: String,
    },
    Session {
        peer: Option<String>,
        session: String,
        api_key: String,
    },
    Sfu {
        room: String,
        features: Vec<String>,
    },
}

/// Has every parser read `body`, as every route would, and checks whatever they say.
pub(crate) fn accepted(body: &str) -> Option<Accepted> {
    if let Err(error) = path_of_body(body) {
        says_nothing_of(body, &error.to_string());
        says_nothing_of(body, &format!("{error:?}"));
    }
    checked(body, Json.decode(body).request);
    let handshake = checked(body, handshake(body));
    let identify = checked(body, identify(body));
    assert!(handshake.is_none() || identify.is_none(), "two things at once: {body}");
    checked(body, signal(body));
    let accepted = handshake.or(identify);
    if let (Some(accepted), Ok(message)) = (&accepted, serde_json::from_str::<Value>(body)) {
        agrees(accepted, message.get("data").unwrap_or(&Value::Null));
    }
    accepted
}

fn handshake(body: &str) -> Result<Accepted, Error> {
    let envelope = Envelope::parse(body)?;
    envelope.request_id()?;
    let Request::Handshake(read) = request(&envelope, Action::Handshake)? else {
        panic!("not a handshake: {body}");
    };
    let data = envelope.data()?;
    assert!(body.as_bytes().as_ptr_range().contains(&read.text.as_ptr()), "not the sender's own bytes");
    assert!(read.text.starts_with('{') && read.text.ends_with('}'), "{}", read.text);
    let receiver = match &read.direction {
        Direction::ToSfu(_) => None,
        Direction::ToPeer(_, peer) => Some(peer.to_string()),
    };
    let kind = model::json::text(data.object.get("type").unwrap().unwrap()).unwrap();
    Ok(Accepted::Handshake {
        sender: read.sender.to_string(),
        room: read.direction.room().to_string(),
        receiver,
        kind,
        batch: read.batch,
        text: read.text.to_owned(),
    })
}

fn identify(body: &str) -> Result<Accepted, Error> {
    let envelope = Envelope::parse(body)?;
    envelope.request_id()?;
    let Request::Identify(identify) = request(&envelope, Action::Identify)? else {
        panic!("not an identify: {body}");
    };
    Ok(match identify {
        Identify::Client(client) => {
            Accepted::Client { peer: client.peer.to_string(), room: client.room.to_string() }
        }
        Identify::Session(client) => Accepted::Session {
            peer: client.peer.map(|peer| peer.to_string()),
            session: client.session.to_string(),
            api_key: client.api_key.to_string(),
        },
        Identify::Sfu(sfu) => Accepted::Sfu { room: sfu.room.to_string(), features: sfu.features },
    })
}

/// A signal says nothing about who sends it: an object with texts, or none, is one.
fn signal(body: &str) -> Result<(), Error> {
    let envelope = Envelope::parse(body)?;
    envelope.request_id()?;
    let Request::Signal(SendSignal { signal, to }) = request(&envelope, Action::Signal)? else {
        panic!("not a signal: {body}");
    };
    assert!(
        signal.kind.len() <= 128 && signal.data.len() <= 8192 && to.is_none_or(|to| to.as_str().len() <= 128)
    );
    Ok(())
}

fn checked<T>(body: &str, read: Result<T, Error>) -> Option<T> {
    read.inspect_err(|error| {
        assert!((400..500).contains(&error.status()), "{error:?} is no fault of ours");
        says_nothing_of(body, &error.message());
        says_nothing_of(body, &error.to_string());
        says_nothing_of(body, &format!("{error:?}"));
    })
    .ok()
}

/// An independent parser reads the same in the same message.
fn agrees(accepted: &Accepted, data: &Value) {
    let field =
        |name: &str| data.get(name).filter(|value| !value.is_null()).map(|value| value.as_str().unwrap());
    match accepted {
        Accepted::Handshake { sender, room, receiver, kind, batch, text } => {
            assert_eq!(field("sender"), Some(sender.as_str()));
            assert_eq!(field("roomId").or(Some(sender)), Some(room.as_str()));
            assert_eq!(field("receiver"), receiver.as_deref());
            assert_eq!(field("type"), Some(kind.as_str()));
            assert_eq!(data.get("candidates").is_some_and(Value::is_array), *batch);
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), *data);
        }
        Accepted::Client { peer, room } => {
            assert_eq!(
                (field("type"), field("id"), field("roomId")),
                (Some("client"), Some(&**peer), Some(&**room))
            );
        }
        Accepted::Session { peer, session, api_key } => {
            assert_eq!((field("type"), field("id")), (Some("client"), peer.as_deref()));
            assert_eq!((field("roomId"), field("apiKey")), (Some(&**session), Some(&**api_key)));
        }
        Accepted::Sfu { room, .. } => {
            assert_eq!((field("type"), field("id")), (Some("sfu"), Some(room.as_str())));
        }
    }
}

/// Whether what the sender, or the log, is told is free of what the message holds: no canary, and no 16 bytes that
/// also stand in the message (names of fields are shorter).
fn says_nothing_of(body: &str, said: &str) {
    assert!(!said.contains(CANARY), "{said}");
    assert!(said.len() <= 160 && said.is_ascii(), "{said}");
    // Long messages are slow to search.
    if crate::KNOWS_OUR_SENTENCES || body.len() > 20_000 {
        return;
    }
    for window in said.as_bytes().windows(16) {
        let window = std::str::from_utf8(window).unwrap();
        assert!(!body.contains(window), "{window:?} of the answer stands in the message");
    }
}
