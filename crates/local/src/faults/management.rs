//! A call of `@connections` is slow or fails.

use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::aws::reply::Reply;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Management {
    /// A status.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<u16>,
    /// The error is a status and nothing else, as proxies and emulators answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    untyped: bool,
    #[serde(default)]
    delay_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
}

impl Management {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// What the caller is answered; `None` when the call is only slow.
    pub(crate) fn failure(&self) -> Option<Reply> {
        let failure = match self.error? {
            410 => Reply::gone(),
            429 => Reply::limit_exceeded("Too many requests"),
            _ => Reply::rest_failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerErrorException",
                "Internal server error",
            ),
        };
        Some(if self.untyped { Reply { error: None, body: Bytes::new(), ..failure } } else { failure })
    }

    pub(crate) fn text(&self) -> String {
        self.error.map_or_else(|| format!("{} ms late", self.delay_ms), |error| error.to_string())
    }
}

impl Kind for Management {
    const NAME: &'static str = "management";
    const MEMBERS: &'static [&'static str] = &["error", "untyped", "delayMs", "connectionId"];
    /// The id of the connection.
    type Site = str;

    fn strikes(&self, connection: &str) -> bool {
        self.connection_id.as_deref().is_none_or(|only| only == connection)
    }

    fn check(&self, _: Option<&str>) -> Result<(), &'static str> {
        match self.error {
            None | Some(410 | 429 | 500) => Ok(()),
            Some(_) => Err("error is 410, 429 or 500"),
        }
    }
}
