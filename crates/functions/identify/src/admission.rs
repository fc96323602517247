//! Tokens are checked before anything is said about a room or a session.

use gateway::auth::{Bearer, Denied};
use gateway::rooms::sender::Sender;
use gateway::store::{Join, Policy};
use model::error::Error;
use model::id::PeerId;
use model::identify::{ClientIdentify, SessionIdentify};
use model::person::{Person, PersonId};
use model::session::SessionMember;
use model::ticket::Admits;

use crate::Deps;

/// A client of a page, with the token of `AuthMode`.
pub(crate) async fn to_page(deps: &Deps, sender: &Sender<'_>, client: ClientIdentify) -> Result<Join, Error> {
    let ClientIdentify { peer, room, token, resume_hash } = client;
    let (path, bound_to, id) = match deps.auth.verify(token.as_deref()).await {
        Ok(Bearer::Anybody) => (None, None, PersonId::of_socket(&sender.stamp().connection_id)),
        Ok(Bearer::Holder(claims, id)) => (Some(claims.path), claims.peer_id, id),
        Err(denied) => return Err(refused(denied, "A valid token is required")),
    };
    let bound = is_bound(bound_to.as_ref(), &peer)?;
    let path = match (admits(deps, sender).await?, path) {
        (None, path) => path,
        (Some(Admits::Path(ticket)), path) if path.as_ref().is_none_or(|path| *path == ticket) => {
            Some(ticket)
        }
        (Some(_), _) => return Err(Error::Forbidden(OTHER_ROOM)),
    };
    let person = Person { id, sockets: deps.connections_per_token };
    Ok(Join {
        socket: sender.socket(),
        person,
        peer,
        room,
        resume_hash,
        bound,
        policy: Policy::Page { path },
    })
}

/// A client of a session, with a token of its project.
pub(crate) async fn to_session(
    deps: &Deps,
    sender: &Sender<'_>,
    client: SessionIdentify,
) -> Result<Join, Error> {
    let SessionIdentify { session, api_key, token, peer, resume_hash, suppressed, e2ee_ready } = client;
    let grant = deps.projects.admit(&api_key, &session, &token, deps.app.clock.now()).await;
    let (grant, id) = grant.map_err(|denied| refused(denied, "The API key or the token is not valid"))?;
    if admits(deps, sender).await?.is_some_and(|admits| admits != Admits::Session(session.clone())) {
        return Err(Error::Forbidden(OTHER_ROOM));
    }
    let member = SessionMember {
        role: grant.role,
        data: grant.data,
        layout_classes: grant.layout_classes,
        suppressed,
    };
    let peer = peer.or_else(|| grant.peer.clone());
    let peer = peer.unwrap_or_else(|| sender.stamp().connection_id.clone().into());
    Ok(Join {
        bound: is_bound(grant.peer.as_ref(), &peer)?,
        peer,
        socket: sender.socket(),
        person: Person { id, sockets: deps.connections_per_token },
        room: session,
        resume_hash,
        policy: Policy::Session { api_key, member, e2ee_ready, limit: deps.session_connections },
    })
}

/// Whether a token names `peer` as the one that its bearer may be. One that names nobody leaves the choice to the client.
fn is_bound(to: Option<&PeerId>, peer: &PeerId) -> Result<bool, Error> {
    match to {
        None => Ok(false),
        Some(bound) if bound == peer => Ok(true),
        Some(_) => Err(Error::Forbidden("id: must be the token's peerId")),
    }
}

const OTHER_ROOM: &str = "The ticket admits to another room";

/// The room that the ticket of the connection admits to, as `$connect` has written it down: one read, where there are tickets.
async fn admits(deps: &Deps, sender: &Sender<'_>) -> Result<Option<Admits>, Error> {
    if !deps.tickets {
        return Ok(None);
    }
    let row = deps.app.store.connection(&sender.stamp().connection_id).await?;
    row.map(|row| row.admits).ok_or(Error::ConnectionNotFound)
}

fn refused(denied: Denied, sentence: &'static str) -> Error {
    match denied {
        Denied::Unauthorized => Error::Unauthorized(sentence),
        Denied::Busy => Error::TooManyRequests,
        Denied::Failed(failure) => failure.into(),
    }
}
