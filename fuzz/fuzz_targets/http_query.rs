//! The query string of getRoomId.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::http::path_of_query;

/// Decodes as <https://url.spec.whatwg.org/#urlencoded-parsing> says, written once more.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes().peekable();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let mut ahead = bytes.clone();
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap());
                bytes = ahead;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fuzz_target!(|query: &str| {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values: Vec<_> =
        pairs.filter(|(name, _)| decode(name) == "urlPath").map(|(_, value)| decode(value)).collect();
    match (path_of_query(form_urlencoded::parse(query.as_bytes())), values.as_slice()) {
        (Ok(path), [value]) => assert_eq!(path.as_str(), value),
        (Ok(_), _) => panic!("one path of {} values", values.len()),
        (Err(error), [value]) => {
            assert!(value.is_empty() || value.len() > model::path::MAX_PATH_BYTES, "{error}");
        }
        (Err(error), _) => assert_eq!(error.status(), 400),
    }
});
