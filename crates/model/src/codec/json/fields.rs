//! Fields of an object: absent, misused and given twice are told apart, and each error names its field.

use serde_json::value::RawValue;

use crate::error::Error;
use crate::id::InvalidId;
use crate::json::{self, GivenTwice, Object};

/// A field; absent and `null` are the same.
pub(crate) fn get<'a>(object: &Object<'a>, field: &'static str) -> Result<Option<&'a RawValue>, Error> {
    object.get(field).map_err(|GivenTwice| Error::BadMessage { field, allowed: "is given twice" })
}

/// An optional string field.
pub(crate) fn text(object: &Object<'_>, field: &'static str) -> Result<Option<String>, Error> {
    match get(object, field)? {
        None => Ok(None),
        Some(raw) => match json::text(raw) {
            Some(text) => Ok(Some(text)),
            None => Err(Error::BadMessage { field, allowed: "must be a string" }),
        },
    }
}

/// An optional flag: absent is `false`.
pub(crate) fn flag(object: &Object<'_>, field: &'static str) -> Result<bool, Error> {
    Ok(switch(object, field)?.unwrap_or_default())
}

/// A flag that may be absent.
pub(crate) fn switch(object: &Object<'_>, field: &'static str) -> Result<Option<bool>, Error> {
    match get(object, field)?.map(RawValue::get) {
        None => Ok(None),
        Some("false") => Ok(Some(false)),
        Some("true") => Ok(Some(true)),
        Some(_) => Err(Error::BadMessage { field, allowed: "must be true or false" }),
    }
}

/// An optional id field.
pub(crate) fn id<T: TryFrom<String, Error = InvalidId>>(
    object: &Object<'_>,
    field: &'static str,
) -> Result<Option<T>, Error> {
    let invalid =
        Error::BadMessage { field, allowed: "must be 1 to 128 characters of A-Z a-z 0-9 _ . : = -" };
    match get(object, field)?.map(json::text) {
        None => Ok(None),
        Some(Some(text)) => T::try_from(text).map(Some).map_err(|InvalidId| invalid),
        Some(None) => Err(invalid),
    }
}

/// A field that must be there.
pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, Error> {
    value.ok_or(Error::BadMessage { field, allowed: "is required" })
}
