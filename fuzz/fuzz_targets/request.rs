//! A whole message on a socket, as any route gets it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::codec::json::envelope::Envelope;

fuzz_target!(|body: &str| {
    if let Ok(envelope) = Envelope::parse(body) {
        if let (Ok(action), Ok(Some(id))) = (envelope.action(), envelope.request_id()) {
            // The answer that repeats the name is JSON, whatever the name is.
            let pong = model::notice::Notice::Pong { request_id: Some(id) }.to_json();
            let pong: serde_json::Value = serde_json::from_str(&pong).unwrap();
            if let Ok(message) = serde_json::from_str::<serde_json::Value>(body) {
                assert_eq!(pong["requestId"], message["requestId"]);
                assert_eq!(message["action"].as_str(), action.as_deref());
            }
        }
    }
    arbiter_fuzz::judge(body);
});
