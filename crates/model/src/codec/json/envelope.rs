//! The envelope of a request: `{"action", "requestId"?, "data"?}`.

use super::fields;
use crate::error::Error;
use crate::id::RequestId;
use crate::json::{self, Malformed, Object};

const NO_OBJECT: Error = Error::BadMessage { field: "data", allowed: "must be an object" };

/// The envelope of a request.
#[derive(Debug)]
pub struct Envelope<'a> {
    object: Object<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope.
    ///
    /// # Errors
    /// `bad_json`, or `bad_message` when it is no object.
    pub fn parse(body: &'a str) -> Result<Self, Error> {
        match Object::parse(body) {
            Ok(object) => Ok(Self { object }),
            Err(Malformed::NotJson) => Err(Error::BadJson),
            Err(Malformed::NotObject) => {
                Err(Error::BadMessage { field: "message", allowed: "must be a JSON object" })
            }
        }
    }

    /// The name that the sender gave to this request, to be repeated in the answer.
    ///
    /// # Errors
    /// `bad_message` when it is anything but 1 to 64 characters.
    pub fn request_id(&self) -> Result<Option<RequestId>, Error> {
        let Some(raw) = fields::get(&self.object, "requestId")? else { return Ok(None) };
        match json::text(raw).and_then(RequestId::new) {
            Some(id) => Ok(Some(id)),
            None => Err(Error::BadMessage { field: "requestId", allowed: "must be 1 to 64 characters" }),
        }
    }

    /// The action, if it is a string.
    ///
    /// # Errors
    /// `bad_message` when it is given twice.
    pub fn action(&self) -> Result<Option<String>, Error> {
        Ok(fields::get(&self.object, "action")?.and_then(json::text))
    }

    /// The `data` object: as text, because it may be relayed as it is, and opened.
    ///
    /// # Errors
    /// `bad_message` unless it is there once and an object; likewise for an `action` given twice, of which
    /// API Gateway may have chosen the other.
    pub fn data(&self) -> Result<Data<'a>, Error> {
        self.optional_data()?.ok_or(NO_OBJECT)
    }

    /// As [`Envelope::data`], for a request that can do without.
    ///
    /// # Errors
    /// `bad_message` when it is there and no object, or given twice.
    pub fn optional_data(&self) -> Result<Option<Data<'a>>, Error> {
        self.action()?;
        let Some(raw) = fields::get(&self.object, "data")? else { return Ok(None) };
        let object = Object::of(raw).ok_or(NO_OBJECT)?;
        Ok(Some(Data { text: raw.get(), object }))
    }
}

/// The `data` of a request.
pub struct Data<'a> {
    /// The object as it was sent, byte for byte.
    pub text: &'a str,
    /// Its fields.
    pub object: Object<'a>,
}

impl std::fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("object", &self.object).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_id_survives_a_bad_message() {
        let envelope = Envelope::parse(r#"{"action":"handshake","requestId":"r1","data":[]}"#).unwrap();
        assert_eq!(envelope.request_id().unwrap(), RequestId::new("r1".into()));
        assert_eq!(envelope.data().unwrap_err().message(), "data: must be an object");
    }

    #[test]
    fn an_action_given_twice_is_refused() {
        let envelope = Envelope::parse(r#"{"action":"ping","action":"leave","data":{}}"#).unwrap();
        assert_eq!(envelope.data().unwrap_err().message(), "action: is given twice");
    }

    #[test]
    fn a_request_id_of_the_wrong_kind_is_named() {
        for body in [r#"{"requestId":7}"#, r#"{"requestId":""}"#, r#"{"requestId":"\ud800"}"#] {
            let envelope = Envelope::parse(body).unwrap();
            assert_eq!(envelope.request_id().unwrap_err().code(), "bad_message", "{body}");
        }
    }
}
