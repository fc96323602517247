//! What is answered.

use serde_json::json;

use super::RestError;
use super::date::calendar;
use crate::id::{PeerId, RoomId};
use crate::session::project::ApiKey;
use crate::session::stream::StreamInfo;
use crate::time::EpochMillis;

const JSON: &str = "application/json";
const XML: &str = "text/xml";
const PROLOG: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Nearly always.
    Json,
    /// By session creation, unless JSON is asked for.
    Xml,
}

impl Format {
    /// How session creation answers a request with this `Accept` header (RFC 9110 §12.5.1): in XML, unless JSON is
    /// named. As the vendor does it: SDKs that read JSON name it, and those that read XML take anything.
    #[must_use]
    pub fn of_accept(accept: Option<&str>) -> Self {
        let json = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(JSON));
            named && !parts.any(refuses)
        };
        if accept.unwrap_or_default().split(',').any(json) { Self::Json } else { Self::Xml }
    }
}

/// Whether a parameter of a media range says that it is not wanted: a weight of 0.
fn refuses(parameter: &str) -> bool {
    let weight = parameter.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, weight)| weight.trim().parse() == Ok(0.0))
}

/// What a request that succeeded is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, and there is nothing to say.
    Done,
    /// A session was made.
    Created(Created),
    /// Who is in a session.
    Connections {
        /// Its project.
        project: ApiKey,
        /// The session.
        session: RoomId,
        /// Who is in it.
        connections: Vec<Connected>,
    },
    /// Streams.
    Streams(Vec<StreamInfo>),
    /// One stream.
    Stream(Box<StreamInfo>),
    /// What a mute is answered: the project.
    Project(ApiKey),
}

/// A session that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub session: RoomId,
    /// Its project.
    pub project: ApiKey,
    /// When.
    pub at: EpochMillis,
    /// Random bits for `session_segment_id`, a UUID that nothing refers to.
    pub segment: u128,
}

/// Somebody in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The connection.
    pub connection_id: PeerId,
    /// Since when, in milliseconds.
    pub created_at: EpochMillis,
}

/// An answer as HTTP has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The content type, with no parameters, and the body; 204 has neither.
    pub content: Option<(&'static str, String)>,
    /// The methods that the path knows, after one that it does not.
    pub allow: Option<String>,
}

impl Answer {
    /// Writes it.
    #[must_use]
    pub fn response(&self, format: Format) -> Response {
        let json = |body: serde_json::Value| (JSON, body.to_string());
        let content = match self {
            Self::Done => return Response { status: 204, content: None, allow: None },
            Self::Created(created) => match format {
                Format::Json => json(json!([created.json()])),
                Format::Xml => (XML, created.xml()),
            },
            Self::Connections { project, session, connections } => json(json!({
                "count": connections.len(),
                "projectId": project,
                "sessionId": session,
                "items": connections.iter().map(Connected::json).collect::<Vec<_>>(),
            })),
            Self::Streams(streams) => {
                let items: Vec<_> = streams.iter().map(stream).collect();
                json(json!({ "count": items.len(), "items": items }))
            }
            Self::Stream(one) => json(stream(one)),
            // Every field of the vendor's answer but the secret. When the project was made nobody here knows.
            Self::Project(key) => json(json!({
                "id": key,
                "applicationId": key,
                "status": "ACTIVE",
                "name": key,
                "environment": "standard",
                "createdAt": null,
            })),
        };
        Response { status: 200, content: Some(content), allow: None }
    }
}

/// A stream as the vendor's SDKs read it.
fn stream(stream: &StreamInfo) -> serde_json::Value {
    json!({
        "id": stream.stream_id,
        "videoType": stream.video_type,
        "name": stream.name,
        "layoutClassList": stream.layout_class_list,
    })
}

impl Connected {
    fn json(&self) -> serde_json::Value {
        json!({
            "connectionId": self.connection_id,
            "connectionState": "Connected",
            "createdAt": self.created_at,
        })
    }
}

impl Created {
    /// Every field of the vendor's answer. Those that are null name servers, of which a client here needs to know none.
    fn json(&self) -> serde_json::Value {
        json!({
            "session_id": self.session,
            "project_id": self.project,
            "partner_id": self.project,
            "create_dt": calendar(self.at),
            "session_status": null,
            "media_server_hostname": null,
            "media_server_url": "",
            "messaging_server_url": null,
            "ice_server": null,
            "ice_servers": null,
            "session_segment_id": uuid::Builder::from_random_bytes(self.segment.to_be_bytes()).into_uuid().to_string(),
            "ice_credential_expiration": 86_100,
        })
    }

    /// Nothing here needs escaping: ids and API keys have no character that XML minds.
    fn xml(&self) -> String {
        let Self { session, project, at, .. } = self;
        format!(
            "{PROLOG}<sessions><Session><session_id>{session}</session_id><partner_id>{project}</partner_id>\
             <create_dt>{}</create_dt></Session></sessions>",
            calendar(*at)
        )
    }
}

impl RestError {
    /// Writes it.
    #[must_use]
    pub fn response(&self, format: Format) -> Response {
        let (status, message) = (self.status(), self.to_string());
        let content = match format {
            Format::Json => (JSON, json!({ "code": status, "message": message }).to_string()),
            // The sentences are ours, and have no character that XML minds.
            Format::Xml => {
                (XML, format!(r#"{PROLOG}<error code="{status}"><x message="{message}"/></error>"#))
            }
        };
        let allow = if let Self::MethodNotAllowed { allow } = self { Some(allow.join(", ")) } else { None };
        Response { status, content: Some(content), allow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created() -> Answer {
        Answer::Created(Created {
            session: RoomId::try_from("1_MX5-".to_owned()).unwrap(),
            project: ApiKey::try_from("47000001".to_owned()).unwrap(),
            at: EpochMillis(1_479_513_036_000),
            segment: u128::MAX,
        })
    }

    fn body(response: Response, kind: &str) -> String {
        let (content_type, body) = response.content.unwrap();
        assert_eq!(content_type, kind);
        body
    }

    #[test]
    fn a_session_is_answered_as_the_vendor_does() {
        let response = created().response(Format::Json);
        assert_eq!(response.status, 200);
        let expected = json!([{
            "session_id": "1_MX5-",
            "project_id": "47000001",
            "partner_id": "47000001",
            "create_dt": "Fri Nov 18 23:50:36 UTC 2016",
            "session_status": null,
            "media_server_hostname": null,
            "media_server_url": "",
            "messaging_server_url": null,
            "ice_server": null,
            "ice_servers": null,
            "session_segment_id": "ffffffff-ffff-4fff-bfff-ffffffffffff",
            "ice_credential_expiration": 86100,
        }]);
        let body: serde_json::Value = serde_json::from_str(&body(response, "application/json")).unwrap();
        assert_eq!(body, expected);
    }

    #[test]
    fn a_session_is_answered_in_xml() {
        let xml = body(created().response(Format::Xml), "text/xml");
        let expected = "<sessions><Session><session_id>1_MX5-</session_id><partner_id>47000001</partner_id>\
                        <create_dt>Fri Nov 18 23:50:36 UTC 2016</create_dt></Session></sessions>";
        assert_eq!(xml.strip_prefix(PROLOG).unwrap(), expected);
        let error = body(RestError::Unauthorized.response(Format::Xml), "text/xml");
        let expected = r#"<error code="403"><x message="Invalid credentials"/></error>"#;
        assert_eq!(error.strip_prefix(PROLOG).unwrap(), expected);
    }

    #[test]
    fn json_is_for_those_who_name_it() {
        for accept in [
            "application/json",
            "application/JSON, text/xml",
            "text/xml, application/json ; q=0.1",
            "application/json;charset=utf-8",
            "application/json, text/plain, */*",
        ] {
            assert_eq!(Format::of_accept(Some(accept)), Format::Json, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "text/xml, */*;q=0.1",
            "Application/XML;q=0.9",
            "text/html, application/xml",
            "application/json;q=0, */*",
            "application/json; Q = 0.0",
            "application/jsonx",
        ] {
            assert_eq!(Format::of_accept(Some(accept)), Format::Xml, "{accept}");
        }
        assert_eq!(Format::of_accept(None), Format::Xml);
    }

    #[test]
    fn done_has_no_body_and_no_type() {
        let done = Answer::Done.response(Format::Json);
        assert_eq!(done, Response { status: 204, content: None, allow: None });
    }

    #[test]
    fn every_error_has_a_body_with_its_code() {
        let response = RestError::MethodNotAllowed { allow: vec!["GET", "PUT"] }.response(Format::Json);
        assert_eq!((response.status, response.allow.as_deref()), (405, Some("GET, PUT")));
        let expected = r#"{"code":405,"message":"The method is not allowed here"}"#;
        assert_eq!(body(response, "application/json"), expected);
    }

    #[test]
    fn connections_are_listed_with_their_state() {
        let connections = Answer::Connections {
            project: ApiKey::try_from("47000001".to_owned()).unwrap(),
            session: RoomId::try_from("1_MX5-".to_owned()).unwrap(),
            connections: vec![Connected {
                connection_id: PeerId::try_from("a=".to_owned()).unwrap(),
                created_at: EpochMillis(7),
            }],
        };
        let body: serde_json::Value =
            serde_json::from_str(&body(connections.response(Format::Json), "application/json")).unwrap();
        let item = json!({ "connectionId": "a=", "connectionState": "Connected", "createdAt": 7 });
        let expected = json!({ "count": 1, "projectId": "47000001", "sessionId": "1_MX5-", "items": [item] });
        assert_eq!(body, expected);
    }
}
