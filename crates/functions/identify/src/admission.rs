//! Tokens are checked before anything is said about a room or a session.

use gateway::auth::{Bearer, Denied};
use gateway::rooms::sender::Sender;
use gateway::store::{Join, Policy};
use model::error::Error;
use model::identify::{ClientIdentify, SessionIdentify};
use model::session::SessionMember;

use crate::Deps;

/// A client of a page, with the token of `AuthMode`.
pub(crate) async fn to_page(deps: &Deps, sender: &Sender<'_>, client: ClientIdentify) -> Result<Join, Error> {
    let ClientIdentify { peer, room, token, resume_hash } = client;
    let path = match deps.auth.verify(token.as_deref()).await {
        Ok(Bearer::Anybody) => None,
        Ok(Bearer::Holder(claims)) if claims.admits_peer(&peer) => Some(claims.path),
        Ok(Bearer::Holder(_)) => return Err(Error::Forbidden("The token admits another peer")),
        Err(denied) => return Err(refused(denied, "A valid token is required")),
    };
    Ok(Join { socket: sender.socket(), peer, room, resume_hash, policy: Policy::Page { path } })
}

/// A client of a session, with a token of its project.
pub(crate) async fn to_session(
    deps: &Deps,
    sender: &Sender<'_>,
    client: SessionIdentify,
) -> Result<Join, Error> {
    let SessionIdentify { session, api_key, token, peer, resume_hash, suppressed, e2ee_ready } = client;
    let grant = deps.projects.admit(&api_key, &session, &token, deps.app.clock.now()).await;
    let grant = grant.map_err(|denied| refused(denied, "The API key or the token is not valid"))?;
    let member = SessionMember {
        role: grant.role,
        data: grant.data,
        layout_classes: grant.layout_classes,
        suppressed,
    };
    Ok(Join {
        peer: peer.unwrap_or_else(|| sender.stamp().connection_id.clone().into()),
        socket: sender.socket(),
        room: session,
        resume_hash,
        policy: Policy::Session { api_key, member, e2ee_ready, limit: deps.session_connections },
    })
}

fn refused(denied: Denied, sentence: &'static str) -> Error {
    match denied {
        Denied::Unauthorized => Error::Unauthorized(sentence),
        Denied::Failed(failure) => failure.into(),
    }
}
