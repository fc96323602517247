//! Signed calls, without the machinery that an SDK client runs around each: that takes more of a relay's CPU
//! than everything else that its function computes.
//!
//! Retries and their classification are those of the SDK's standard mode.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use rand::RngExt as _;
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::settings::{ATTEMPT_LIMIT, ATTEMPTS, BACKOFF, CALL_LIMIT, endpoint_of};
use super::signature::{Signed, Signer};
use crate::failure::Failure;
use crate::machine;

/// What can be drawn for retries until calls succeed again, and what one costs: in an outage calls soon fail
/// at once.
const RETRY_QUOTA: u32 = 500;
const RETRY_COST: u32 = 5;
const TIMEOUT_COST: u32 = 10;

/// A service that is called without an SDK.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Without a slash at its end.
    endpoint: String,
    signer: Arc<Signer>,
    credentials: Option<SharedCredentialsProvider>,
    http: SharedHttpConnector,
    quota: Arc<AtomicU32>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    /// After the endpoint, percent-encoded.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'static str, &'a str)],
    pub(crate) body: Bytes,
}

/// A call that failed, after its retries.
#[derive(Debug)]
pub(crate) enum CallError {
    NotBuilt,
    TimedOut,
    NotSent,
    NotUnderstood,
    Refused(Refusal),
}

/// What a service refused a call with.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    message: Option<String>,
}

impl<'a> Call<'a> {
    /// A call that has neither headers nor a body.
    pub(crate) fn new(method: &'static str, path: &'a str) -> Self {
        Self { method, path, headers: &[], body: Bytes::new() }
    }
}

impl Service {
    /// The service whose id the SDK knows as `service_id`, at the endpoint of the environment or the
    /// configuration; at the region's, if there is none.
    pub(crate) fn new(
        config: &SdkConfig,
        service_id: &str,
        signing_name: &'static str,
        http: SharedHttpConnector,
    ) -> Self {
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let given = endpoint_of(service_id).or_else(|| config.endpoint_url().map(ToOwned::to_owned));
        let endpoint = given.unwrap_or_else(|| {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://{signing_name}.{region}.amazonaws.com{suffix}")
        });
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            signer: Arc::new(Signer::new(region, signing_name)),
            credentials: config.credentials_provider(),
            http,
            quota: Arc::new(AtomicU32::new(RETRY_QUOTA)),
        }
    }

    /// Makes a call, and tries it again as long as that may help; answers with the body.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Bytes, CallError> {
        timeout(CALL_LIMIT, self.retried(call)).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn retried(&self, call: &Call<'_>) -> Result<Bytes, CallError> {
        let mut pause = BACKOFF;
        let mut drawn = 1; // what a call that succeeds at once adds to the quota
        for _ in 1..ATTEMPTS {
            match self.attempt(call).await {
                Ok(body) => {
                    self.give_back(drawn);
                    return Ok(body);
                }
                Err(error) => match error.retry_cost() {
                    Some(cost) if self.draw(cost) => drawn = cost,
                    Some(_) | None => return Err(error),
                },
            }
            sleep(pause.mul_f64(machine::chance().random_range(0.0..=1.0))).await;
            pause *= 2;
        }
        self.attempt(call).await.inspect(|_| self.give_back(drawn))
    }

    /// Makes a call once.
    pub(crate) async fn attempt(&self, call: &Call<'_>) -> Result<Bytes, CallError> {
        timeout(ATTEMPT_LIMIT, self.send(call)).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn send(&self, call: &Call<'_>) -> Result<Bytes, CallError> {
        let request = self.signed(call).await?;
        let answer = self
            .http
            .call(request)
            .await
            .map_err(|error| if error.is_timeout() { CallError::TimedOut } else { CallError::NotSent })?;
        let status = answer.status();
        let kind = answer.headers().get("x-amzn-errortype").map(ToOwned::to_owned);
        let body = answer.into_body().collect().await.map_err(|_| CallError::NotSent)?.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(CallError::Refused(Refusal::new(status.as_u16(), kind, &body)))
        }
    }

    async fn signed(&self, call: &Call<'_>) -> Result<HttpRequest, CallError> {
        let credentials = self.credentials.as_ref().ok_or(CallError::NotBuilt)?;
        let credentials = credentials.provide_credentials().await.map_err(|_| CallError::NotBuilt)?;
        let uri = format!("{}{}", self.endpoint, call.path);
        let (_, rest) = uri.split_once("://").ok_or(CallError::NotBuilt)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let Call { method, headers, body, .. } = call;
        let signature =
            self.signer.sign(&Signed { method, host, path, headers, body }, &credentials, SystemTime::now());

        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method(method).map_err(|_| CallError::NotBuilt)?;
        request.set_uri(uri).map_err(|_| CallError::NotBuilt)?;
        let given = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in given.chain(signature) {
            request.headers_mut().try_insert(name, value).map_err(|_| CallError::NotBuilt)?;
        }
        Ok(request)
    }

    fn draw(&self, cost: u32) -> bool {
        let draw = |left: u32| left.checked_sub(cost);
        self.quota.fetch_update(Ordering::Relaxed, Ordering::Relaxed, draw).is_ok()
    }

    fn give_back(&self, cost: u32) {
        let add = |left: u32| (left < RETRY_QUOTA).then(|| (left + cost).min(RETRY_QUOTA));
        // A full quota stays as it is.
        let _ = self.quota.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl CallError {
    /// What trying again costs; `None`, if it would not help.
    fn retry_cost(&self) -> Option<u32> {
        match self {
            Self::TimedOut => Some(TIMEOUT_COST),
            Self::NotSent => Some(RETRY_COST),
            Self::Refused(refusal) if refusal.is_transient() => Some(RETRY_COST),
            Self::Refused(_) | Self::NotBuilt | Self::NotUnderstood => None,
        }
    }

    /// The failure that this is of `operation`.
    pub(crate) fn failure(self, operation: &'static str) -> Failure {
        match self {
            Self::NotBuilt => Failure::new(operation, "the request could not be built"),
            Self::TimedOut => Failure::new(operation, "timed out"),
            Self::NotSent => Failure::new(operation, "could not be sent"),
            Self::NotUnderstood => Failure::new(operation, "the response was not understood"),
            Self::Refused(Refusal { code, message, .. }) => {
                Failure::refused(operation, code.as_deref(), message.as_deref())
            }
        }
    }
}

impl Refusal {
    /// Takes the status, the header `x-amzn-errortype` and the body. Proxies and emulators leave either out.
    fn new(status: u16, kind: Option<String>, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            code: Option<Cow<'a, str>>,
            #[serde(borrow, rename = "__type")]
            kind: Option<Cow<'a, str>>,
            #[serde(borrow)]
            message: Option<Cow<'a, str>>,
            #[serde(borrow, rename = "Message")]
            capital_message: Option<Cow<'a, str>>,
        }
        let body: Body<'_> = serde_json::from_slice(body).unwrap_or_default();
        let code = kind.or(body.code.or(body.kind).map(Cow::into_owned));
        let message = body.message.or(body.capital_message).map(Cow::into_owned);
        // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`, `GoneException:http://…`
        let plain = |code: String| {
            let code = code.split(':').next().unwrap_or_default();
            code.rsplit('#').next().unwrap_or_default().to_owned()
        };
        Self { status, code: code.map(plain), message }
    }

    fn is_transient(&self) -> bool {
        let throttled_or_late = matches!(
            self.code.as_deref(),
            Some(
                "BandwidthLimitExceeded"
                    | "EC2ThrottledException"
                    | "LimitExceededException"
                    | "PriorRequestNotComplete"
                    | "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "RequestThrottled"
                    | "RequestThrottledException"
                    | "RequestTimeout"
                    | "RequestTimeoutException"
                    | "SlowDown"
                    | "ThrottledException"
                    | "Throttling"
                    | "ThrottlingException"
                    | "TooManyRequestsException"
                    | "TransactionInProgressException"
            )
        );
        throttled_or_late || matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }
}
