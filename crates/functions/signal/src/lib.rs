//! `signal`: a text for everybody in a session, or for one.

use gateway::app::App;
use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::rooms::sender::{Allowance, Allowed, Sender};
use gateway::rooms::signal;
use gateway::store::Sequence;
use model::error::Error;
use model::outcome::Delivery;
use model::session::Permission;
use model::session::notice::ReceivedSignal;
use model::session::signal::{SendSignal, Signal};

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// Who may signal, and how fast.
    pub allowance: Allowance,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let (subscribers, rate) = (config::flag("SUBSCRIBERS_MAY_SIGNAL")?, config::signal_rate()?);
        let allowance = Allowance::new(Permission::Signal, subscribers, rate);
        Ok(Self { allowance, app: App::from_env(&gateway::aws::load().await).await? })
    }
}

/// Delivers a signal: one conditional write, which counts it and tells who sends it; then one read of who receives it,
/// and the posts. The sender receives what is for all as well.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` for a role that may not, `too_many_requests` above the rate,
/// `peer_not_found` when `to` is not there, `internal_error` when it could not be kept for somebody who is away.
pub async fn signal(deps: &Deps, sender: &Sender<'_>, request: SendSignal) -> Result<Reply, Error> {
    let Deps { app, allowance } = deps;
    let SendSignal { signal: Signal { kind, data }, to } = request;
    let sequence = if to.is_some() { Sequence::Unnumbered } else { Sequence::Next };
    let allowed = sender.allowed(app, allowance, sequence, "Signals are for sessions").await?;
    let Allowed { session, peer: from, seq } = allowed;
    let id = signal::new_id();
    let received = ReceivedSignal { id, kind, data, from: Some(from), seq: Some(seq), to: to.clone() };
    let now = app.clock.now();
    let Some(to) = to else {
        signal::to_all(app, &session, app.store.roster(&session, now).await?, received).await?;
        return Ok(Reply::Ack);
    };
    let Some(member) = app.store.member(&session, &to, now).await? else {
        return Err(Error::PeerNotFound);
    };
    match signal::to_one(app, &session, &to, member, received).await? {
        Delivery::Delivered => Ok(Reply::Ack),
        Delivery::Gone(_) => Err(Error::PeerNotFound),
        Delivery::Busy | Delivery::TooLarge => Err(Error::TooManyRequests),
    }
}
