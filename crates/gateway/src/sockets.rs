//! Posting to connections and closing them: API Gateway's management API.

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use model::id::ConnectionId;

use crate::aws;
use crate::failure::Failure;

/// The open sockets of the WebSocket API. Its endpoint is `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, which the
/// SDK reads by itself; it must be the execute-api one even behind a custom domain.
#[derive(Clone, Debug)]
pub struct Sockets {
    client: Client,
}

/// What became of a post.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// API Gateway took it.
    Delivered,
    /// The connection does not exist any more (410).
    Gone,
    /// The connection takes no more for now (429), also after the SDK's retries.
    Busy,
    /// Over 128 KB (413).
    TooLarge,
}

impl Sockets {
    /// Takes the configuration; [`Sockets::warm_up`] opens the connection.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
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
    pub async fn post(&self, to: &ConnectionId, text: &str) -> Result<Posted, Failure> {
        let data = Blob::new(text.as_bytes());
        let sent = self.client.post_to_connection().connection_id(to.as_str()).data(data).send().await;
        match sent {
            Ok(_) => Ok(Posted::Delivered),
            Err(error) => match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => Ok(Posted::Gone),
                Some(PostToConnectionError::LimitExceededException(_)) => Ok(Posted::Busy),
                Some(PostToConnectionError::PayloadTooLargeException(_)) => Ok(Posted::TooLarge),
                Some(_) | None => Err(Failure::of_sdk("execute-api:PostToConnection", &error)),
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
            Err(error) if error.as_service_error().is_some_and(DeleteConnectionError::is_gone_exception) => {
                Ok(())
            }
            Err(error) => Err(Failure::of_sdk("execute-api:DeleteConnection", &error)),
        }
    }
}
