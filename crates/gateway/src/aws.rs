//! What every AWS client of ours is built from.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

/// How long Init waits for the connections that it opens.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);

/// Loads credentials, region and endpoints from the environment, as Lambda sets it.
///
/// Retries are the SDK's own: 4 attempts, 50 ms base, full jitter. An attempt is given up after 2 s and a call
/// after 6 s, so that a hanging connection cannot use up a function's time.
pub async fn load() -> SdkConfig {
    aws_config::from_env()
        .retry_config(
            RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_secs(2))
                .operation_timeout(Duration::from_secs(6))
                .build(),
        )
        .load()
        .await
}

/// Opens a connection in Init, where the CPU is not yet throttled: one signed call whose answer does not matter.
/// A function whose first call pays for the TLS handshake can take most of a second.
pub(crate) async fn warm_up(call: impl Future) {
    let _ = tokio::time::timeout(WARM_UP, call).await;
}

/// The retry policy of a warm-up call: none.
pub(crate) fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}
