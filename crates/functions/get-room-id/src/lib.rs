//! `GET /getRoomId`: the room of a page.

use std::time::Duration;

use gateway::clock::Clock;
use gateway::config;
use gateway::edge::HttpCall;
use gateway::failure::Failure;
use gateway::store::Store;
use model::http::{Answer, HttpError};
use model::room::Standing;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables.
    pub store: Store,
    /// `SfuGraceSeconds`.
    pub sfu_grace: Duration,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let store = Store::from_env(&gateway::aws::load().await)?;
        let sfu_grace = config::sfu_grace()?;
        store.warm_up().await;
        Ok(Self { store, sfu_grace, clock: Clock::System })
    }
}

/// The room that a path has: two reads. One that has lost its SFU past the grace, or is closed, is none.
///
/// # Errors
/// 400 for a bad `urlPath`, 404 without a room.
pub async fn get_room_id(deps: &Deps, call: HttpCall) -> Result<Answer, HttpError> {
    let path = call.path_of_query()?;
    let now = deps.clock.now();
    let claimed = deps.store.path(&path, now).await?.ok_or(HttpError::RoomNotFound)?;
    let room = deps.store.room(&claimed.room_id, now).await?.ok_or(HttpError::RoomNotFound)?;
    match room.standing(now, deps.sfu_grace) {
        Standing::Serving => Ok(Answer::RoomFound(claimed.room_id)),
        Standing::Lost(_) | Standing::Over => Err(HttpError::RoomNotFound),
    }
}
