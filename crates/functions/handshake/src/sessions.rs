//! Handshakes in a session: its roles, and its SFU.

use model::error::Error;
use model::handshake::{Handshake, Kind};
use model::id::RoomId;
use model::item::Sfu;
use model::outcome::Routed;
use model::session::Role;

use crate::Deps;

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

/// The SFU of a session that relays found none for. Who sends media gets one out of the pool; who does not has nobody to
/// receive from yet, and hears `sfuConnect` when that changes.
/// Answers also whether this has claimed it, of which the members are to be told.
pub(crate) async fn sfu(deps: &Deps, session: &RoomId, sends_media: bool) -> Result<(Sfu, bool), Error> {
    let departures = &deps.departures;
    if !sends_media {
        return Err(Error::SfuUnavailable);
    }
    let now = departures.clock.now();
    let claim = departures.store.claim_for_session(session, departures.sfu_grace, now).await?;
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
