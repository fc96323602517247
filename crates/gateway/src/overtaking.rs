//! Waiting for an identify that a later message has overtaken. A client sends the two back to back, and API Gateway runs a
//! Lambda for each, side by side.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a message waits.
const IDENTIFY_WITHIN: Duration = Duration::from_secs(1);
/// The first pause between two looks; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Pauses between looks at a connection that is nobody yet, for a second in all.
#[derive(Debug)]
pub struct Overtaking {
    until: Instant,
    pause: Duration,
}

impl Default for Overtaking {
    fn default() -> Self {
        Self { until: Instant::now() + IDENTIFY_WITHIN, pause: FIRST_PAUSE }
    }
}

impl Overtaking {
    /// Waits until the next look; `false`, at once, when the second is over.
    pub async fn wait(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        sleep(self.pause.min(self.until - now)).await;
        self.pause *= 2;
        true
    }
}
