//! Asking for warm rooms: one message on the queue that `refill` takes.

use std::time::Duration;

use aws_config::SdkConfig;

use crate::config;
use crate::failure::Failure;
use crate::queue::Queue;

/// The message. It holds nothing: whoever reads it counts the pool itself.
const REFILL: &str = "refill";

/// `IdleRooms`, and the queue to ask for more at.
#[derive(Debug)]
pub struct Refill {
    target: usize,
    queue: Option<Queue>,
}

impl Refill {
    /// Reads `IDLE_ROOMS` and, unless that is 0, `REFILL_QUEUE_URL`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let target = config::number("IDLE_ROOMS")?;
        let queue = (target > 0).then(|| Queue::from_env(config, "REFILL_QUEUE_URL")).transpose()?;
        Ok(Self { target, queue })
    }

    /// Opens the connection to the queue, in Init.
    pub async fn warm_up(&self) {
        if let Some(queue) = &self.queue {
            queue.warm_up().await;
        }
    }

    /// Asks for a refill when fewer warm rooms than `IdleRooms` are left. That it cannot be asked for is logged and is
    /// no error: whoever claims next asks again.
    pub async fn ask_if_short(&self, warm_left: usize) {
        let Some(queue) = self.queue.as_ref().filter(|_| warm_left < self.target) else { return };
        if let Err(failure) = queue.send(REFILL, Duration::ZERO).await {
            tracing::error!(%failure, warm_left, "Refill not asked for");
        }
    }
}
