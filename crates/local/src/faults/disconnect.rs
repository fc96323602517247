//! `$disconnect` comes late, never or twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::Kind;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Disconnect {
    mode: Mode,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Delay,
    Drop,
    Repeat,
}

impl Disconnect {
    /// How long to wait before each `$disconnect`: none is sent when this is empty.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        let delay = Duration::from_millis(self.delay_ms);
        match self.mode {
            Mode::Delay => vec![delay],
            Mode::Drop => Vec::new(),
            Mode::Repeat => vec![Duration::ZERO, delay],
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{:?} {} ms", self.mode, self.delay_ms)
    }
}

impl Kind for Disconnect {
    const NAME: &'static str = "disconnect";
    const MEMBERS: &'static [&'static str] = &["mode", "delayMs"];
    type Site = ();

    fn strikes(&self, (): &()) -> bool {
        true
    }
}
