//! Route selection: `$request.body.<selector>`, with `$default` for everything else.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

/// The route key and the function for `message`; `None` when the API has neither such a route nor
/// `$default`.
pub(crate) fn select<'a>(
    routes: &'a BTreeMap<String, String>,
    selector: &str,
    message: &str,
) -> Option<(&'a str, &'a str)> {
    let chosen = value_of(message, selector).and_then(|key| routes.get_key_value(key.as_str()));
    // A client cannot name `$connect`: those keys are API Gateway's own.
    let chosen = chosen.filter(|(key, _)| !key.starts_with('$'));
    chosen
        .or_else(|| routes.get_key_value("$default"))
        .map(|(key, function)| (key.as_str(), function.as_str()))
}

/// The member `selector` of a JSON object, as text.
fn value_of(message: &str, selector: &str) -> Option<String> {
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(message).ok()?;
    let raw = members.get(selector)?.get();
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_its_route_or_default() {
        let routes: BTreeMap<_, _> =
            [("$connect", "C"), ("$default", "D"), ("identify", "I"), ("7", "Seven")]
                .map(|(key, function)| (key.to_owned(), function.to_owned()))
                .into();
        for (message, expect) in [
            (r#"{"action":"identify"}"#, "identify"),
            (r#"{"action":"\u0069dentify"}"#, "identify"),
            (r#"{"action":7}"#, "7"),
            (r#"{"action":"unknown"}"#, "$default"),
            (r#"{"action":"$connect"}"#, "$default"),
            (r#"{"action":null}"#, "$default"),
            (r#"{"action":{"identify":1}}"#, "$default"),
            (r#"{"data":{"action":"identify"}}"#, "$default"),
            (r#"["identify"]"#, "$default"),
            ("identify", "$default"),
            ("", "$default"),
        ] {
            assert_eq!(select(&routes, "action", message).unwrap().0, expect, "{message}");
        }
        assert_eq!(select(&BTreeMap::new(), "action", "x"), None);
    }
}
