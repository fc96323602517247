//! Handshakes in a session: its roles, and its SFU.

use std::time::Duration;

use gateway::edge::Reply;
use gateway::rooms::delivery::{Recipient, relay};
use gateway::rooms::sender::check;
use gateway::rooms::{arrival, departure};
use gateway::store::Claimant;
use model::error::Error;
use model::handshake::{Direction, Handshake, Kind};
use model::id::RoomId;
use model::outcome::{Claimed, Delivery};
use model::session::{Permission, Role};
use model::sfu::Sfu;

use crate::{Deps, outcome};

/// How many SFUs out of the pool are tried whose sockets turn out to be gone.
const CLAIMS: usize = 4;

/// Checks that a role may do what a handshake is for. A subscriber has a producer connection to an SFU as well, because the
/// data channels are on it, but sends no media; to another client it has none.
pub(crate) fn check_role(role: Role, handshake: &Handshake<'_>) -> Result<(), Error> {
    if handshake.sends_media {
        check(role, Permission::Publish)?;
    }
    match (handshake.kind, &handshake.direction) {
        (Kind::Consumer, _) => check(role, Permission::Subscribe),
        (Kind::Producer, Direction::ToPeer(..)) => check(role, Permission::Publish),
        (Kind::Producer, Direction::ToSfu(_)) => Ok(()),
    }
}

/// Relays a handshake, as `text`, of a session that relays found no SFU for. An SFU of the pool whose socket is gone is
/// given up at once, and the next one taken: it serves nobody yet, so that nobody's media would come back with it.
pub(crate) async fn publish(deps: &Deps, handshake: &Handshake<'_>, text: &str) -> Result<Reply, Error> {
    let app = &deps.app;
    let session = handshake.direction.room();
    let mut grace = app.sfu_grace;
    for _ in 0..CLAIMS {
        let (sfu, claimed) = sfu(deps, session, handshake.sends_media, grace).await?;
        let stamp = sfu.stamp.clone();
        match relay(app, &Recipient::sfu(session, sfu), text).await {
            Ok(Delivery::Gone(ended)) if claimed => {
                if let Some(ended) = ended {
                    departure::announce_ended(app, &ended).await?;
                }
                grace = Duration::ZERO;
            }
            delivery => {
                if claimed {
                    // The offer goes first: nobody's call should wait until a thousand others have been told.
                    arrival::sfu_claimed(app, session, &stamp).await;
                }
                return outcome(app, delivery?, Error::SfuUnavailable).await;
            }
        }
    }
    Err(Error::SfuUnavailable)
}

/// The SFU of a session that relays found none for. Who sends media gets one out of the pool; who does not has nobody
/// to receive from yet, and hears `sfuConnect` when that changes.
///
/// Answers also whether this has claimed it, of which the members are to be told.
async fn sfu(
    deps: &Deps,
    session: &RoomId,
    sends_media: bool,
    grace: Duration,
) -> Result<(Sfu, bool), Error> {
    let app = &deps.app;
    if !sends_media {
        return Err(Error::SfuUnavailable);
    }
    let claim = app.store.claim(Claimant::Session(session), grace, app.clock.now()).await?;
    if let Some(warm_left) = claim.warm_left {
        deps.refill.ask_if_short(warm_left).await;
    }
    match claim.claimed {
        Claimed::Taken(_, Some(sfu)) => Ok((sfu, true)),
        Claimed::Serving(_, Some(sfu)) => Ok((sfu, false)),
        Claimed::Taken(_, None) | Claimed::Serving(_, None) | Claimed::NoRoom => Err(Error::SfuUnavailable),
        Claimed::Relayed => Err(Error::Forbidden("The session is relayed: it has no SFU")),
        Claimed::NoSession => Err(Error::RoomNotFound),
    }
}
