//! `signal`: a text for everybody in a session, or for one.

use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::rooms::sender::{Allowed, Deps, Sender};
use gateway::rooms::signal;
use gateway::store::Sequence;
use model::error::Error;
use model::outcome::Delivery;
use model::session::Permission;
use model::session::notice::ReceivedSignal;
use model::session::signal::{SendSignal, Signal};

/// What the function needs: who may signal.
///
/// # Errors
/// Names the variable that is wrong.
pub async fn deps() -> Result<Deps, Failure> {
    Deps::from_env(Permission::Signal, config::flag("SUBSCRIBERS_MAY_SIGNAL")?).await
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
