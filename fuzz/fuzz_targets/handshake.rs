//! The `data` of a handshake.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| arbiter_fuzz::judge_data("handshake", data));
