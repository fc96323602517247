//! A client enters a session, by a token of its project.

use gateway::auth::Denied;
use gateway::departure::{Departures, End};
use gateway::edge::{Call, Reply};
use gateway::sockets::Posted;
use gateway::store::{Enter, Raise};
use model::error::Error;
use model::id::PeerId;
use model::identify::SessionIdentify;
use model::item::{Identity, Member};
use model::life::Life;
use model::notice::{Departure, GoAway, Identified, Notice};
use model::outcome::{Before, Counted, Entered};
use model::room::RECONNECT_AFTER;
use model::session::item::SessionMember;
use model::session::notice::{InSession, SessionConnection};
use model::session::{MediaMode, Role};
use model::time::EpochMillis;

use crate::{Deps, HOLDERS, every_holder_gone, freed};

/// How much of a list goes into one message, in bytes of JSON: API Gateway's limit is 128 KB, and `identified` holds
/// more than the list.
const MAX_LIST_BYTES: usize = 96 * 1024;

/// Lets a connection be a member of a session.
///
/// # Errors
/// The errors of DESIGN §4, each with the number that the model's clients know.
pub(crate) async fn identify(deps: &Deps, call: Call<'_>, client: SessionIdentify) -> Result<Reply, Error> {
    // Boxed: what a session needs is not carried along by every identify.
    Box::pin(enter(deps, call, client)).await.map_err(Error::in_session)
}

async fn enter(deps: &Deps, call: Call<'_>, client: SessionIdentify) -> Result<Reply, Error> {
    let enter = admitted(deps, call.life, client).await?;
    let departures = &deps.departures;
    let started = departures.clock.now();
    let mut ends = Vec::new();
    let placed = async {
        let (member, before) = entered(deps, &enter, &mut ends).await?;
        Ok::<_, Error>((member, before, departures.scene(&enter.session, &enter.peer).await?))
    };
    let (member, before, mut scene) = match placed.await {
        Ok(placed) => placed,
        Err(error) => {
            departures.tell_of_ends(&enter.session, ends).await;
            return Err(undone(deps, call.life, started, error).await);
        }
    };
    let Enter { session, peer, .. } = enter;
    let suppressed = member.session.as_ref().is_some_and(|session| session.suppressed);
    let others = if suppressed { Vec::new() } else { std::mem::take(&mut scene.connections) };
    let mut lists = chunks(others);
    let last = lists.pop().unwrap_or_default();
    let identified = Identified {
        room_id: session.clone(),
        connection_id: call.life.connection_id.clone(),
        reconnect_before: call.life.connected_at.plus(RECONNECT_AFTER),
        ice_servers: deps.ice_servers.for_user(peer.as_str(), departures.clock.now()),
        features: std::mem::take(&mut scene.features),
        session: Some(in_session(deps, &peer, &member, scene.session.as_ref(), last)?),
        peer_id: peer.clone(),
        request_id: call.request_id,
    };
    let lists = lists.into_iter().map(|connections| Notice::Connections { connections });
    let notices = lists.chain([Notice::Identified(Box::new(identified))]);
    let older = if let Before::Older(life) = &before { Some(life.clone()) } else { None };
    // Side by side: the newcomer need not wait until a thousand others have been told of it.
    let (answered, (), ()) = futures::join!(
        answer(deps, call.life, notices),
        departures.arrived(&session, &peer, &member, &before, ends, scene),
        async {
            if let Some(older) = older {
                departures.send_away(&older, GoAway::Replaced).await;
            }
        },
    );
    answered?;
    Ok(Reply::Told)
}

/// Our side failed, maybe after the place was written, and nobody was told of it. A stay that began with this call is given
/// back, so that the next try is announced as the first should have been. One that was there before goes on: it was only
/// asked about.
async fn undone(deps: &Deps, life: &Life, started: EpochMillis, error: Error) -> Error {
    if error.failure().is_some()
        && let Err(failure) = give_back(deps, life, started).await
    {
        tracing::error!(%failure, "Place not given back");
    }
    error
}

async fn give_back(deps: &Deps, life: &Life, started: EpochMillis) -> Result<(), Error> {
    let row = deps.departures.store.connection(&life.connection_id).await?;
    match row.and_then(|row| row.identity) {
        Some(Identity::Client { session: Some(session), .. }) if session.since >= started => {
            deps.departures.left(life).await
        }
        Some(Identity::Client { .. } | Identity::Sfu { .. }) | None => Ok(()),
    }
}

/// Checks the token before anything is said about the session.
async fn admitted(deps: &Deps, life: &Life, client: SessionIdentify) -> Result<Enter, Error> {
    let SessionIdentify { session, api_key, token, peer, resume_hash, suppressed, e2ee_ready } = client;
    let now = deps.departures.clock.now();
    let grant = match deps.projects.admit(&api_key, &session, &token, now).await {
        Ok(grant) => grant,
        Err(Denied::Unauthorized) => {
            return Err(Error::Unauthorized("The API key or the token is not valid"));
        }
        Err(Denied::Failed(failure)) => return Err(failure.into()),
    };
    Ok(Enter {
        peer: peer.unwrap_or_else(|| life.connection_id.clone().into()),
        life: life.clone(),
        session,
        api_key,
        member: SessionMember {
            role: grant.role,
            data: grant.data,
            layout_classes: grant.layout_classes,
            suppressed,
        },
        resume_hash,
        e2ee_ready,
        limit: deps.session_connections,
    })
}

/// Puts a client into its place. Ends of holders that are found gone are left to be told with its arrival, which does not wait
/// until everybody has heard of them.
async fn entered(deps: &Deps, enter: &Enter, ends: &mut Vec<End>) -> Result<(Member, Before), Error> {
    let departures = &deps.departures;
    let mut swept = false;
    for _ in 0..HOLDERS {
        match departures.store.enter(enter, departures.clock.now()).await? {
            Entered::Member { member, before: Before::Itself } => {
                return asked_again(deps, enter).await.map(|()| (member, Before::Itself));
            }
            Entered::Member { member, before } => return Ok((member, before)),
            // Places whose holders are long gone count until somebody frees them.
            Entered::LimitExceeded if !swept => {
                swept = true;
                if departures.sweep_session(&enter.session).await? == 0 {
                    return Err(Error::ConnectionLimitExceeded);
                }
            }
            Entered::LimitExceeded => return Err(Error::ConnectionLimitExceeded),
            Entered::ConnectionGone => return Err(Error::ConnectionNotFound),
            Entered::AlreadyIdentified => return Err(Error::AlreadyIdentified),
            Entered::SessionNotFound => return Err(Error::RoomNotFound),
            Entered::SecretMissing => return Err(Error::EncryptionSecretMissing),
            Entered::PeerInUse(holder) => ends.extend(freed(deps, &holder, Error::PeerInUse).await?),
            Entered::Superseded(holder) => ends.extend(freed(deps, &holder, Error::Superseded).await?),
        }
    }
    Err(every_holder_gone())
}

/// Who asks again is answered with a long list: that counts as a signal does.
async fn asked_again(deps: &Deps, enter: &Enter) -> Result<(), Error> {
    let Departures { store, clock, .. } = &deps.departures;
    match store.count(&enter.life, Raise::Nothing, &Role::ALL, deps.rate, clock.now()).await? {
        Counted::Signal { .. } => Ok(()),
        Counted::TooMany => Err(Error::TooManyRequests),
        Counted::ConnectionGone | Counted::NotIdentified | Counted::NotInSession | Counted::RoleForbids => {
            Err(Error::ConnectionNotFound)
        }
    }
}

fn in_session(
    deps: &Deps,
    peer: &PeerId,
    member: &Member,
    session: Option<&model::session::item::Session>,
    connections: Vec<SessionConnection>,
) -> Result<InSession, Error> {
    let connection = member.in_session(peer).ok_or(Error::RoomNotFound)?;
    let own = member.session.as_ref();
    let role = own.map(|own| own.role).unwrap_or_default();
    Ok(InSession {
        connection,
        capabilities: role.capabilities(deps.subscribers_may_signal),
        layout_class_list: own.map(|own| own.layout_classes.clone()).unwrap_or_default(),
        connections,
        media_mode: session.map_or(MediaMode::Routed, |session| session.media_mode),
        e2ee: session.is_some_and(|session| session.e2ee),
    })
}

/// Splits a list into parts that fit into one message each.
fn chunks(connections: Vec<SessionConnection>) -> Vec<Vec<SessionConnection>> {
    let mut parts: Vec<Vec<SessionConnection>> = Vec::new();
    let mut room = 0;
    for connection in connections {
        let size = serde_json::to_string(&connection).map_or(0, |text| text.len() + 1);
        match parts.last_mut() {
            Some(part) if size <= room => {
                room -= size;
                part.push(connection);
            }
            Some(_) | None => {
                room = MAX_LIST_BYTES.saturating_sub(size);
                parts.push(vec![connection]);
            }
        }
    }
    parts
}

/// Posts to the newcomer, one after the other. If it is gone already, what `$disconnect` would have done is done now.
async fn answer(deps: &Deps, life: &Life, notices: impl Iterator<Item = Notice>) -> Result<(), Error> {
    for notice in notices {
        match deps.departures.sockets.post(&life.connection_id, &notice.to_json()).await? {
            Posted::Delivered => {}
            Posted::Gone => {
                deps.departures.disconnected(life, Departure::Lost).await?;
                return Ok(());
            }
            // A list with a part missing would be taken for the whole: the client has to ask again.
            Posted::Busy | Posted::TooLarge => return Err(Error::TooManyRequests),
        }
    }
    Ok(())
}
