//! Setting timers: one message each on the queue that the timer's function takes.

use std::time::Duration;

use aws_config::SdkConfig;
use model::connection::Identity;
use model::time::EpochMillis;
use model::timer::Timer;

use crate::config;
use crate::failure::Failure;
use crate::queue::Queue;

/// How long a lost place is kept, and where timers are set.
#[derive(Clone, Debug)]
pub struct Timers {
    /// `ReconnectGraceSeconds`: how long the place of a session's member whose socket is lost is kept for it.
    session_grace: Duration,
    /// `RoomReconnectGraceSeconds`: the same in other rooms.
    room_grace: Duration,
    queue: Option<Queue>,
}

impl Timers {
    /// Reads `RECONNECT_GRACE_SECONDS`, `ROOM_RECONNECT_GRACE_SECONDS` and, unless both are 0, `TIMER_QUEUE_URL`.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let session_grace = Duration::from_secs(config::number("RECONNECT_GRACE_SECONDS")?);
        let room_grace = Duration::from_secs(config::number("ROOM_RECONNECT_GRACE_SECONDS")?);
        let queue = !(session_grace.is_zero() && room_grace.is_zero());
        let queue = queue.then(|| Queue::from_env(config, "TIMER_QUEUE_URL")).transpose()?;
        Ok(Self { session_grace, room_grace, queue })
    }

    /// Whether any places are kept.
    #[must_use]
    pub fn keep_places(&self) -> bool {
        self.queue.is_some()
    }

    /// How long the place of somebody who is lost is kept.
    #[must_use]
    pub fn grace(&self, of: &Identity) -> Duration {
        match of {
            Identity::Client { session: Some(_), .. } => self.session_grace,
            Identity::Client { session: None, .. } => self.room_grace,
            Identity::Sfu { .. } => Duration::ZERO,
        }
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
