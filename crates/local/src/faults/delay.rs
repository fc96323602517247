//! A message waits before its function is invoked, so that messages arrive out of order.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::Kind;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delay {
    /// `*`: any.
    route: String,
    #[serde(default, rename = "delayMs")]
    least_ms: u64,
    /// At most this much more, at random.
    #[serde(default)]
    jitter_ms: u64,
}

impl Delay {
    pub(crate) fn duration(&self) -> Duration {
        let jitter = if self.jitter_ms == 0 { 0 } else { rand::random_range(0..=self.jitter_ms) };
        Duration::from_millis(self.least_ms.saturating_add(jitter))
    }
}

impl Kind for Delay {
    const NAME: &'static str = "delay";
    const MEMBERS: &'static [&'static str] = &["route", "delayMs", "jitterMs"];
    /// The route of the message.
    type Site = str;

    fn strikes(&self, route: &str) -> bool {
        self.route == "*" || self.route == route
    }
}
