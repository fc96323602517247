//! `subscribe` and `unsubscribe`: a client tells its session's SFU what it wants of somebody's stream; in a relayed session, the
//! publisher.

use gateway::app::App;
use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::rooms::delivery::{Recipient, relay};
use gateway::rooms::departure;
use gateway::rooms::relayed::{self, Between};
use gateway::rooms::sender::{Allowance, Allowed, Sender};
use gateway::store::Sequence;
use model::error::Error;
use model::notice::Notice;
use model::outcome::Delivery;
use model::session::Permission;
use model::session::stream::Subscribe;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// Who may subscribe, and how often.
    pub allowance: Allowance,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let allowance = Allowance::new(Permission::Subscribe, false, config::signal_rate()?);
        Ok(Self { allowance, app: App::from_env(&gateway::aws::load().await).await? })
    }
}

/// Tells the SFU what the sender wants of a stream: one conditional write, which counts the request and tells who sends it; one
/// batched read of two items; one post. Nothing is stored: the SFU knows what was asked for last. Without an SFU one read more,
/// and in a relayed session a query of its members, of whom the publisher is told.
///
/// # Errors
/// `connection_not_found` before an identify; `forbidden` for a role that may not, and for the sender's own stream;
/// `stream_not_found` unless nothing is wanted of it; `sfu_unavailable`; `too_many_requests` above the rate; in a relayed session
/// `relayed_session_full`, and `peer_not_found` while the publisher is away.
pub async fn subscribe(deps: &Deps, sender: &Sender<'_>, request: Subscribe) -> Result<Reply, Error> {
    let Deps { app, allowance } = deps;
    let Subscribe { id, has_audio, has_video } = request;
    let sequence = Sequence::Unnumbered;
    let allowed = sender.allowed(app, allowance, sequence, "Streams are for sessions").await?;
    let Allowed { session, peer, .. } = allowed;
    if *id.peer() == peer {
        return Err(Error::Forbidden("A stream is not sent back to its publisher"));
    }
    let (publisher, sfu) = app.store.member_and_sfu(&session, id.peer(), app.clock.now()).await?;
    let publisher = publisher.filter(|publisher| publisher.streams.live.contains_key(&id));
    let Some(publisher) = publisher else {
        return if has_audio || has_video { Err(Error::StreamNotFound) } else { Ok(Reply::Ack) };
    };
    let (to, absent) = match sfu {
        Some(sfu) => (Recipient::sfu(&session, sfu), Error::SfuUnavailable),
        None if relayed::is_relayed(app, &session).await? => {
            match relayed::between(app, &session, [&peer, id.peer()]).await? {
                Between::TheTwo => {}
                Between::Others | Between::NotRelayed if has_audio || has_video => {
                    return Err(Error::RelayedSessionFull);
                }
                // Nothing goes to it, and the publisher need not hear of it.
                Between::Others | Between::NotRelayed => return Ok(Reply::Ack),
            }
            let recipient = Recipient::member(id.peer(), &session, &publisher);
            (recipient.ok_or(Error::PeerNotFound)?, Error::PeerNotFound)
        }
        None => return Err(Error::SfuUnavailable),
    };
    let stamp = sender.stamp().clone();
    let wanted = Notice::Subscription { client_id: peer, stamp, stream_id: id, has_audio, has_video };
    match relay(app, &to, &wanted.to_json()).await? {
        Delivery::Delivered => Ok(Reply::Ack),
        Delivery::Gone(ended) => {
            if let Some(ended) = ended {
                departure::announce_ended(app, &ended).await?;
            }
            Err(absent)
        }
        Delivery::Busy | Delivery::TooLarge => Err(Error::TooManyRequests),
    }
}
