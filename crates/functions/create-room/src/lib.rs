//! `PUT /createRoom` (also `POST`): a new room, and a task that runs its SFU.

pub mod start;
mod task;

use gateway::auth::Auth;
use gateway::clock::Clock;
use gateway::edge::HttpCall;
use gateway::failure::Failure;
use model::http::{Answer, HttpError};
use model::outcome::Reserved;

use crate::start::Starter;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables, the caps, and where SFUs run.
    pub starter: Starter,
    /// `AuthMode`.
    pub auth: Auth,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings and the keys, and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong, or says why the keys could not be read.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        let auth = Auth::from_env(&aws).await?;
        Ok(Self { starter: Starter::from_env(&aws).await?, auth, clock: Clock::System })
    }
}

/// Makes a pending room and starts its SFU. If the task does not start, the room is taken back; if even that fails,
/// its lease of 10 minutes ends by itself.
///
/// # Errors
/// 401 without a token, 429 at one of the caps, 500 `Failed to start task.` otherwise.
pub async fn create_room(deps: &Deps, call: HttpCall) -> Result<Answer, HttpError> {
    deps.auth.verify(call.bearer()).await?;
    let Starter { store, limits, .. } = &deps.starter;
    let new = deps.starter.new_room().await.map_err(not_started)?;
    let now = deps.clock.now();
    match store.reserve(&new.id, |slot| new.pending(slot, now), *limits, now).await.map_err(not_started)? {
        Reserved::Room(slot) => deps.starter.start(&new, slot).await.map_err(not_started)?,
        Reserved::TooManyRooms => return Err(HttpError::TooManyRooms),
        Reserved::TooManyIdleRooms => return Err(HttpError::TooManyIdleRooms),
    }
    Ok(Answer::TaskStarted)
}

fn not_started(failure: Failure) -> HttpError {
    HttpError::TaskNotStarted(Box::new(failure))
}
