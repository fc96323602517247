//! What a method and a path ask for.

use super::RestError;
use crate::id::{InvalidId, PeerId, RoomId};
use crate::session::id::api_key_of;
use crate::session::stream::StreamId;

/// What of the vendor's API is not here: the segment behind the project, and how a refusal names it.
const OUT_OF_SCOPE: [(&str, &str); 7] = [
    ("archive", "Archiving"),
    ("broadcast", "Broadcasting"),
    ("callback", "Callbacks by HTTP"),
    ("captions", "Captioning"),
    ("connect", "Connecting audio"),
    ("dial", "Dialling by SIP"),
    ("render", "Composing"),
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A session is to be made.
    CreateSession,
    /// Something about a session.
    Session {
        /// The session, which may not exist.
        id: RoomId,
        /// What about it.
        action: Action,
    },
}

/// What is asked for in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A signal, for one connection or for all.
    Signal {
        /// The connection, if it is for one.
        to: Option<PeerId>,
    },
    /// A connection is to be ended.
    ForceDisconnect(PeerId),
    /// Who is there.
    ListConnections,
    /// Which streams there are.
    ListStreams,
    /// Streams are to get layout classes.
    SetLayoutClasses,
    /// A stream is asked for; `None`: by an id that cannot be a stream's.
    OneStream(Option<StreamId>),
    /// A stream is to be muted; `None`: by an id that cannot be a stream's.
    MuteStream(Option<StreamId>),
    /// All streams are to be muted, or to begin with sound again.
    MuteAll,
}

/// The project in a path's segments, if it has one.
#[must_use]
pub fn project_of(segments: &[String]) -> Option<&str> {
    match segments {
        [version, project, key, ..] if version == "v2" && project == "project" => Some(key),
        _ => None,
    }
}

impl Endpoint {
    /// Reads a method and the decoded segments of a path.
    ///
    /// # Errors
    /// 404 for a path that is not there, 405 for one that knows other methods, 400 for an id that cannot be one, 501
    /// for what the vendor has and we do not.
    pub fn read(method: &str, segments: &[String]) -> Result<Self, RestError> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        // One SDK ends some of its paths with a slash.
        let segments = segments.strip_suffix(&[""]).unwrap_or(&segments);
        match segments {
            ["session", "create"] => one_of(&[("POST", Self::CreateSession)], method),
            ["v2", "project", _, "session", id, rest @ ..] => {
                let action = action(method, rest)?;
                Ok(Self::Session { id: session(id)?, action })
            }
            ["v2", "project", _, part, ..] => Err(out_of_scope(part)),
            _ => Err(RestError::NoEndpoint),
        }
    }
}

fn action(method: &str, rest: &[&str]) -> Result<Action, RestError> {
    match rest {
        ["signal"] => one_of(&[("POST", Action::Signal { to: None })], method),
        ["connection"] => one_of(&[("GET", Action::ListConnections)], method),
        ["connection", id] => {
            one_of(&[("DELETE", ())], method)?;
            connection(id).map(Action::ForceDisconnect)
        }
        ["connection", id, "signal"] => {
            one_of(&[("POST", ())], method)?;
            Ok(Action::Signal { to: Some(connection(id)?) })
        }
        ["stream"] => one_of(&[("GET", Action::ListStreams), ("PUT", Action::SetLayoutClasses)], method),
        ["stream", id] => one_of(&[("GET", Action::OneStream(stream(id)))], method),
        ["stream", id, "mute"] => one_of(&[("POST", Action::MuteStream(stream(id)))], method),
        ["mute"] => one_of(&[("POST", Action::MuteAll)], method),
        ["play-dtmf"] | ["connection", _, "play-dtmf"] => {
            one_of(&[("POST", ())], method)?;
            Err(RestError::NotImplemented("Playing tones"))
        }
        _ => Err(RestError::NoEndpoint),
    }
}

/// What the method of a path stands for.
fn one_of<T: Clone>(known: &[(&'static str, T)], method: &str) -> Result<T, RestError> {
    match known.iter().find(|(name, _)| *name == method) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(RestError::MethodNotAllowed { allow: known.iter().map(|(name, _)| *name).collect() }),
    }
}

fn out_of_scope(part: &str) -> RestError {
    match OUT_OF_SCOPE.iter().find(|(segment, _)| *segment == part) {
        Some((_, name)) => RestError::NotImplemented(name),
        None => RestError::NoEndpoint,
    }
}

/// An id that names no project was never a session's.
fn session(text: &str) -> Result<RoomId, RestError> {
    let id = RoomId::try_from(text.to_owned()).ok().filter(|id| api_key_of(id).is_some());
    id.ok_or(RestError::Invalid { field: "sessionId", allowed: "must be the id of a session" })
}

fn connection(text: &str) -> Result<PeerId, RestError> {
    text.to_owned().try_into().map_err(|InvalidId| RestError::Invalid {
        field: "connectionId",
        allowed: "must be 1 to 128 characters of A-Z a-z 0-9 _ . : = -",
    })
}

/// What cannot be a stream's id is none that is there: SDKs know no other error.
fn stream(text: &str) -> Option<StreamId> {
    StreamId::try_from(text.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `1~47000001~~1795200000000~ABCDEFGHIJKLMNOPQRSTUVWX~P~`
    const ID: &str = "1_MX40NzAwMDAwMX5-MTc5NTIwMDAwMDAwMH5BQkNERUZHSElKS0xNTk9QUVJTVFVWV1h-UH4";

    fn read(request: &str) -> Result<Endpoint, RestError> {
        let (method, path) = request.split_once(" /").unwrap();
        let path = path.replace("1_s", ID);
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        Endpoint::read(method, &segments)
    }

    fn in_session(action: Action) -> Endpoint {
        Endpoint::Session { id: RoomId::try_from(ID.to_owned()).unwrap(), action }
    }

    fn status(request: &str) -> u16 {
        read(request).unwrap_err().status()
    }

    #[test]
    fn each_path_is_known_by_its_method() {
        let peer = PeerId::try_from("AdaZkdJ3IAMCKmg=".to_owned()).unwrap();
        assert_eq!(read("POST /session/create").unwrap(), Endpoint::CreateSession);
        let cases = [
            ("POST", "signal", Action::Signal { to: None }),
            ("POST", "connection/AdaZkdJ3IAMCKmg=/signal", Action::Signal { to: Some(peer.clone()) }),
            ("DELETE", "connection/AdaZkdJ3IAMCKmg=", Action::ForceDisconnect(peer)),
            ("GET", "connection", Action::ListConnections),
            ("GET", "stream", Action::ListStreams),
            ("PUT", "stream", Action::SetLayoutClasses),
            ("GET", "stream/x", Action::OneStream(None)),
            ("GET", "stream/abcdefgh~p", Action::OneStream(stream("abcdefgh~p"))),
            ("POST", "stream/x/mute", Action::MuteStream(None)),
            ("POST", "stream/abcdefgh~p/mute", Action::MuteStream(stream("abcdefgh~p"))),
            ("POST", "mute", Action::MuteAll),
        ];
        for (method, path, action) in cases {
            let request = format!("{method} /v2/project/47000001/session/1_s/{path}");
            assert_eq!(read(&request).unwrap(), in_session(action), "{request}");
            assert_eq!(read(&format!("{request}/")).unwrap(), read(&request).unwrap(), "{request}/");
        }
    }

    #[test]
    fn another_method_is_told_which_there_are() {
        let allow = |request| match read(request) {
            Err(RestError::MethodNotAllowed { allow }) => allow,
            other => panic!("{request}: {other:?}"),
        };
        assert_eq!(allow("GET /session/create"), ["POST"]);
        assert_eq!(allow("DELETE /v2/project/1/session/1_s/stream"), ["GET", "PUT"]);
        assert_eq!(allow("GET /v2/project/1/session/1_s/connection/a"), ["DELETE"]);
        assert_eq!(allow("GET /v2/project/1/session/1_s/mute"), ["POST"]);
        assert_eq!(allow("get /v2/project/1/session/1_s/signal"), ["POST"]);
    }

    #[test]
    fn what_the_vendor_has_beside_is_not_implemented() {
        for path in [
            "archive",
            "archive/1/stop",
            "broadcast/",
            "callback/1",
            "captions",
            "connect",
            "dial",
            "render",
            "session/1_s/play-dtmf",
            "session/1_s/connection/a/play-dtmf",
        ] {
            assert_eq!(status(&format!("POST /v2/project/1/{path}")), 501, "{path}");
        }
        assert_eq!(status("GET /v2/project/1/archive"), 501);
    }

    #[test]
    fn other_paths_are_not_there() {
        for path in
            ["v2/project/1", "v2/project/1/", "v2/project/1/x", "v2/project/1/session", "v2/x/1/archive", ""]
        {
            assert_eq!(status(&format!("GET /{path}")), 404, "{path}");
        }
        for path in ["", "/x", "/stream/x/y", "/connection/a/b", "/signal/x", "/connection/a/signal/x"] {
            assert_eq!(status(&format!("POST /v2/project/1/session/1_s{path}")), 404, "{path}");
        }
    }

    #[test]
    fn an_id_that_cannot_be_one_is_no_unknown_one() {
        for id in ["a b", "", "unknown", "1_unknown", "1_MX5-"] {
            assert_eq!(status(&format!("POST /v2/project/1/session/{id}/signal")), 400, "{id}");
        }
        assert_eq!(status("POST /v2/project/1/session/1_s/connection/a+b/signal"), 400);
        assert_eq!(status("DELETE /v2/project/1/session/1_s/connection/"), 405);
        assert_eq!(status(&format!("DELETE /v2/project/1/session/1_s/connection/{}", "x".repeat(129))), 400);
    }

    #[test]
    fn the_project_is_the_third_segment() {
        let project = |path: &str| {
            project_of(&path.split('/').map(str::to_owned).collect::<Vec<_>>()).map(str::to_owned)
        };
        assert_eq!(project("v2/project/47000001/session/1_s").as_deref(), Some("47000001"));
        assert_eq!(project("v2/project"), None);
        assert_eq!(project("session/create"), None);
    }
}
