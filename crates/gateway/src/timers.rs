//! Setting timers: one message each on the queue that the timer's function takes.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use model::time::EpochMillis;
use model::timer::Timer;

use crate::config;
use crate::failure::Failure;

const SEND: &str = "sqs:SendMessage";

/// How long a lost place is kept, and where timers are set.
#[derive(Clone, Debug)]
pub struct Timers {
    /// `ReconnectGraceSeconds`: how long the place of a member whose socket is lost is kept for it.
    pub reconnect_grace: Duration,
    queue: Option<Queue>,
}

#[derive(Clone, Debug)]
struct Queue {
    client: Client,
    url: String,
}

impl Timers {
    /// Reads `RECONNECT_GRACE_SECONDS` and, unless that is 0, `TIMER_QUEUE_URL`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let reconnect_grace = Duration::from_secs(config::number("RECONNECT_GRACE_SECONDS")?);
        let queue = if reconnect_grace.is_zero() {
            None
        } else {
            Some(Queue { client: Client::new(config), url: config::text("TIMER_QUEUE_URL")? })
        };
        Ok(Self { reconnect_grace, queue })
    }

    /// Sets a timer, or its next hop.
    ///
    /// # Errors
    /// When the queue does not take it: whoever reads next what is past its time makes up for it.
    pub async fn set(&self, timer: &Timer, now: EpochMillis) -> Result<(), Failure> {
        let Some(Queue { client, url }) = &self.queue else {
            return Err(Failure::new(SEND, "the stack has no timers"));
        };
        let body = serde_json::to_string(timer).map_err(|error| Failure::new(SEND, error.to_string()))?;
        let delay = timer.hop(now).unwrap_or_default();
        let delay = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let sent = client.send_message().queue_url(url).message_body(body).delay_seconds(delay).send().await;
        sent.map(drop).map_err(|error| Failure::of_sdk(SEND, &error))
    }
}
