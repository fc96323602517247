//! A DynamoDB call is slow or fails.

use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::kind::Kind;
use crate::aws::reply::Reply;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dynamodb {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
    #[serde(default)]
    pub(crate) when: When,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Error {
    Throttle,
    Internal,
    /// `TransactionConflictException`.
    Conflict,
    /// `TransactionCanceledException` whose reasons are `TransactionConflict`.
    ConflictCancelled,
    /// No answer at all.
    Timeout,
}

/// Whether the call is executed before its answer is replaced.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum When {
    #[default]
    Before,
    After,
}

impl Dynamodb {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// Whether the caller gives up before it is answered.
    pub(crate) fn is_timeout(&self) -> bool {
        self.error == Some(Error::Timeout)
    }

    /// What the caller is answered in place of what the call gives; `None` when it is only slow.
    pub(crate) fn failure(&self, request: &[u8]) -> Option<Reply> {
        let bad = StatusCode::BAD_REQUEST;
        Some(match self.error? {
            Error::Throttle => Reply::failure(
                bad,
                "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
            ),
            Error::Internal | Error::Timeout => Reply::failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "com.amazonaws.dynamodb.v20120810#InternalServerError",
                "Internal server error",
            ),
            Error::Conflict => Reply::failure(
                bad,
                "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
                "Transaction is ongoing for the item",
            ),
            Error::ConflictCancelled => cancelled(request),
        })
    }

    pub(crate) fn text(&self) -> String {
        self.error.map_or_else(|| format!("{} ms late", self.delay_ms), |error| format!("{error:?}"))
    }
}

impl Kind for Dynamodb {
    const NAME: &'static str = "dynamodb";
    const MEMBERS: &'static [&'static str] = &["error", "when", "operation", "delayMs"];
    /// The operation.
    type Site = str;

    fn strikes(&self, operation: &str) -> bool {
        self.operation.as_deref().is_none_or(|only| only == operation)
    }
}

/// A transaction that was cancelled because another holds its first item.
fn cancelled(request: &[u8]) -> Reply {
    let request: Json = serde_json::from_slice(request).unwrap_or_default();
    let items = request.get("TransactItems").and_then(Json::as_array).map_or(1, Vec::len).max(1);
    let code = |index: usize| if index == 0 { "TransactionConflict" } else { "None" };
    let reasons: Vec<_> = (0..items)
        .map(|index| match code(index) {
            "None" => json!({ "Code": "None" }),
            code => json!({ "Code": code, "Message": "Transaction is ongoing for the item" }),
        })
        .collect();
    let codes: Vec<_> = (0..items).map(code).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", ")
        ),
        "CancellationReasons": reasons,
    });
    Reply {
        status: StatusCode::BAD_REQUEST,
        body: body.to_string().into(),
        items: Some(items),
        error: Some("com.amazonaws.dynamodb.v20120810#TransactionCanceledException"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_transaction_has_a_reason_for_each_item() {
        let fault: Dynamodb = serde_json::from_value(json!({ "error": "conflict-cancelled" })).unwrap();
        let reply = fault.failure(br#"{"TransactItems":[{},{}]}"#).unwrap();
        let body: Json = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body["CancellationReasons"][0]["Code"], "TransactionConflict");
        assert_eq!(body["CancellationReasons"][1]["Code"], "None");
    }
}
