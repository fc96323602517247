//! Where parsers differ, or fall over.

/// Bits of text to put anywhere.
pub(crate) const TOKENS: &[&str] = &[
    "1e999",
    "-0",
    "18446744073709551616",
    "\\ud800",
    "\\u0000",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\",
    "null",
    "\"sender\":\"x\",",
    "\"send\\u0065r\":\"x\",",
    "\"roomId\":null,",
    "\"receiver\":\"x\",",
    "\"type\":\"sfu\",",
    "\"data\":{},",
    "\"candidates\":[{}],",
    "\"description\":{},",
];

/// Whole messages in which `EDGE` is to be replaced by a value.
pub(crate) const PLACES: &[&str] = &[
    r#"{"action":"handshake","data":EDGE}"#,
    r#"{"action":EDGE,"data":{"type":"producer","sender":"p","roomId":"r","candidate":{}}}"#,
    r#"{"requestId":EDGE,"data":{"type":"producer","sender":"p","roomId":"r","candidate":{}}}"#,
    r#"{"data":{"type":EDGE,"sender":"p","roomId":"r","candidate":{}}}"#,
    r#"{"data":{"type":"producer","sender":EDGE,"roomId":"r","candidate":{}}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":EDGE,"candidate":{}}}"#,
    r#"{"data":{"type":"producer","sender":"p","receiver":EDGE,"candidate":{}}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","candidate":EDGE}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","candidate":{"a":EDGE}}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","candidates":EDGE}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","candidates":[{},EDGE]}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","description":EDGE}}"#,
    r#"{"data":{"type":"producer","sender":"p","roomId":"r","description":{"type":"offer","sdp":EDGE}}}"#,
    r#"{"data":{"type":"client","id":EDGE,"roomId":"r"}}"#,
    r#"{"data":{"type":"client","id":"p","roomId":"r","token":EDGE,"resumeToken":EDGE}}"#,
    r#"{"data":{"type":"sfu","id":"r","features":EDGE}}"#,
    r#"{"data":{"type":"sfu","id":"r","features":["a",EDGE]}}"#,
    r#"{"urlPath":EDGE}"#,
];

/// Values at the edges of JSON, and some that are over them.
pub(crate) fn values() -> Vec<String> {
    let long = "x".repeat(30_000);
    let mut values: Vec<String> = TOKENS.iter().map(|token| (*token).to_owned()).collect();
    values.extend([
        "-0.0".into(),
        "1e-999".into(),
        "-1e400".into(),
        "0123".into(),
        "NaN".into(),
        "\"\\ud800\"".into(),
        "\"\\udc00\\ud800\"".into(),
        "\"\\ud83d\\ude00\"".into(),
        "\"a\\u0000b\"".into(),
        "\"a\0b\"".into(),
        "{\"\\ud800\":1}".into(),
        format!("{{\"{long}\":1}}"),
        format!("\"{long}\""),
        format!("1{}", "0".repeat(30_000)),
        format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)),
        format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
        "[".repeat(30_000),
        format!("[{}]", vec!["{}"; 65].join(",")),
        format!("{{{}}}", vec!["\"k\":0"; 10_000].join(",")),
    ]);
    values
}

/// Whether some message has a meaning for this key, in its `data`.
pub(crate) fn is_known(key: &str) -> bool {
    [
        "type",
        "sender",
        "roomId",
        "receiver",
        "description",
        "candidate",
        "candidates",
        "id",
        "token",
        "resumeToken",
        "apiKey",
        "connectionEventsSuppressed",
        "e2eeReady",
        "features",
    ]
    .contains(&key)
}
