//! Sending messages to a queue of the stack.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::{aws, config};

const SEND: &str = "sqs:SendMessage";
/// How long a message may take. Whoever sends one can do without, and has others to see to.
const PATIENCE: Duration = Duration::from_millis(500);

/// A queue, to send to.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue whose URL the variable holds.
    pub(crate) fn from_env(config: &SdkConfig, variable: &'static str) -> Result<Self, Failure> {
        Ok(Self { client: Client::new(config), url: config::text(variable)? })
    }

    /// Opens the connection to SQS, in Init. A function that has no right to this call opens it all the same.
    pub(crate) async fn warm_up(&self) {
        let retries = aws_sdk_sqs::config::Config::builder().retry_config(aws::no_retries());
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        aws::warm_up(call.customize().config_override(retries).send()).await;
    }

    /// Sends a message that is received after `delay`, in whole seconds, 15 minutes at most.
    pub(crate) async fn send(&self, body: impl Into<String>, delay: Duration) -> Result<(), Failure> {
        let delay = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.send_message().queue_url(&self.url).message_body(body).delay_seconds(delay);
        match timeout(PATIENCE, request.send()).await {
            Ok(sent) => sent.map(drop).map_err(|error| Failure::of_sdk(SEND, &error)),
            Err(_) => Err(Failure::new(SEND, "took too long")),
        }
    }
}
