//! The `reportIssue` Lambda.

use gateway::{edge, logging};
use model::error::Error;
use model::request::Request;
use report_issue::{Deps, report_issue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.app, async |sender, request| {
        let Request::ReportIssue(request) = request else { return Err(Error::UnknownAction) };
        report_issue(&deps, sender, request).await
    })
    .await
}
