//! `leave`, which needs no `data`.

use super::envelope::Envelope;
use super::fields;
use crate::error::Error;
use crate::leave::Leave;

/// Reads a `leave`.
///
/// # Errors
/// `bad_message` that names the field.
pub(super) fn read(envelope: &Envelope<'_>) -> Result<Leave, Error> {
    let Some(data) = envelope.optional_data()? else { return Ok(Leave::Anyway) };
    Ok(if fields::flag(&data.object, "ifSpare")? { Leave::IfSpare } else { Leave::Anyway })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Leave, Error> {
        read(&Envelope::parse(body).unwrap())
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
