//! Credentials, region, endpoints, retries and time limits.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::connections::{CONNECT_LIMIT, shared_http_client};
use crate::{config, machine};

/// How often a call is tried, and the longest pause before the second attempt. Each further one may be twice
/// as long.
pub(super) const ATTEMPTS: u32 = 4;
pub(super) const BACKOFF: Duration = Duration::from_millis(50);
/// When an attempt and a call are given up, so that a hanging connection cannot use up a function's time.
pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(6);

/// Reads credentials, region and endpoints from the environment, as Lambda sets it, and nothing else: neither
/// files nor metadata services. The credentials last as long as the process.
pub async fn load() -> SdkConfig {
    let credentials = config::text("AWS_ACCESS_KEY_ID").and_then(|id| {
        let (secret, token) =
            (config::text("AWS_SECRET_ACCESS_KEY")?, machine::variable("AWS_SESSION_TOKEN"));
        Ok(SharedCredentialsProvider::new(Credentials::new(id, secret, token, None, "Environment")))
    });
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(config::text("AWS_REGION").ok().map(Region::new))
        .service_config(Environment)
        .http_client(shared_http_client())
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_LIMIT)
                .operation_attempt_timeout(ATTEMPT_LIMIT)
                .operation_timeout(CALL_LIMIT)
                .build(),
        );
    builder.set_endpoint_url(config::text("AWS_ENDPOINT_URL").ok());
    builder.set_credentials_provider(credentials.ok());
    builder.build()
}

/// The endpoints that the environment names for single services, e.g. `AWS_ENDPOINT_URL_SQS`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        endpoint_of(key.service_id())
    }
}

/// The endpoint that the environment names for a service, by the id that the SDK has for it.
pub(super) fn endpoint_of(service_id: &str) -> Option<String> {
    let service = service_id.to_uppercase().replace(' ', "_");
    machine::variable(&format!("AWS_ENDPOINT_URL_{service}"))
}
