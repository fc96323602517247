//! What the gateway relays to the SFU: messages, a line each.
#![no_main]

use std::time::Duration;

use arbiter_fuzz::sfu::{Sfu, let_connections_fall};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: let_connections_fall(), |text: &str| {
    let mut sfu = Sfu::new();
    for line in text.lines().take(16) {
        sfu.room.handle_signal(sfu.now, line);
        sfu.pass(Duration::from_millis(500));
    }
});
