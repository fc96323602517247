//! A call of SQS is slow or fails, or what it sends is delivered twice, or late.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::aws::reply::Reply;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sqs {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeat: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    late_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Error {
    Throttle,
    Internal,
    /// No answer at all.
    Timeout,
}

impl Sqs {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// How much later than it should come what is sent.
    pub(crate) fn late(&self) -> Duration {
        Duration::from_millis(self.late_ms)
    }

    /// Whether the caller gives up before it is answered.
    pub(crate) fn is_timeout(&self) -> bool {
        self.error == Some(Error::Timeout)
    }

    /// What the caller is answered; `None` when the call is executed.
    pub(crate) fn failure(&self) -> Option<Reply> {
        Some(match self.error? {
            Error::Throttle => Reply::failure(StatusCode::BAD_REQUEST, "RequestThrottled", "Rate exceeded"),
            Error::Internal | Error::Timeout => Reply::failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalFailure",
                "The request processing has failed",
            ),
        })
    }

    pub(crate) fn text(&self) -> String {
        match self.error {
            Some(error) => format!("{error:?}"),
            None if self.repeat => "delivered twice".to_owned(),
            None if self.late_ms > 0 => format!("delivered {} ms late", self.late_ms),
            None => format!("{} ms late", self.delay_ms),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(ms: &u64) -> bool {
    *ms == 0
}

impl Kind for Sqs {
    const NAME: &'static str = "sqs";
    const MEMBERS: &'static [&'static str] = &["error", "repeat", "lateMs", "operation", "delayMs"];
    /// The operation.
    type Site = str;

    fn strikes(&self, operation: &str) -> bool {
        self.operation.as_deref().is_none_or(|only| only == operation)
    }
}
