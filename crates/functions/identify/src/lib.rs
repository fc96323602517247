//! `identify`: a connection says who it is, and becomes a member of a room or a session, or the SFU of a room.

mod admission;
mod client;
mod sfu;

use gateway::app::App;
use gateway::auth::Auth;
use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::projects::Projects;
use gateway::rooms::departure::{Probe, probe};
use gateway::rooms::sender::{Allowance, Sender};
use model::error::Error;
use model::ice::IceServers;
use model::identify::Identify;
use model::member::Holder;
use model::outcome::Ended;
use model::session::Permission;

/// How many holders of a place are found gone before a newcomer is told that our side failed: each was put there, and
/// lost, while it was being let in.
const HOLDERS: usize = 8;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// `AuthMode`.
    pub auth: Auth,
    /// `ConnectTickets`: whether a connection may be for one room only.
    pub tickets: bool,
    /// Who makes sessions and tokens for them.
    pub projects: Projects,
    /// What clients are to use for ICE.
    pub ice_servers: IceServers,
    /// `SessionConnections`: the most members of a session.
    pub session_connections: u32,
    /// `ConnectionsPerToken`: on how many sockets at one time the bearer of one token may be a member.
    pub connections_per_token: usize,
    /// `SubscribersMaySignal`.
    pub subscribers_may_signal: bool,
    /// Who identifies again in a session is answered with a long list: that counts as a signal does.
    pub again: Allowance,
}

impl Deps {
    /// Reads the settings and the keys, and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the keys could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        Ok(Self {
            ice_servers: gateway::ice::servers(&aws).await?,
            auth: Auth::from_env(&aws).await?,
            tickets: config::flag("CONNECT_TICKETS")?,
            projects: Projects::from_env(&aws)?,
            session_connections: config::number("SESSION_CONNECTIONS")?,
            connections_per_token: config::number("CONNECTIONS_PER_TOKEN")?,
            again: Allowance::new(Permission::Belong, false, config::signal_rate()?),
            subscribers_may_signal: config::flag("SUBSCRIBERS_MAY_SIGNAL")?,
            app: App::from_env(&aws).await?,
        })
    }
}

/// Lets a connection be who it says it is.
///
/// # Errors
/// Those of PROTOCOL, "identify": a room that is not there, a place that is somebody else's, no proof.
pub async fn identify(deps: &Deps, sender: &Sender<'_>, request: Identify) -> Result<Reply, Error> {
    let join = match request {
        Identify::Client(client) => admission::to_page(deps, sender, client).await?,
        Identify::Session(client) => admission::to_session(deps, sender, *client).await?,
        Identify::Sfu(sfu) => return sfu::identify(deps, sender, sfu).await,
    };
    // Boxed: an SFU's identify need not carry what a session's takes.
    Box::pin(client::identify(deps, sender, join)).await
}

/// Refuses a place whose holder is there, when it is probed; if it is gone, the place can be tried for again, and
/// whoever has ended the holder's stay tells of that. When it cannot be probed nothing is known, and the newcomer has
/// to come again: nobody is refused for somebody who may not be there.
async fn freed(deps: &Deps, holder: &Holder, refusal: Error) -> Result<Option<Ended>, Error> {
    match probe(&deps.app, holder).await? {
        Probe::Unknown => Err(Error::TooManyRequests),
        // It is away since now: whoever it is kept for may have it, on whichever socket; nobody else.
        Probe::Away if holder.away_until.is_none() => Ok(None),
        Probe::Held | Probe::Away => Err(refusal),
        Probe::Ended(ended) => Ok(Some(ended)),
        Probe::Changed => Ok(None),
    }
}

fn every_holder_gone() -> Error {
    Failure::new("identify", format!("found {HOLDERS} holders of a place gone")).into()
}
