//! Asking for warm rooms: one message on the queue that createRoom reads.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;

use crate::failure::Failure;
use crate::{aws, config};

const SEND: &str = "sqs:SendMessage";
/// How long a caller may be kept waiting for the queue: its claim is made, and the next one asks again.
const PATIENCE: Duration = Duration::from_millis(500);
/// The message. It holds nothing: whoever reads it counts the pool itself.
const REFILL: &str = "refill";

/// `IdleRooms`, and the queue to ask for more at.
#[derive(Debug)]
pub struct Refill {
    target: usize,
    queue: Option<Queue>,
}

#[derive(Debug)]
struct Queue {
    client: Client,
    url: String,
}

impl Refill {
    /// Reads `IDLE_ROOMS` and, unless that is 0, `REFILL_QUEUE_URL`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let target = config::number("IDLE_ROOMS")?;
        let queue = if target == 0 {
            None
        } else {
            Some(Queue { client: Client::new(config), url: config::text("REFILL_QUEUE_URL")? })
        };
        Ok(Self { target, queue })
    }

    /// Opens the connection to SQS, in Init. A function that has no right to this call opens it all the same.
    pub async fn warm_up(&self) {
        let Some(Queue { client, url }) = &self.queue else { return };
        let retries = aws_sdk_sqs::config::Config::builder().retry_config(aws::no_retries());
        let call = client.get_queue_attributes().queue_url(url).customize().config_override(retries);
        aws::warm_up(call.send()).await;
    }

    /// Asks for a refill when fewer warm rooms than `IdleRooms` are left. That it cannot be asked for is logged and is
    /// no error: whoever claims next asks again.
    pub async fn ask_if_short(&self, warm_left: usize) {
        let Some(queue) = self.queue.as_ref().filter(|_| warm_left < self.target) else { return };
        let sent = tokio::time::timeout(PATIENCE, queue.ask()).await;
        let sent = sent.unwrap_or_else(|_| Err(Failure::new(SEND, "took too long")));
        if let Err(failure) = sent {
            tracing::error!(%failure, warm_left, "Refill not asked for");
        }
    }
}

impl Queue {
    async fn ask(&self) -> Result<(), Failure> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(REFILL).send().await;
        sent.map(drop).map_err(|error| Failure::of_sdk(SEND, &error))
    }
}
