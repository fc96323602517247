//! `reportIssue`: a client reports that something went wrong, and gets a name to refer to it by.

use std::time::Duration;

use gateway::config;
use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use gateway::overtaking::Overtaking;
use gateway::store::Raise;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::life::Life;
use model::notice::Notice;
use model::outcome::Counted;
use model::session::item::Issue;
use model::session::{Otc, Rate, Role, moderation};

/// How long an issue is kept.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
    /// `SignalsPerSecond` and `SignalBurst`: reports count as signals do, because each is stored.
    pub rate: Rate,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let departures = Departures::from_env(&gateway::aws::load().await).await?;
        Ok(Self { departures, rate: config::signal_rate()? })
    }
}

/// Stores what a client reports, for 30 days, under a random name.
///
/// # Errors
/// `bad_message` or `too_large` for the text, `connection_not_found` before an identify, `forbidden` outside of a session,
/// `too_many_requests` above the rate; with the model's numbers.
pub async fn report_issue(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    report(deps, call).await.map_err(Error::in_session)
}

async fn report(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    let text = moderation::issue(&call.request.data()?)?;
    let (session_id, connection_id) = reporter(deps, call.life).await?;
    let now = deps.departures.clock.now();
    let issue_id = uuid::Uuid::new_v4().to_string();
    let expires_at = now.plus(KEPT).seconds();
    let issue = Issue { session_id, connection_id, text, reported_at: now, expires_at };
    let stored = deps.departures.store.report_issue(&issue_id, &issue).await;
    stored.map_err(|failure| Error::from(failure).numbered(Otc::ReportIssue))?;
    Ok(Reply::Notice(Notice::IssueReported { issue_id, request_id: call.request_id }))
}

async fn reporter(deps: &Deps, life: &Life) -> Result<(RoomId, PeerId), Error> {
    let mut overtaking = Overtaking::default();
    loop {
        let Deps { departures, rate } = deps;
        let now = departures.clock.now();
        return match departures.store.count(life, Raise::Nothing, &Role::ALL, *rate, now).await? {
            Counted::Signal { session, peer, .. } => Ok((session, peer)),
            Counted::NotIdentified if overtaking.wait().await => continue,
            Counted::NotIdentified | Counted::ConnectionGone => Err(Error::ConnectionNotFound),
            Counted::NotInSession | Counted::RoleForbids => {
                Err(Error::Forbidden("Issues are reported from sessions"))
            }
            Counted::TooMany => Err(Error::TooManyRequests),
        };
    }
}
