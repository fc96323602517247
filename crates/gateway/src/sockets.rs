//! Posting to connections, asking for them and closing them: API Gateway's management API.

use aws_config::SdkConfig;
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use model::id::ConnectionId;
use model::outcome::Delivery;

use crate::aws::{self, Call, CallError, Service};
use crate::failure::Failure;

/// The open sockets of the WebSocket API. Its endpoint is `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`; it must be
/// the execute-api one even behind a custom domain.
#[derive(Clone, Debug)]
pub struct Sockets {
    service: Service,
}

/// What API Gateway knows of a connection.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its socket is there.
    Open,
    /// It does not exist any more (410).
    Gone,
    /// API Gateway answered 429, also after the retries: it may be either.
    Busy,
}

impl Sockets {
    /// Takes the configuration; [`Sockets::warm_up`] opens the connection.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { service: Service::new(config, "ApiGatewayManagementApi", "execute-api", aws::connector()) }
    }

    /// Opens the connection to the management API, in Init.
    pub async fn warm_up(&self) {
        let path = path(&ConnectionId::new("init".into()));
        aws::warm_up(self.service.attempt(&Call::new("GET", &path))).await;
    }

    /// Posts `text` to a connection.
    ///
    /// # Errors
    /// When the management API fails after its retries.
    pub async fn post(&self, to: &ConnectionId, text: &str) -> Result<Delivery, Failure> {
        let (path, body) = (path(to), Bytes::copy_from_slice(text.as_bytes()));
        match self.service.call(&Call { body, ..Call::new("POST", &path) }).await {
            Ok(_) => Ok(Delivery::Delivered),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(Delivery::Gone(None)),
                Some(Refusal::Busy) => Ok(Delivery::Busy),
                Some(Refusal::TooLarge) => Ok(Delivery::TooLarge),
                None => Err(error.failure("execute-api:PostToConnection")),
            },
        }
    }

    /// Asks whether a connection is still there. Its socket notices nothing.
    ///
    /// # Errors
    /// When the management API fails after its retries: nothing is known then.
    pub async fn find(&self, connection: &ConnectionId) -> Result<Found, Failure> {
        match self.service.call(&Call::new("GET", &path(connection))).await {
            Ok(_) => Ok(Found::Open),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(Found::Gone),
                Some(Refusal::Busy) => Ok(Found::Busy),
                Some(Refusal::TooLarge) | None => Err(error.failure("execute-api:GetConnection")),
            },
        }
    }

    /// Closes a connection; that it is gone already is as good.
    ///
    /// # Errors
    /// When the management API fails after its retries.
    pub async fn close(&self, connection: &ConnectionId) -> Result<(), Failure> {
        match self.service.call(&Call::new("DELETE", &path(connection))).await {
            Ok(_) => Ok(()),
            Err(error) => match Refusal::of(&error) {
                Some(Refusal::Gone) => Ok(()),
                Some(Refusal::Busy | Refusal::TooLarge) | None => {
                    Err(error.failure("execute-api:DeleteConnection"))
                }
            },
        }
    }
}

/// The resource of a connection.
fn path(connection: &ConnectionId) -> String {
    ["/@connections/"].into_iter().chain(byte_serialize(connection.as_str().as_bytes())).collect()
}

/// A refusal that means something of its own.
enum Refusal {
    Gone,
    Busy,
    TooLarge,
}

impl Refusal {
    /// By the error's type, and by the status alone where nothing names a type: proxies and emulators of the API leave
    /// the header out, or the body empty.
    fn of(error: &CallError) -> Option<Self> {
        let CallError::Refused(refusal) = error else { return None };
        match (refusal.code.as_deref(), refusal.status) {
            (Some("GoneException"), _) | (_, 410) => Some(Self::Gone),
            (Some("LimitExceededException"), _) | (_, 429) => Some(Self::Busy),
            (Some("PayloadTooLargeException"), _) | (_, 413) => Some(Self::TooLarge),
            _ => None,
        }
    }
}
