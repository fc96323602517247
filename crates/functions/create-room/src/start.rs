//! A room and the task that runs its SFU are started together.

use aws_config::SdkConfig;
use gateway::config;
use gateway::failure::Failure;
use gateway::machine;
use gateway::store::{Limits, Store};
use gateway::tickets::Tickets;
use model::id::RoomId;
use model::room::{PENDING_LEASE, Room, Slot, Status};
use model::secret::SecretHash;
use model::time::EpochMillis;
use rand::RngExt as _;

use crate::task::Tasks;

/// Starts rooms.
#[derive(Debug)]
pub struct Starter {
    /// The tables.
    pub store: Store,
    /// `MaxRooms` and `MaxIdleRooms`.
    pub limits: Limits,
    /// `IdleRooms`.
    pub idle_rooms: usize,
    tasks: Tasks,
    tickets: Tickets,
}

/// A room that does not exist yet.
#[derive(Debug)]
pub struct NewRoom {
    /// Its id.
    pub id: RoomId,
    token: Token,
}

/// The secret of a room's SFU.
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Starter {
    /// Reads the settings and opens the connection to DynamoDB.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env(aws: &SdkConfig) -> Result<Self, Failure> {
        let store = Store::from_env(aws)?;
        let idle_rooms = config::number("IDLE_ROOMS")?;
        let limits = Limits::new(config::number("MAX_ROOMS")?, config::number("MAX_IDLE_ROOMS")?, idle_rooms);
        let tasks = Tasks::from_env(aws)?;
        let tickets = Tickets::from_env(aws).await?;
        store.warm_up().await;
        Ok(Self { store, limits, idle_rooms, tasks, tickets })
    }

    /// A room with an id that is not used (128 random bits), and a secret for its SFU (256).
    ///
    /// # Errors
    /// When the secret cannot be signed.
    pub async fn new_room(&self) -> Result<NewRoom, Failure> {
        let (id, secret) = {
            let mut chance = machine::chance();
            let secret = format!("{:032x}{:032x}", chance.random::<u128>(), chance.random::<u128>());
            (RoomId::from_bits(chance.random()), secret)
        };
        Ok(NewRoom { token: Token(self.tickets.for_sfu(&id, secret).await?), id })
    }

    /// Starts the task of a room that is reserved, or takes the room back.
    ///
    /// # Errors
    /// When the task does not start.
    pub async fn start(&self, new: &NewRoom, slot: Slot) -> Result<(), Failure> {
        let started = self.tasks.start(&new.id, &new.token.0).await;
        if started.is_err()
            && let Err(also) = self.store.release(&new.id, slot).await
        {
            tracing::error!(room.id = %new.id, failure = %also, "Room not taken back");
        }
        started
    }
}

impl NewRoom {
    /// The room as it is stored until its SFU comes.
    #[must_use]
    pub fn pending(&self, slot: Slot, now: EpochMillis) -> Room {
        Room {
            status: Status::Pending,
            url_path: None,
            session_id: None,
            slot,
            sfu_token_hash: SecretHash::of(&self.token.0),
            created_at: now,
            claimed_at: None,
            sfu_lost_at: None,
            expires_at: now.plus(PENDING_LEASE).seconds(),
        }
    }
}
