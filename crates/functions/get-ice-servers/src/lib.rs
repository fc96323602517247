//! `GET /iceServers`: what a client needs to reach the SFU, also after it has identified.

use gateway::auth::{Auth, Bearer};
use gateway::clock::Clock;
use gateway::edge::HttpCall;
use gateway::failure::Failure;
use gateway::store::Store;
use model::connection::Identity;
use model::http::{Answer, HttpError};
use model::ice::IceServers;
use model::id::ConnectionId;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables.
    pub store: Store,
    /// `AuthMode`.
    pub auth: Auth,
    /// `RtcConfig`, and the TURN server.
    pub ice_servers: IceServers,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings, the keys and the TURN secret, and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why a secret could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        let store = Store::from_env(&aws)?;
        let (auth, ice_servers) = (Auth::from_env(&aws).await?, gateway::ice::servers(&aws).await?);
        store.warm_up().await;
        Ok(Self { store, auth, ice_servers, clock: Clock::System })
    }
}

/// The configured servers, for anybody. With a TURN server, whose traffic is paid for: for identified peers, and for
/// whoever has a token.
///
/// # Errors
/// 401 for anybody else, when there is a TURN server.
pub async fn get_ice_servers(deps: &Deps, call: HttpCall) -> Result<Answer, HttpError> {
    if !deps.ice_servers.have_credentials() {
        return Ok(Answer::IceServers(deps.ice_servers.public()));
    }
    let user = match call.connection_of_query() {
        Some(connection) => peer_of(deps, &connection).await?,
        None => holder(deps, &call).await?,
    };
    Ok(Answer::IceServers(deps.ice_servers.for_user(&user, deps.clock.now())))
}

/// The peer that a connection has identified as. An SFU needs no relay.
async fn peer_of(deps: &Deps, connection: &ConnectionId) -> Result<String, HttpError> {
    let row = deps.store.connection(connection).await?;
    match row.filter(|row| !row.expires_at.expired(deps.clock.now())).and_then(|row| row.identity) {
        Some(Identity::Client { peer_id, .. }) => Ok(peer_id.into()),
        Some(Identity::Sfu { .. }) | None => Err(HttpError::Unauthorized),
    }
}

/// Who a token is for.
async fn holder(deps: &Deps, call: &HttpCall) -> Result<String, HttpError> {
    match deps.auth.verify(call.bearer()).await? {
        Bearer::Holder(claims, _) => Ok(claims.peer_id.map_or(claims.sub, String::from)),
        Bearer::Anybody => Err(HttpError::Unauthorized),
    }
}
