//! `reportIssue`: a client reports that something went wrong, and gets a name to refer to it by.

use std::time::Duration;

use gateway::app::App;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::machine;
use gateway::rooms::sender::Sender;
use model::error::Error;
use model::notice::Notice;
use model::session::issue::{Issue, ReportIssue};
use rand::RngExt as _;

/// How long an issue is kept.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        Ok(Self { app: App::from_env(&gateway::aws::load().await).await? })
    }
}

/// Stores what a client reports, for 30 days, under a random name.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` outside of a session, `too_many_requests` above the rate of issues: each is
/// stored.
pub async fn report_issue(deps: &Deps, sender: &Sender<'_>, request: ReportIssue) -> Result<Reply, Error> {
    let Deps { app } = deps;
    let elsewhere = "Issues are reported from sessions";
    let reporter = sender.allowed_issue(app, elsewhere).await?;
    let now = app.clock.now();
    let issue_id = uuid::Builder::from_random_bytes(machine::chance().random()).into_uuid().to_string();
    let issue = Issue {
        session_id: reporter.session,
        connection_id: reporter.peer,
        text: request.text,
        reported_at: now,
        expires_at: now.plus(KEPT).seconds(),
    };
    let stored = app.store.report_issue(&issue_id, &issue).await;
    stored.map_err(|failure| Error::IssueNotStored(Box::new(failure)))?;
    Ok(Reply::Notice(Notice::IssueReported { issue_id, request_id: None }))
}
