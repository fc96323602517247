//! The refill queue: a claim has left fewer warm rooms than `IdleRooms`.

use create_room::start::Starter;
use gateway::clock::Clock;
use gateway::failure::Failure;
use model::outcome::Reserved;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables, the caps, and where SFUs run.
    pub starter: Starter,
    /// The time.
    pub clock: Clock,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        Ok(Self { starter: Starter::from_env(&aws).await?, clock: Clock::System })
    }
}

/// Starts rooms until `IdleRooms` are warm. It counts for itself, so that a message that comes again starts nothing
/// more. At one of the caps it has done what it can, and the next claim asks again.
///
/// # Errors
/// When DynamoDB fails or a task does not start; the message comes again.
pub async fn refill(deps: &Deps) -> Result<(), Failure> {
    let Starter { store, limits, idle_rooms, .. } = &deps.starter;
    for _ in 0..*idle_rooms {
        let new = deps.starter.new_room().await?;
        let now = deps.clock.now();
        match store.refill(&new.id, |slot| new.pending(slot, now), *limits, *idle_rooms, now).await? {
            None => return Ok(()),
            Some(Reserved::Room(slot)) => deps.starter.start(&new, slot).await?,
            Some(capped @ (Reserved::TooManyRooms | Reserved::TooManyIdleRooms)) => {
                tracing::warn!(?capped, "Pool not filled");
                return Ok(());
            }
        }
    }
    Ok(())
}
