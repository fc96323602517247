//! Log lines: JSON, a sentence with fields (`route`, `connection.id`, `room.id`, `peer.id`, `duration_ms`).

use std::env;

use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter};
use lambda_runtime::tracing::subscriber::fmt;

/// Starts logging at `AWS_LAMBDA_LOG_LEVEL` (default `INFO`).
///
/// The level is that of our own lines. What libraries say stays at `WARN`, and the runtime's at `INFO` (for its span
/// with the request id), whatever is asked for: below that the runtime prints whole events and the SDK whole
/// requests, with tokens, SDP and addresses in them.
pub fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse::<LevelFilter>().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let (runtime, libraries) = (level.min(LevelFilter::INFO), level.min(LevelFilter::WARN));
    let filter = EnvFilter::new(format!("{libraries},lambda_runtime={runtime},gateway={level}"));
    // With its time: Lambda takes a JSON line without a `timestamp` for one of level INFO.
    fmt().json().flatten_event(true).with_target(false).with_env_filter(filter).init();
}
