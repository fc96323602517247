//! The requests that only sessions know: `signal`, `forceDisconnect` and `reportIssue`.

use super::envelope::Data;
use super::fields;
use crate::error::Error;
use crate::session::issue::{MAX_ISSUE_BYTES, ReportIssue};
use crate::session::moderation::ForceDisconnect;
use crate::session::signal::{SendSignal, Signal};

/// Reads `{type?, data?, to?}`.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn signal(data: &Data<'_>) -> Result<SendSignal, Error> {
    let object = &data.object;
    let kind = fields::text(object, "type")?.unwrap_or_default();
    let text = fields::text(object, "data")?.unwrap_or_default();
    let signal = Signal::new(kind, text).map_err(Error::InvalidSignal)?;
    Ok(SendSignal { signal, to: fields::id(object, "to")? })
}

/// Reads `{connectionId}`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn force_disconnect(data: &Data<'_>) -> Result<ForceDisconnect, Error> {
    let connection = fields::required("connectionId", fields::id(&data.object, "connectionId")?)?;
    Ok(ForceDisconnect { connection })
}

/// Reads `{text}`.
///
/// # Errors
/// `bad_message` or `too_large`, which name the field.
pub(super) fn report_issue(data: &Data<'_>) -> Result<ReportIssue, Error> {
    let text = fields::required("text", fields::text(&data.object, "text")?)?;
    match text.len() {
        0 => Err(Error::BadMessage { field: "text", allowed: "must not be empty" }),
        1..=MAX_ISSUE_BYTES => Ok(ReportIssue { text }),
        _ => Err(Error::TooLarge { field: "text", allowed: "at most 8192 bytes of UTF-8" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::envelope::Envelope;
    use crate::request::Action;
    use crate::session::otc::Otc;

    fn parse(data: &str) -> Result<SendSignal, Error> {
        let body = format!(r#"{{"action":"signal","data":{data}}}"#);
        signal(&Envelope::parse(&body)?.data()?)
    }

    #[test]
    fn a_signal_may_be_empty() {
        let SendSignal { signal, to } = parse("{}").unwrap();
        assert_eq!((signal.kind.as_str(), signal.data.as_str(), to), ("", "", None));
    }

    #[test]
    fn limits_are_counted_in_bytes_and_have_numbers() {
        let refusal = |kind: &str, data: &str| {
            let message = serde_json::json!({ "type": kind, "data": data }).to_string();
            let number = |error: &Error| Otc::of(error, Some(Action::Signal)).map(Otc::number);
            parse(&message).map(drop).map_err(|error| (error.status(), number(&error)))
        };
        assert_eq!(refusal(&"a".repeat(128), &"x".repeat(8192)), Ok(()));
        assert_eq!(refusal(&"a".repeat(129), ""), Err((413, Some(1414))));
        assert_eq!(refusal("", &"x".repeat(8193)), Err((413, Some(1413))));
        assert_eq!(refusal("", &"é".repeat(4097)), Err((413, Some(1413))));
        assert_eq!(refusal("A-z_0~9", ""), Ok(()));
        for kind in ["a b", "a.b", "é", "a:b", "\u{0}"] {
            assert_eq!(refusal(kind, ""), Err((400, Some(1461))), "{kind}");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert_eq!(parse(r#"{"data":7}"#).unwrap_err().message(), "data: must be a string");
        assert_eq!(parse(r#"{"type":"a","type":"b"}"#).unwrap_err().message(), "type: is given twice");
        assert_eq!(parse(r#"{"to":"a b"}"#).unwrap_err().code(), "bad_message");
    }
}
