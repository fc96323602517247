//! Reading JSON objects of strangers without ever disagreeing with another parser.
//!
//! A value is kept as the text it came as, so that what is relayed is what was sent. A known key that stands
//! twice is refused when it is looked up: two parsers could take different ones, and one of them decides who
//! the sender is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why a text is not an object to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is not JSON at all (RFC 8259).
    NotJson,
    /// It is JSON, but no object, or an object whose keys are no Unicode text (a lone surrogate).
    NotObject,
}

/// The key that was asked for stands in the object more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenTwice;

/// A JSON object whose values are still text.
pub struct Object<'a>(Vec<(String, &'a RawValue)>);

impl fmt::Debug for Object<'_> {
    /// Holds nothing of what a stranger wrote, which may be a token or an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} keys)", self.0.len())
    }
}

impl<'a> Object<'a> {
    /// Reads `text`, which must be one JSON object and nothing else.
    ///
    /// # Errors
    /// [`Malformed`] says what it is instead.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        // The whole text is checked first: the typed pass stops at its first complaint, and would call a
        // broken text an object with a wrong field.
        let raw: &RawValue = serde_json::from_str(text).map_err(|_| Malformed::NotJson)?;
        Self::of(raw).ok_or(Malformed::NotObject)
    }

    /// Reads a value that is known to be JSON; `None` unless it is an object.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// The value of `key`; absent and `null` are the same.
    ///
    /// # Errors
    /// [`GivenTwice`] when the key stands more than once.
    pub fn get(&self, key: &str) -> Result<Option<&'a RawValue>, GivenTwice> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(GivenTwice),
            (value, None) => Ok(value.filter(|raw| raw.get() != "null")),
        }
    }
}

impl Object<'_> {
    /// Whether the key stands in the object at all: `null` counts.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }
}

/// The text in `raw`, if it is a JSON string (without lone surrogates).
#[must_use]
pub fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// The values in `raw`, if it is a JSON array.
#[must_use]
pub fn array(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether `raw` is a JSON object, without looking inside.
#[must_use]
pub fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_bytes() {
        let object = Object::parse(r#"{"a": {"n":1.50e+01,"s":"\u00e9\ud800"} , "b":2}"#).unwrap();
        assert_eq!(object.get("a").unwrap().unwrap().get(), r#"{"n":1.50e+01,"s":"\u00e9\ud800"}"#);
    }

    #[test]
    fn a_key_given_twice_is_found_however_it_is_written() {
        let object = Object::parse(r#"{"sender":"a","send\u0065r":"b","x":1,"x":2}"#).unwrap();
        assert_eq!(object.get("sender").unwrap_err(), GivenTwice);
        assert!(object.get("y").unwrap().is_none());
    }

    #[test]
    fn null_is_absent() {
        let object = Object::parse(r#"{"\u0061":null}"#).unwrap();
        assert!(object.get("a").unwrap().is_none());
        assert!(object.has("a") && !object.has("b"), "and yet it stands there");
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        for text in ["", "{", "{} x", "{'a':1}", "\u{feff}{}", r#"{"a":01}"#] {
            assert_eq!(Object::parse(text).unwrap_err(), Malformed::NotJson, "{text}");
        }
        for text in ["[]", "1e999", "null", r#""{}""#, r#"{"\ud800":1}"#] {
            assert_eq!(Object::parse(text).unwrap_err(), Malformed::NotObject, "{text}");
        }
    }

    #[test]
    fn nesting_is_no_danger() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        assert!(Object::parse(&deep).is_ok());
    }
}
