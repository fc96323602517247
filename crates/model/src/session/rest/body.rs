//! The JSON bodies of requests.

use serde_json::value::RawValue;

use super::RestError;
use crate::json::{self, GivenTwice, Malformed, Object};
use crate::session::signal::{InvalidSignal, Signal};
use crate::session::stream::MAX_EXCLUDED;
use crate::session::stream::StreamId;
use crate::session::token::claims::MAX_CLASSES_CHARS;

/// Reads the body of a signal: `{type?, data?}`, both strings.
///
/// # Errors
/// 400, or 413 for what is too long.
pub fn signal(body: &str) -> Result<Signal, RestError> {
    let object = object(body)?;
    let kind = text(&object, "type")?.unwrap_or_default();
    let data = text(&object, "data")?.unwrap_or_default();
    Signal::new(kind, data).map_err(|wrong| match wrong {
        InvalidSignal::TypeTooLong => RestError::TooLong { field: "type", allowed: "at most 128 bytes" },
        InvalidSignal::DataTooLong => {
            RestError::TooLong { field: "data", allowed: "at most 8192 bytes of UTF-8" }
        }
        InvalidSignal::TypeAlphabet => invalid("type", "must be characters of A-Z a-z 0-9 - _ ~"),
    })
}

/// How many streams may get layout classes at once: as many as one transaction of DynamoDB changes.
const MAX_ITEMS: usize = 100;

/// Reads the body that gives layout classes to streams, `{items: [{id, layoutClassList}]}`.
///
/// # Errors
/// 400; 404 for an id that cannot be a stream's.
pub fn layout_classes(body: &str) -> Result<Vec<(StreamId, Vec<String>)>, RestError> {
    const FORM: RestError =
        invalid("items", "must be a list of objects with an id and a layoutClassList of strings");
    let object = object(body)?;
    let items = value(&object, "items")?.and_then(json::array).ok_or(FORM)?;
    let stream = |raw: &RawValue| {
        let item = Object::of(raw)?;
        let classes = json::array(item.get("layoutClassList").ok()??)?;
        let classes = classes.into_iter().map(json::text).collect::<Option<Vec<_>>>()?;
        Some((json::text(item.get("id").ok()??)?, classes))
    };
    if items.len() > MAX_ITEMS {
        return Err(invalid("items", "at most 100"));
    }
    let items: Vec<_> = items.into_iter().map(stream).collect::<Option<_>>().ok_or(FORM)?;
    let mut streams = Vec::with_capacity(items.len());
    for (id, classes) in items {
        if classes.iter().any(|class| class.is_empty() || class.contains(' ')) {
            return Err(invalid("layoutClassList", "must be of classes without blanks, none of them empty"));
        }
        if classes.join(" ").chars().count() > MAX_CLASSES_CHARS {
            return Err(invalid("layoutClassList", "at most 1024 characters, joined by blanks"));
        }
        let id = StreamId::try_from(id).map_err(|_| RestError::StreamNotFound)?;
        if streams.iter().any(|(known, _)| *known == id) {
            return Err(invalid("items", "must name each stream once"));
        }
        streams.push((id, classes));
    }
    Ok(streams)
}

/// Reads the body that mutes all streams but some, `{active, excludedStreamIds?}`, or lets them begin with sound again: then
/// `None`. One SDK says `excludedStreams`.
///
/// # Errors
/// 400, also for an id that cannot be a stream's.
pub fn mute(body: &str) -> Result<Option<Vec<StreamId>>, RestError> {
    const FIELD: &str = "excludedStreamIds";
    let object = object(body)?;
    let active = match value(&object, "active")?.map(RawValue::get) {
        Some("true") => true,
        Some("false") => false,
        Some(_) | None => return Err(invalid("active", "must be true or false")),
    };
    let mut excluded = Vec::new();
    for field in [FIELD, "excludedStreams"] {
        let Some(raw) = value(&object, field)? else { continue };
        let id = |raw: &RawValue| StreamId::try_from(json::text(raw)?).ok();
        let ids = json::array(raw).and_then(|ids| ids.into_iter().map(id).collect::<Option<Vec<_>>>());
        excluded.extend(ids.ok_or(invalid(field, "must be a list of ids of streams"))?);
    }
    if excluded.len() > MAX_EXCLUDED {
        return Err(invalid(FIELD, "at most 100"));
    }
    Ok(active.then_some(excluded))
}

const fn invalid(field: &'static str, allowed: &'static str) -> RestError {
    RestError::Invalid { field, allowed }
}

fn object(body: &str) -> Result<Object<'_>, RestError> {
    Object::parse(body).map_err(|malformed| match malformed {
        Malformed::NotJson => invalid("body", "must be JSON"),
        Malformed::NotObject => invalid("body", "must be a JSON object"),
    })
}

fn value<'a>(object: &Object<'a>, field: &'static str) -> Result<Option<&'a RawValue>, RestError> {
    object.get(field).map_err(|GivenTwice| invalid(field, "is given twice"))
}

fn text(object: &Object<'_>, field: &'static str) -> Result<Option<String>, RestError> {
    let Some(raw) = value(object, field)? else { return Ok(None) };
    json::text(raw).map(Some).ok_or(invalid(field, "must be a string"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> (u16, String) {
        let error = signal(body).unwrap_err();
        (error.status(), error.to_string())
    }

    #[test]
    fn a_signal_may_say_anything_or_nothing() {
        assert_eq!(signal("{}").unwrap(), Signal::new(String::new(), String::new()).unwrap());
        assert_eq!(signal(r#"{"type":null,"data":null,"from":1}"#).unwrap(), signal("{}").unwrap());
        let both = signal(r#"{"type":"a-b_~9","data":"h\u00e9"}"#).unwrap();
        assert_eq!((both.kind.as_str(), both.data.as_str()), ("a-b_~9", "hé"));
    }

    #[test]
    fn a_body_that_is_no_signal_is_refused() {
        assert_eq!(refusal(""), (400, "body: must be JSON".into()));
        assert_eq!(refusal("[]"), (400, "body: must be a JSON object".into()));
        assert_eq!(refusal(r#"{"data":{}}"#), (400, "data: must be a string".into()));
        assert_eq!(refusal(r#"{"data":"a","data":"a"}"#), (400, "data: is given twice".into()));
        assert_eq!(refusal(r#"{"type":"a b"}"#).0, 400);
    }

    #[test]
    fn what_is_too_long_is_another_error() {
        let of = |kind: usize, data: usize| {
            format!(r#"{{"type":"{}","data":"{}"}}"#, "t".repeat(kind), "é".repeat(data / 2))
        };
        assert!(signal(&of(128, 8192)).is_ok());
        assert_eq!(refusal(&of(129, 0)), (413, "type: at most 128 bytes".into()));
        assert_eq!(refusal(&of(0, 8194)), (413, "data: at most 8192 bytes of UTF-8".into()));
    }

    #[test]
    fn streams_are_named_once_each_is_whole() {
        assert_eq!(layout_classes(r#"{"items":[]}"#).unwrap(), vec![]);
        let one = r#"{"items":[{"id":"abcdefgh~p","layoutClassList":["full","focus"]}]}"#;
        let [(id, classes)] = layout_classes(one).unwrap().try_into().unwrap();
        assert_eq!((id.to_string().as_str(), classes), ("abcdefgh~p", vec!["full".into(), "focus".into()]));
        let status = |item: &str, times| {
            let items = vec![item; times].join(",");
            layout_classes(&format!(r#"{{"items":[{items}]}}"#)).unwrap_err().status()
        };
        assert_eq!(status(r#"{"id":"s","layoutClassList":[]}"#, 1), 404);
        assert_eq!(status(r#"{"id":"abcdefgh~p","layoutClassList":[]}"#, 2), 400);
        assert_eq!(status(r#"{"id":"abcdefgh~p","layoutClassList":[]}"#, 101), 400);
        for class in ["", "y z", " "] {
            let odd = format!(r#"{{"id":"abcdefgh~p","layoutClassList":["x","{class}"]}}"#);
            assert_eq!(status(&odd, 1), 400, "{class:?}");
        }
        let long = format!(r#"{{"id":"abcdefgh~p","layoutClassList":["{}"]}}"#, "c".repeat(1025));
        assert_eq!(status(&long, 1), 400);
        for body in [
            "{}",
            r#"{"items":{}}"#,
            r#"{"items":[1]}"#,
            r#"{"items":[{"id":"s"}]}"#,
            r#"{"items":[{"layoutClassList":[]}]}"#,
            r#"{"items":[{"id":1,"layoutClassList":[]}]}"#,
            r#"{"items":[{"id":"s","layoutClassList":[1]}]}"#,
            r#"{"items":[{"id":"s","id":"t","layoutClassList":[]}]}"#,
        ] {
            assert_eq!(layout_classes(body).unwrap_err().status(), 400, "{body}");
        }
    }

    #[test]
    fn streams_are_left_out_of_a_mute_by_either_name() {
        let ids =
            |body: &str| mute(body).map(|mute| mute.map(|ids| ids.len())).map_err(|error| error.status());
        let named = mute(r#"{"active":true,"excludedStreamIds":["x"]}"#).unwrap_err().to_string();
        assert_eq!(named, "excludedStreamIds: must be a list of ids of streams");
        assert_eq!(ids(r#"{"active":true}"#), Ok(Some(0)));
        for field in ["excludedStreamIds", "excludedStreams"] {
            assert_eq!(ids(&format!(r#"{{"active":true,"{field}":["abcdefgh~p"]}}"#)), Ok(Some(1)));
            assert_eq!(ids(&format!(r#"{{"active":true,"{field}":["a-stream"]}}"#)), Err(400));
            assert_eq!(ids(&format!(r#"{{"active":true,"{field}":"abcdefgh~p"}}"#)), Err(400));
            let many = vec![r#""abcdefgh~p""#; 101].join(",");
            assert_eq!(ids(&format!(r#"{{"active":true,"{field}":[{many}]}}"#)), Err(400));
        }
        assert_eq!(ids(r#"{"active":false,"excludedStreamIds":[]}"#), Ok(None));
        for body in ["", "[]", "{}", r#"{"active":1}"#, r#"{"active":true,"active":false}"#] {
            assert_eq!(ids(body), Err(400), "{body}");
        }
    }
}
