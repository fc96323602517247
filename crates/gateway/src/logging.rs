//! Log lines: JSON, a sentence with fields (`route`, `connection.id`, `room.id`, `peer.id`, `duration_ms`).

use std::env;

use lambda_runtime::tracing::subscriber::filter::{LevelFilter, Targets};
use lambda_runtime::tracing::subscriber::prelude::*;
use lambda_runtime::tracing::subscriber::{fmt, registry};

/// Starts logging at `AWS_LAMBDA_LOG_LEVEL` (default `INFO`).
///
/// The level is that of our own lines. What libraries say stays at `WARN`, and the runtime's at `INFO` (for its span
/// with the request id), whatever is asked for: below that the runtime prints whole events and the SDK whole
/// requests, with tokens, SDP and addresses in them.
pub fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("lambda_runtime", level.min(LevelFilter::INFO))
        .with_target("gateway", level);
    // With its time: Lambda takes a JSON line without a `timestamp` for one of level INFO.
    let lines = fmt::layer().json().flatten_event(true).with_target(false);
    registry().with(lines.with_filter(targets)).init();
}
