//! The `data` of an identify.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| arbiter_fuzz::judge_data("identify", data));
