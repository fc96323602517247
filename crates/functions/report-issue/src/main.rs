//! The `reportIssue` Lambda.

use gateway::{edge, logging};
use report_issue::{Deps, report_issue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.departures, async |call| report_issue(&deps, call).await).await
}
