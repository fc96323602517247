//! `$default`: the keepalive, and every message that no other route takes.

use gateway::clock::Clock;
use gateway::edge::{Reply, Respond};
use gateway::failure::Failure;
use gateway::rooms::sender::Sender;
use gateway::sockets::Sockets;
use gateway::store::Store;
use model::error::Error;
use model::notice::Notice;
use model::request::Request;
use model::stamp::Stamp;

/// What the function needs: little, as a ping costs its sender nothing.
#[derive(Debug)]
pub struct Deps {
    /// Who is there.
    pub store: Store,
    /// The open sockets.
    pub sockets: Sockets,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        let deps = Self { store: Store::from_env(&aws)?, sockets: Sockets::new(&aws), clock: Clock::System };
        futures::join!(deps.store.warm_up(), deps.sockets.warm_up());
        Ok(deps)
    }
}

/// The route reads who is there and changes nothing: whoever posts to a socket that is gone clears it away.
impl Respond for Deps {
    fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    async fn found_gone(&self, _stamp: &Stamp) -> Result<(), Failure> {
        Ok(())
    }

    async fn closing(&self, _stamp: &Stamp) -> Result<(), Failure> {
        Ok(())
    }

    async fn is_overdue(&self, stamp: &Stamp) -> Result<bool, Failure> {
        self.store.is_overdue(stamp, self.clock.now()).await
    }

    async fn in_session(&self, _sender: &Sender<'_>) -> Result<bool, Failure> {
        Ok(false)
    }
}

/// Answers `ping` by `pong`. API Gateway cuts a socket after 10 minutes without a message, and a quiet call has
/// nothing else to say. Nobody's socket is kept alive.
///
/// # Errors
/// `connection_not_found` on a socket that should have identified by now; `unknown_action` for anything else.
pub async fn default(deps: &Deps, sender: &Sender<'_>, request: &Request<'_>) -> Result<Reply, Error> {
    if !matches!(request, Request::Ping) {
        return Err(Error::UnknownAction);
    }
    if deps.is_overdue(sender.stamp()).await? {
        return Err(Error::ConnectionNotFound);
    }
    Ok(Reply::Notice(Notice::Pong { request_id: None }))
}
