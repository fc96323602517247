//! A batch of a stream waits, or comes twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::Kind;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stream {
    /// The logical id of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeat: bool,
    #[serde(default)]
    delay_ms: u64,
}

impl Stream {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    pub(crate) fn text(&self) -> String {
        if self.repeat { "delivered twice".to_owned() } else { format!("{} ms late", self.delay_ms) }
    }
}

impl Kind for Stream {
    const NAME: &'static str = "stream";
    const MEMBERS: &'static [&'static str] = &["table", "repeat", "delayMs"];
    /// The logical id of the table.
    type Site = str;

    fn strikes(&self, table: &str) -> bool {
        self.table.as_deref().is_none_or(|only| only == table)
    }
}
