//! `leave`: a client or an SFU goes on purpose.

use crate::error::Error;
use crate::request::{self, Request};

/// On what condition the sender leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// On none.
    Anyway,
    /// `{"ifSpare": true}`: an SFU closes its room only while nobody has claimed it and the pool can do without.
    IfSpare,
}

impl Leave {
    /// Reads a `leave`, which needs no `data`.
    ///
    /// # Errors
    /// `bad_message` that names the field.
    pub fn parse(request: &Request<'_>) -> Result<Self, Error> {
        let Some(data) = request.optional_data()? else { return Ok(Self::Anyway) };
        Ok(if request::flag(&data.object, "ifSpare")? { Self::IfSpare } else { Self::Anyway })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Leave, Error> {
        Leave::parse(&Request::parse(body).unwrap())
    }

    #[test]
    fn a_leave_has_a_condition_only_when_it_says_so() {
        for body in
            [r#"{"action":"leave"}"#, r#"{"data":null}"#, r#"{"data":{}}"#, r#"{"data":{"ifSpare":false}}"#]
        {
            assert_eq!(parse(body).unwrap(), Leave::Anyway, "{body}");
        }
        assert_eq!(parse(r#"{"action":"leave","data":{"ifSpare":true}}"#).unwrap(), Leave::IfSpare);
    }

    /// An SFU that meant to ask must not be taken to insist.
    #[test]
    fn a_condition_that_does_not_read_is_refused() {
        for body in [
            r#"{"data":[]}"#,
            r#"{"data":{"ifSpare":"true"}}"#,
            r#"{"data":{"ifSpare":1}}"#,
            r#"{"data":{"ifSpare":true,"ifSpare":false}}"#,
            r#"{"action":"leave","action":"ping"}"#,
        ] {
            assert_eq!(parse(body).unwrap_err().code(), "bad_message", "{body}");
        }
    }
}
