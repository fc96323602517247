//! Log lines: JSON, a sentence with fields.

use std::panic;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{fmt, registry};

/// Logs lines of this crate only: those of libraries contain addresses and quote descriptions.
pub(super) fn init() {
    let targets = Targets::new().with_target("arbiter_sfu", LevelFilter::INFO);
    let lines = fmt::layer().json().flatten_event(true).with_target(false);
    registry().with(lines.with_filter(targets)).init();
    // A panic's message may quote what a client sent; its location does not.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(place, "a panic occurred");
    }));
}
