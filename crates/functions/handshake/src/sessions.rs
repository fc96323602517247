//! Handshakes in a session: its roles, and its SFU.

use std::time::Duration;

use gateway::edge::Reply;
use gateway::sockets::Posted;
use model::error::Error;
use model::handshake::{Handshake, Kind};
use model::id::RoomId;
use model::item::Sfu;
use model::outcome::Routed;
use model::session::Role;

use crate::{Deps, relayed};

/// How many SFUs out of the pool are tried whose sockets turn out to be gone.
const CLAIMS: usize = 4;

/// Checks that a role may do what a handshake is for. A subscriber has a producer connection as well, because the data
/// channels are on it, but sends no media.
pub(crate) fn check_role(role: Role, handshake: &Handshake<'_>) -> Result<(), Error> {
    let may = role.capabilities(false);
    if handshake.sends_media && may.publish == 0 {
        return Err(Error::Forbidden("The token's role does not allow to publish"));
    }
    if handshake.kind == Kind::Consumer && may.subscribe == 0 {
        return Err(Error::Forbidden("The token's role does not allow to subscribe"));
    }
    Ok(())
}

/// Relays a handshake of a session that relays found no SFU for. An SFU of the pool whose socket is gone is given up at once, and
/// the next one taken: it serves nobody yet, so that nobody's media would come back with it.
pub(crate) async fn publish(deps: &Deps, handshake: &Handshake<'_>) -> Result<Reply, Error> {
    let departures = &deps.departures;
    let session = handshake.direction.room();
    let mut grace = departures.sfu_grace;
    for _ in 0..CLAIMS {
        let (sfu, claimed) = sfu(deps, session, handshake.sends_media, grace).await?;
        let posted = departures.post(&sfu.life, sfu.clone().identity(session), handshake.text).await;
        if claimed && matches!(posted, Ok(Posted::Gone)) {
            grace = Duration::ZERO;
            continue;
        }
        if claimed {
            // The offer goes first: nobody's call should wait until a thousand others have been told.
            departures.sfu_connected(session).await;
        }
        return relayed(posted?, Error::SfuUnavailable);
    }
    Err(Error::SfuUnavailable)
}

/// The SFU of a session that relays found none for. Who sends media gets one out of the pool; who does not has nobody to
/// receive from yet, and hears `sfuConnect` when that changes.
/// Answers also whether this has claimed it, of which the members are to be told.
async fn sfu(
    deps: &Deps,
    session: &RoomId,
    sends_media: bool,
    grace: Duration,
) -> Result<(Sfu, bool), Error> {
    let departures = &deps.departures;
    if !sends_media {
        return Err(Error::SfuUnavailable);
    }
    let now = departures.clock.now();
    let claim = departures.store.claim_for_session(session, grace, now).await?;
    if let Some(warm_left) = claim.warm_left {
        deps.refill.ask_if_short(warm_left).await;
    }
    match claim.routed {
        Routed::Claimed(sfu) => Ok((sfu, true)),
        Routed::Sfu(sfu) => Ok((sfu, false)),
        Routed::Away | Routed::NoRoom => Err(Error::SfuUnavailable),
        Routed::Relayed => Err(Error::Forbidden("The session is relayed: it has no SFU")),
        Routed::NoSession => Err(Error::RoomNotFound),
    }
}
