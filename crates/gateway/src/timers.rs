//! Setting timers: one message each on the queue that the timer's function takes.

use std::time::Duration;

use aws_config::SdkConfig;
use model::time::EpochMillis;
use model::timer::Timer;

use crate::config;
use crate::failure::Failure;
use crate::queue::Queue;

/// How long a lost place is kept, and where timers are set.
#[derive(Clone, Debug)]
pub struct Timers {
    /// `ReconnectGraceSeconds`: how long the place of a member whose socket is lost is kept for it.
    pub reconnect_grace: Duration,
    queue: Option<Queue>,
}

impl Timers {
    /// Reads `RECONNECT_GRACE_SECONDS` and, unless that is 0, `TIMER_QUEUE_URL`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let reconnect_grace = Duration::from_secs(config::number("RECONNECT_GRACE_SECONDS")?);
        let queue = !reconnect_grace.is_zero();
        let queue = queue.then(|| Queue::from_env(config, "TIMER_QUEUE_URL")).transpose()?;
        Ok(Self { reconnect_grace, queue })
    }

    /// Opens the connection to the queue, in Init.
    pub async fn warm_up(&self) {
        if let Some(queue) = &self.queue {
            queue.warm_up().await;
        }
    }

    /// Sets a timer, or its next hop.
    ///
    /// # Errors
    /// When the queue does not take it, maybe too late: the timer may fire all the same.
    pub async fn set(&self, timer: &Timer, now: EpochMillis) -> Result<(), Failure> {
        let Some(queue) = &self.queue else { return Err(Failure::new("timers", "the stack has none")) };
        let body = serde_json::to_string(timer).map_err(|error| Failure::new("timers", error.to_string()))?;
        queue.send(body, timer.hop(now).unwrap_or_default()).await
    }
}
