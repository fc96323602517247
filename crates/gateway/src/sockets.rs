//! Posting to connections, asking for them and closing them: API Gateway's management API.

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::config::http::HttpResponse;
use aws_sdk_apigatewaymanagement::config::interceptors::InterceptorContext;
use aws_sdk_apigatewaymanagement::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_apigatewaymanagement::{Client, config};
use model::id::ConnectionId;
use model::outcome::Delivery;

use crate::aws;
use crate::failure::Failure;

/// The open sockets of the WebSocket API. Its endpoint is `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, which the
/// SDK reads by itself; it must be the execute-api one even behind a custom domain.
#[derive(Clone, Debug)]
pub struct Sockets {
    client: Client,
}

/// What API Gateway knows of a connection.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its socket is there.
    Open,
    /// It does not exist any more (410).
    Gone,
    /// Too much is asked (429), also after the SDK's retries: it may be either.
    Busy,
}

impl Sockets {
    /// Takes the configuration; [`Sockets::warm_up`] opens the connection.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let config = config::Builder::from(config).retry_classifier(ThrottledByStatus).build();
        Self { client: Client::from_conf(config) }
    }

    /// Opens the connection to the management API, in Init.
    pub async fn warm_up(&self) {
        let retries = aws_sdk_apigatewaymanagement::config::Config::builder().retry_config(aws::no_retries());
        aws::warm_up(
            self.client.get_connection().connection_id("init").customize().config_override(retries).send(),
        )
        .await;
    }

    /// Posts `text` to a connection.
    ///
    /// # Errors
    /// When the management API fails after the SDK's retries.
    pub async fn post(&self, to: &ConnectionId, text: &str) -> Result<Delivery, Failure> {
        let data = Blob::new(text.as_bytes());
        let sent = self.client.post_to_connection().connection_id(to.as_str()).data(data).send().await;
        match sent {
            Ok(_) => Ok(Delivery::Delivered),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(Delivery::Gone(None)),
                Some(Refusal::Busy) => Ok(Delivery::Busy),
                Some(Refusal::TooLarge) => Ok(Delivery::TooLarge),
                None => Err(Failure::of_sdk("execute-api:PostToConnection", &error)),
            },
        }
    }

    /// Asks whether a connection is still there. Its socket notices nothing.
    ///
    /// # Errors
    /// When the management API fails after the SDK's retries: nothing is known then.
    pub async fn find(&self, connection: &ConnectionId) -> Result<Found, Failure> {
        match self.client.get_connection().connection_id(connection.as_str()).send().await {
            Ok(_) => Ok(Found::Open),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(Found::Gone),
                Some(Refusal::Busy) => Ok(Found::Busy),
                Some(Refusal::TooLarge) | None => Err(Failure::of_sdk("execute-api:GetConnection", &error)),
            },
        }
    }

    /// Closes a connection; that it is gone already is as good.
    ///
    /// # Errors
    /// When the management API fails after the SDK's retries.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Failure> {
        match self.client.delete_connection().connection_id(connection.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(()),
                Some(Refusal::Busy | Refusal::TooLarge) | None => {
                    Err(Failure::of_sdk("execute-api:DeleteConnection", &error))
                }
            },
        }
    }
}

/// The status of a throttled call.
const TOO_MANY_REQUESTS: u16 = 429;

/// A refusal that means something of its own.
enum Refusal {
    Gone,
    Busy,
    TooLarge,
}

impl Refusal {
    /// By the error's type, and by the status alone where nothing names a type: proxies and emulators of the API leave the
    /// header out, or the body empty.
    fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Self> {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (error.code(), status) {
            (Some("GoneException"), _) | (_, Some(410)) => Some(Self::Gone),
            (Some("LimitExceededException"), _) | (_, Some(TOO_MANY_REQUESTS)) => Some(Self::Busy),
            (Some("PayloadTooLargeException"), _) | (_, Some(413)) => Some(Self::TooLarge),
            _ => None,
        }
    }
}

/// Has the SDK try a 429 again whose error has no type: by itself it knows throttling by the type alone.
#[derive(Debug)]
struct ThrottledByStatus;

impl ClassifyRetry for ThrottledByStatus {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(TOO_MANY_REQUESTS) => RetryAction::throttling_error(),
            Some(_) | None => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "429 without a type"
    }
}
