//! What real browsers and SFUs have sent, and the shapes that were not among it.

use serde::Deserialize;
use serde_json::value::RawValue;

const RECORDED: &str = include_str!("../../../../tests/data/handshakes.jsonl");

const MORE: &[&str] = &[
    r#"{"type":"sfu","id":"sfu-1795251110352","features":["candidates"]}"#,
    r#"{"type":"client","id":"d6f8baa2-afc2-4962-9c1c-4cc542ec480f","roomId":"sfu-1795251110352","token":"e30.e30.c2ln","resumeToken":"0123456789abcdef"}"#,
    r#"{"type":"producer","sender":"d6f8baa2","roomId":"sfu-1795251110352","candidates":[{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0},{"candidate":""}]}"#,
];

#[derive(Deserialize)]
struct Line {
    dir: String,
    message: Box<RawValue>,
}

#[derive(Deserialize)]
struct Envelope {
    data: Box<RawValue>,
}

/// The `data` of every recorded message, byte for byte.
pub(crate) fn data() -> Vec<String> {
    let lines = RECORDED.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    lines
        .map(|line| match line.dir.as_str() {
            "client->gateway" => {
                serde_json::from_str::<Envelope>(line.message.get()).unwrap().data.get().to_owned()
            }
            _ => line.message.get().to_owned(),
        })
        .collect()
}

/// Whole messages to be spoiled.
pub(crate) fn messages() -> Vec<String> {
    let more = MORE.iter().map(|data| (*data).to_owned());
    data().into_iter().chain(more).map(|data| crate::messages::envelope(&data)).collect()
}
