//! The encoding of PROTOCOL.md: one JSON object a message.

pub mod envelope;
mod fields;
mod handshake;
mod identify;
mod leave;
mod roster;
mod session;
mod streams;

use self::envelope::Envelope;
use super::{Codec, Message};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::notice::Notice;
use crate::request::{Action, Request};

/// JSON.
#[derive(Clone, Copy, Debug)]
pub struct Json;

impl Codec for Json {
    fn encoding(&self) -> Encoding {
        Encoding::JSON
    }

    fn decode<'a>(&self, text: &'a str) -> Message<'a> {
        match Envelope::parse(text) {
            Ok(envelope) => message(&envelope),
            Err(error) => Message { request_id: None, action: None, request: Err(error) },
        }
    }

    fn encode(&self, notice: &Notice) -> String {
        notice.to_json()
    }
}

fn message<'a>(envelope: &Envelope<'a>) -> Message<'a> {
    let action = action(envelope);
    let known = action.as_ref().ok().copied();
    match envelope.request_id() {
        Ok(request_id) => {
            let request = action.and_then(|action| request(envelope, action));
            Message { request_id, action: known, request }
        }
        Err(error) => Message { request_id: None, action: known, request: Err(error) },
    }
}

/// What a message asks for.
fn action(envelope: &Envelope<'_>) -> Result<Action, Error> {
    let action = envelope.action()?.as_deref().and_then(Action::named).ok_or(Error::UnknownAction)?;
    let data = (action == Action::Identify).then(|| envelope.data().ok()).flatten();
    let enters = data.is_some_and(|data| identify::names_session(&data).unwrap_or_default());
    Ok(if enters { Action::Enter } else { action })
}

/// Reads a message as a request for `action`, whatever it says itself.
///
/// # Errors
/// `missing_type`, `bad_message` or `too_large`, the last two with the field.
pub fn request<'a>(envelope: &Envelope<'a>, action: Action) -> Result<Request<'a>, Error> {
    Ok(match action {
        Action::Identify | Action::Enter => Request::Identify(identify::read(&envelope.data()?)?),
        Action::Handshake => Request::Handshake(handshake::read(&envelope.data()?)?),
        Action::Leave => Request::Leave(leave::read(envelope)?),
        Action::Signal => Request::Signal(session::signal(&envelope.data()?)?),
        Action::ForceDisconnect => Request::ForceDisconnect(session::force_disconnect(&envelope.data()?)?),
        Action::ForceMuteStream => Request::ForceMuteStream(streams::force_mute(&envelope.data()?)?),
        Action::ForceMuteAll => Request::ForceMuteAll(streams::force_mute_all(envelope)?),
        Action::DisableForceMute => {
            streams::disable_force_mute(envelope)?;
            Request::DisableForceMute
        }
        Action::ForceUnpublish => Request::ForceUnpublish(streams::force_unpublish(&envelope.data()?)?),
        Action::ReportIssue => Request::ReportIssue(session::report_issue(&envelope.data()?)?),
        Action::Publish => Request::Publish(streams::publish(&envelope.data()?)?),
        Action::Unpublish => Request::Unpublish(streams::unpublish(&envelope.data()?)?),
        Action::UpdateStream => Request::UpdateStream(streams::update(&envelope.data()?)?),
        Action::Subscribe => Request::Subscribe(streams::subscribe(&envelope.data()?)?),
        Action::Unsubscribe => Request::Subscribe(streams::unsubscribe(&envelope.data()?)?),
        Action::Roster => Request::Roster(roster::read(&envelope.data()?)?),
        Action::Ping => Request::Ping,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RequestId;

    #[test]
    fn what_was_asked_for_is_known_also_when_the_message_does_not_read() {
        let action = |text: &str| Json.decode(text).action;
        assert_eq!(action(r#"{"action":"signal","requestId":7}"#), Some(Action::Signal));
        assert_eq!(action(r#"{"action":"identify","data":[]}"#), Some(Action::Identify));
        let enters = r#"{"action":"identify","data":{"type":"client","apiKey":7}}"#;
        assert_eq!(action(enters), Some(Action::Enter));
        assert_eq!(
            action(r#"{"action":"identify","data":{"type":"sfu","apiKey":7}}"#),
            Some(Action::Identify)
        );
        for name in ["sing", "enter", "Signal", "force_disconnect"] {
            assert_eq!(action(&format!(r#"{{"action":"{name}"}}"#)), None, "{name}");
        }
        assert_eq!(action("nothing"), None);
    }

    #[test]
    fn an_action_that_nobody_knows_is_answered_by_name() {
        let message = Json.decode(r#"{"action":"sing","requestId":"r"}"#);
        assert_eq!(message.request.unwrap_err().code(), "unknown_action");
        assert_eq!(message.request_id, RequestId::new("r".into()));
    }
}
