//! `PATCH /claimRoom`: a page gets a room.

use std::time::Duration;

use gateway::auth::{Auth, Bearer};
use gateway::clock::Clock;
use gateway::config;
use gateway::edge::HttpCall;
use gateway::failure::Failure;
use gateway::refill::Refill;
use gateway::store::{Claimant, Store};
use model::http::{Answer, HttpError};
use model::outcome::{Claim, Claimed};

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables.
    pub store: Store,
    /// `AuthMode`.
    pub auth: Auth,
    /// `IdleRooms`.
    pub refill: Refill,
    /// `SfuGraceSeconds`.
    pub sfu_grace: Duration,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings and the keys, and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the keys could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        let store = Store::from_env(&aws)?;
        let (auth, sfu_grace) = (Auth::from_env(&aws).await?, config::sfu_grace()?);
        let refill = Refill::from_env(&aws)?;
        futures::join!(store.warm_up(), refill.warm_up());
        Ok(Self { store, auth, refill, sfu_grace, clock: Clock::System })
    }
}

/// The room of a path: the one that it has, or a free one of the pool. A claim that leaves the pool short asks for
/// more rooms.
///
/// # Errors
/// 400 for a bad body, 401 and 403 for the token, 404 when no room is free.
pub async fn claim_room(deps: &Deps, call: HttpCall) -> Result<Answer, HttpError> {
    let bearer = deps.auth.verify(call.bearer()).await?;
    let path = call.path_of_body()?;
    match bearer {
        Bearer::Holder(claims, _) if claims.path != path => return Err(HttpError::Forbidden),
        Bearer::Holder(..) | Bearer::Anybody => {}
    }
    let Claim { claimed, warm_left } =
        deps.store.claim(Claimant::Page(&path), deps.sfu_grace, deps.clock.now()).await?;
    if let Some(left) = warm_left {
        deps.refill.ask_if_short(left).await;
    }
    match claimed {
        Claimed::Taken(room, _) | Claimed::Serving(room, _) => Ok(Answer::Room(room)),
        Claimed::NoRoom | Claimed::Relayed | Claimed::NoSession => Err(HttpError::RoomNotFound),
    }
}
