//! `PUT /createRoom` (also `POST`): a new room, and a task that runs its SFU. Also the refills of the pool.

mod task;

use gateway::auth::Auth;
use gateway::clock::Clock;
use gateway::config;
use gateway::edge::HttpCall;
use gateway::failure::Failure;
use gateway::store::{Limits, Store};
use model::http::{Answer, HttpError};
use model::id::RoomId;
use model::outcome::Reserved;
use model::room::{PENDING_LEASE, Room, Slot, Status};
use model::secret::SecretHash;
use model::time::EpochMillis;

pub use task::Tasks;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables.
    pub store: Store,
    /// `AuthMode`.
    pub auth: Auth,
    /// `MaxRooms` and `MaxIdleRooms`.
    pub limits: Limits,
    /// `IdleRooms`.
    pub idle_rooms: usize,
    /// Where SFUs run.
    pub tasks: Tasks,
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
        let store = Store::from_env(&aws)?;
        let idle_rooms = config::number("IDLE_ROOMS")?;
        let limits = Limits::new(config::number("MAX_ROOMS")?, config::number("MAX_IDLE_ROOMS")?, idle_rooms);
        let (auth, tasks) = (Auth::from_env(&aws).await?, Tasks::from_env(&aws)?);
        store.warm_up().await;
        Ok(Self { store, auth, limits, idle_rooms, tasks, clock: Clock::System })
    }
}

/// Makes a pending room and starts its SFU. If the task does not start, the room is taken back; if even that fails,
/// its lease of 10 minutes ends by itself.
///
/// # Errors
/// 401 without a token, 429 at one of the caps, 500 `Failed to start task.` otherwise.
pub async fn create_room(deps: &Deps, call: HttpCall) -> Result<Answer, HttpError> {
    deps.auth.verify(call.bearer()).await?;
    let new = NewRoom::random();
    let now = deps.clock.now();
    let make = |slot| new.pending(slot, now);
    match deps.store.reserve(&new.id, make, deps.limits, now).await.map_err(not_started)? {
        Reserved::Room(slot) => start(deps, &new, slot).await.map_err(not_started)?,
        Reserved::TooManyRooms => return Err(HttpError::TooManyRooms),
        Reserved::TooManyIdleRooms => return Err(HttpError::TooManyIdleRooms),
    }
    Ok(Answer::TaskStarted)
}

/// Starts rooms until `IdleRooms` are warm: the message of a claim that has left fewer. It counts for itself, so that
/// a message that comes again starts nothing more. At one of the caps it has done what it can, and the next claim asks
/// again.
///
/// # Errors
/// When DynamoDB fails or a task does not start; the message comes again.
pub async fn refill(deps: &Deps) -> Result<(), Failure> {
    for _ in 0..deps.idle_rooms {
        let new = NewRoom::random();
        let now = deps.clock.now();
        let make = |slot| new.pending(slot, now);
        match deps.store.refill(&new.id, make, deps.limits, deps.idle_rooms, now).await? {
            None => return Ok(()),
            Some(Reserved::Room(slot)) => start(deps, &new, slot).await?,
            Some(capped @ (Reserved::TooManyRooms | Reserved::TooManyIdleRooms)) => {
                tracing::warn!(?capped, "Pool not filled");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Starts the task of a room that is reserved, or takes the room back.
async fn start(deps: &Deps, new: &NewRoom, slot: Slot) -> Result<(), Failure> {
    let started = deps.tasks.start(&new.id, &new.token).await;
    if started.is_err()
        && let Err(also) = deps.store.release(&new.id, slot).await
    {
        tracing::error!(room.id = %new.id, failure = %also, "Room not taken back");
    }
    started
}

fn not_started(failure: Failure) -> HttpError {
    HttpError::TaskNotStarted(Box::new(failure))
}

/// A room that does not exist yet.
struct NewRoom {
    id: RoomId,
    token: String,
}

impl NewRoom {
    /// A room with an id that is not used (128 random bits), and a secret for its SFU (256).
    fn random() -> Self {
        let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        Self { id: RoomId::from_bits(rand::random()), token }
    }

    fn pending(&self, slot: Slot, now: EpochMillis) -> Room {
        Room {
            status: Status::Pending,
            url_path: None,
            session_id: None,
            slot,
            sfu_token_hash: SecretHash::of(&self.token),
            created_at: now,
            claimed_at: None,
            sfu_lost_at: None,
            expires_at: now.plus(PENDING_LEASE).seconds(),
        }
    }
}
