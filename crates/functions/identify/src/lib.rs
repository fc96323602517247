//! `identify`: a connection says who it is, and becomes a member of a room or the SFU of one.

use gateway::auth::{Auth, Bearer, Denied};
use gateway::config;
use gateway::departure::{Departures, End, Place};
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use gateway::projects::Projects;
use gateway::store::{Join, Serve};
use model::error::Error;
use model::ice::IceServers;
use model::id::{PeerId, RoomId};
use model::identify::{ClientIdentify, Identify, SfuIdentify};
use model::life::Life;
use model::notice::{GoAway, Identified, Notice};
use model::outcome::{Holder, Joined, Served};
use model::path::UrlPath;
use model::room::RECONNECT_AFTER;
use model::session::Rate;
use serde_json::value::RawValue;

mod session;

/// How many holders of a place are found gone before a newcomer is told that our side failed: each was put there, and lost,
/// while it was being let in.
const HOLDERS: usize = 8;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
    /// `AuthMode`.
    pub auth: Auth,
    /// Who makes sessions and tokens for them.
    pub projects: Projects,
    /// What clients are to use for ICE.
    pub ice_servers: IceServers,
    /// `SessionConnections`: the most members of a session.
    pub session_connections: u32,
    /// `SubscribersMaySignal`.
    pub subscribers_may_signal: bool,
    /// `SignalsPerSecond` and `SignalBurst`: who identifies again is counted too.
    pub rate: Rate,
}

impl Deps {
    /// Reads the settings and the keys, and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the keys could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        Ok(Self {
            ice_servers: gateway::ice::servers(&aws).await?,
            auth: Auth::from_env(&aws).await?,
            projects: Projects::from_env(&aws)?,
            session_connections: config::number("SESSION_CONNECTIONS")?,
            rate: config::signal_rate()?,
            subscribers_may_signal: config::flag("SUBSCRIBERS_MAY_SIGNAL")?,
            departures: Departures::from_env(&aws).await?,
        })
    }
}

/// Lets a connection be who it says it is.
///
/// # Errors
/// Those of DESIGN §4: a bad message, a room that is not there, a place that is somebody else's, no proof.
pub async fn identify(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    let identified = match Identify::parse(&call.request.data()?)? {
        Identify::Session(client) => return session::identify(deps, call, *client).await,
        Identify::Client(client) => identify_client(deps, call.life, client).await?,
        Identify::Sfu(sfu) => identify_sfu(deps, call.life, sfu).await?,
    };
    Ok(Reply::Notice(Notice::Identified(Box::new(Identified {
        peer_id: identified.peer,
        room_id: identified.room,
        connection_id: call.life.connection_id.clone(),
        reconnect_before: call.life.connected_at.plus(RECONNECT_AFTER),
        ice_servers: identified.ice_servers,
        features: identified.features,
        session: None,
        request_id: call.request_id,
    }))))
}

/// Who the connection now is.
struct NowKnown {
    peer: PeerId,
    room: RoomId,
    features: Vec<String>,
    ice_servers: Box<RawValue>,
}

async fn identify_client(deps: &Deps, life: &Life, client: ClientIdentify) -> Result<NowKnown, Error> {
    let path = admitted_path(deps, &client).await?;
    let ClientIdentify { peer, room, resume_hash, .. } = client;
    let join = Join { life: life.clone(), peer, room, resume_hash, path };
    let store = &deps.departures.store;
    // The SFU's features ride along: two calls, one after the other's pace.
    let (joined, sfu) = futures::join!(joined(deps, &join), store.sfu(&join.room));
    replace(deps, joined?).await;
    let features = sfu?.map(|sfu| sfu.features).unwrap_or_default();
    let ice_servers = deps.ice_servers.for_user(join.peer.as_str(), deps.departures.clock.now());
    Ok(NowKnown { peer: join.peer, room: join.room, features, ice_servers })
}

/// Puts a client into its place; answers with the older life that has lost it. The end of a holder that is found gone is told
/// first: an SFU that does not know connections by their ids would take the newcomer for the one that is gone.
async fn joined(deps: &Deps, join: &Join) -> Result<Option<Life>, Error> {
    let Departures { store, clock, .. } = &deps.departures;
    for _ in 0..HOLDERS {
        let end = match store.join(join, clock.now()).await? {
            Joined::Member { replaced } => return Ok(replaced),
            Joined::ConnectionGone => return Err(Error::ConnectionNotFound),
            Joined::AlreadyIdentified => return Err(Error::AlreadyIdentified),
            Joined::RoomNotFound => return Err(Error::RoomNotFound),
            Joined::RoomClosed => return Err(Error::RoomClosed),
            Joined::OtherPath => return Err(Error::Forbidden("The token admits to another path")),
            Joined::PeerInUse(holder) => freed(deps, &holder, Error::PeerInUse).await?,
            Joined::Superseded(holder) => freed(deps, &holder, Error::Superseded).await?,
        };
        deps.departures.tell_of_ends(&join.room, end.into_iter().collect()).await;
    }
    Err(every_holder_gone())
}

/// Refuses a place whose holder is there, when asked for; if it is gone, the place can be tried for again, and whoever has
/// ended the holder's stay tells of that. When it cannot be asked nothing is known, and the newcomer has to come again: nobody
/// is refused for somebody who may not be there.
async fn freed(deps: &Deps, holder: &Holder, refusal: Error) -> Result<Option<End>, Error> {
    match deps.departures.ask_for(holder).await? {
        Place::Held => Err(refusal),
        Place::Unknown => Err(Error::TooManyRequests),
        Place::Freed(end) => Ok(Some(end)),
        Place::Changed => Ok(None),
    }
}

fn every_holder_gone() -> Error {
    Failure::new("identify", format!("found {HOLDERS} holders of a place gone")).into()
}

/// Checks the token before anything is said about the room. Answers with the one path that it admits to, if tokens
/// are in use.
async fn admitted_path(deps: &Deps, client: &ClientIdentify) -> Result<Option<UrlPath>, Error> {
    match deps.auth.verify(client.token.as_deref()).await {
        Ok(Bearer::Anybody) => Ok(None),
        Ok(Bearer::Holder(claims)) if claims.admits_peer(&client.peer) => Ok(Some(claims.path)),
        Ok(Bearer::Holder(_)) => Err(Error::Forbidden("The token admits another peer")),
        Err(Denied::Unauthorized) => Err(Error::Unauthorized("A valid token is required")),
        Err(Denied::Failed(failure)) => Err(failure.into()),
    }
}

async fn identify_sfu(deps: &Deps, life: &Life, sfu: SfuIdentify) -> Result<NowKnown, Error> {
    let SfuIdentify { room, features } = sfu;
    let serve = Serve { life: life.clone(), room, features };
    let (replaced, returned) = served(deps, &serve).await?;
    replace(deps, replaced).await;
    if let Some(room) = returned {
        deps.departures.sfu_connected(&room).await;
    }
    // An SFU is reachable by itself: a relay is for those who want to reach it.
    let ice_servers = deps.ice_servers.public();
    Ok(NowKnown { peer: serve.room.sfu_peer(), room: serve.room, features: serve.features, ice_servers })
}

/// Puts an SFU into its place; answers with the older life that has lost it, and with where it has been missed.
async fn served(deps: &Deps, serve: &Serve) -> Result<(Option<Life>, Option<RoomId>), Error> {
    let Departures { store, clock, .. } = &deps.departures;
    for _ in 0..HOLDERS {
        match store.serve(serve, clock.now()).await? {
            Served::Serving { replaced, returned } => return Ok((replaced, returned)),
            Served::ConnectionGone => return Err(Error::ConnectionNotFound),
            Served::AlreadyIdentified => return Err(Error::AlreadyIdentified),
            Served::Unauthorized => return Err(Error::Unauthorized("The room's own token is required")),
            Served::RoomClosed => return Err(Error::RoomClosed),
            Served::Superseded(holder) => {
                let end = freed(deps, &holder, Error::Superseded).await?;
                deps.departures.tell_of_ends(holder.identity.room(), end.into_iter().collect()).await;
            }
        }
    }
    Err(every_holder_gone())
}

/// The older socket of a peer that is here by a newer one has lost its place already.
async fn replace(deps: &Deps, older: Option<Life>) {
    if let Some(older) = older {
        deps.departures.send_away(&older, GoAway::Replaced).await;
    }
}
