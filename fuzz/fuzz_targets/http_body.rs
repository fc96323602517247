//! The body of claimRoom, plain or in base64 (API Gateway encodes what it takes for binary).
#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;
use model::http::path_of_body;
use model::path::MAX_PATH_BYTES;

fn check(body: &str) {
    match path_of_body(body) {
        Ok(path) => {
            assert!((1..=MAX_PATH_BYTES).contains(&path.as_str().len()));
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(body) {
                assert_eq!(value["urlPath"], path.as_str());
            }
        }
        Err(error) => assert_eq!(error.status(), 400),
    }
}

fuzz_target!(|body: &[u8]| {
    if let Ok(text) = std::str::from_utf8(body) {
        check(text);
    }
    if let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(body)
        && let Ok(text) = String::from_utf8(decoded)
    {
        check(&text);
    }
});
