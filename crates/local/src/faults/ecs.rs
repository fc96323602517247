//! `RunTask` fails.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::aws::reply::Reply;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Ecs {
    error: Error,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Error {
    /// An answer with `failures`.
    Failure,
    /// A server error.
    Internal,
}

impl Ecs {
    pub(crate) fn failure(&self) -> Reply {
        match self.error {
            Error::Failure => Reply::task_failures(
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
            ),
            Error::Internal => Reply::failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServerException",
                "Service Unavailable. Please try again later.",
            ),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self.error {
            Error::Failure => "failure".to_owned(),
            Error::Internal => "internal".to_owned(),
        }
    }
}

impl Kind for Ecs {
    const NAME: &'static str = "ecs";
    const MEMBERS: &'static [&'static str] = &["error"];
    type Site = ();

    fn strikes(&self, (): &()) -> bool {
        true
    }
}
