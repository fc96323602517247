//! What a signal may be: a type and a text, for everybody in a session or for one connection.

use super::Otc;
use crate::error::Error;
use crate::id::PeerId;
use crate::request::{self, Data};

/// The longest type, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;
/// The longest data, in bytes of UTF-8. The model's documents say 8 KB; its JavaScript client counts 8,190.
pub const MAX_DATA_BYTES: usize = 8192;

/// A signal, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What receivers filter by; may be empty.
    pub kind: String,
    /// The text; may be empty.
    pub data: String,
}

/// Why a text cannot be a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The type is over [`MAX_TYPE_BYTES`].
    TypeTooLong,
    /// The type has a character other than `A-Z a-z 0-9 - _ ~`.
    TypeAlphabet,
    /// The data is over [`MAX_DATA_BYTES`].
    DataTooLong,
}

impl Signal {
    /// Checks a type and a text.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong.
    pub fn new(kind: String, data: String) -> Result<Self, Invalid> {
        if kind.len() > MAX_TYPE_BYTES {
            Err(Invalid::TypeTooLong)
        } else if !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)) {
            Err(Invalid::TypeAlphabet)
        } else if data.len() > MAX_DATA_BYTES {
            Err(Invalid::DataTooLong)
        } else {
            Ok(Self { kind, data })
        }
    }

    /// Reads the `data` of a `signal` request, `{type?, data?, to?}`: the signal, and the connection that it is for if it is
    /// not for all.
    ///
    /// # Errors
    /// `bad_message` or `too_large` that names the field, with the model's number.
    pub fn parse(data: &Data<'_>) -> Result<(Self, Option<PeerId>), Error> {
        let object = &data.object;
        let kind = request::text(object, "type")?.unwrap_or_default();
        let text = request::text(object, "data")?.unwrap_or_default();
        let signal = Self::new(kind, text).map_err(Invalid::error)?;
        Ok((signal, request::id(object, "to")?))
    }
}

impl Invalid {
    /// What the sender on a socket is told.
    fn error(self) -> Error {
        let (number, error) = match self {
            Self::TypeTooLong => {
                (Otc::SignalTypeTooLong, Error::TooLarge { field: "type", allowed: "at most 128 bytes" })
            }
            Self::TypeAlphabet => (
                Otc::InvalidSignalType,
                Error::BadMessage { field: "type", allowed: "must be characters of A-Z a-z 0-9 - _ ~" },
            ),
            Self::DataTooLong => (
                Otc::SignalDataTooLong,
                Error::TooLarge { field: "data", allowed: "at most 8192 bytes of UTF-8" },
            ),
        };
        error.numbered(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;

    fn parse(data: &str) -> Result<(Signal, Option<PeerId>), Error> {
        let body = format!(r#"{{"action":"signal","data":{data}}}"#);
        Signal::parse(&Request::parse(&body)?.data()?)
    }

    #[test]
    fn a_signal_may_be_empty() {
        let (signal, to) = parse("{}").unwrap();
        assert_eq!((signal.kind.as_str(), signal.data.as_str(), to), ("", "", None));
    }

    #[test]
    fn limits_are_counted_in_bytes_and_have_numbers() {
        let refusal = |kind: &str, data: &str| {
            let message = serde_json::json!({ "type": kind, "data": data }).to_string();
            parse(&message).map(drop).map_err(|error| (error.status(), error.otc().map(Otc::number)))
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
