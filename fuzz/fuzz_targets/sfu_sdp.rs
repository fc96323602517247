//! An offer of a newcomer's, then the same of somebody who is there.
#![no_main]

use std::time::Duration;

use arbiter_fuzz::sfu::{Sfu, let_connections_fall};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: let_connections_fall(), |sdp: &str| {
    let mut sfu = Sfu::new();
    sfu.offer("cleo", sdp);
    sfu.offer("anna", sdp);
    sfu.pass(Duration::from_millis(500));
});
