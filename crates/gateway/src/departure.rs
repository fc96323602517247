//! A member is gone: its place is freed, and the room is told. Whoever notices it comes here: `$disconnect`,
//! `leave`, any function whose post is answered 410, and whoever wants a place and asks for the socket that has it.

use std::time::Duration;

use aws_config::SdkConfig;
use model::error::Error;
use model::id::RoomId;
use model::item::Identity;
use model::life::Life;
use model::notice::{Departure, Notice};
use model::outcome::{Departed, Holder, Left};

use crate::announce::{Announcement, list};
use crate::clock::Clock;
use crate::config;
use crate::failure::Failure;
use crate::sockets::{Found, Posted, Sockets};
use crate::store::Store;

/// What a departure needs.
#[derive(Clone, Debug)]
pub struct Departures {
    /// Where places are.
    pub store: Store,
    /// Whom to tell.
    pub sockets: Sockets,
    /// `SfuGraceSeconds`, which clients are told.
    pub sfu_grace: Duration,
    /// The time.
    pub clock: Clock,
}

/// What became of a place whose holder's socket was asked for.
#[must_use]
#[derive(Debug)]
pub enum Place {
    /// The holder is there.
    Held,
    /// API Gateway did not say whether the holder is there: it is asked too much.
    Unknown,
    /// The holder was gone, and its stay was ended by this: the room has yet to be told.
    Freed(End),
    /// The holder was gone, and somebody else has freed the place, or has it.
    Changed,
}

/// Somebody's end, of which its room has yet to be told.
#[must_use]
#[derive(Debug)]
pub struct End(pub(crate) Box<Announcement>);

impl Departures {
    /// Reads the settings and opens the connections that every departure needs.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let departures = Self {
            store: Store::from_env(config)?,
            sockets: Sockets::new(config),
            sfu_grace: config::sfu_grace()?,
            clock: Clock::System,
        };
        futures::join!(departures.store.warm_up(), departures.sockets.warm_up());
        Ok(departures)
    }

    /// The socket of `life` is closed, or was found closed.
    ///
    /// # Errors
    /// When DynamoDB fails: before the place is freed, or when it is freed and the room cannot be read to be told. A
    /// notice that cannot be delivered is logged and is no error.
    pub async fn disconnected(&self, life: &Life, reason: Departure) -> Result<(), Failure> {
        match self.store.disconnect(life, self.clock.now()).await? {
            Departed::Nothing => Ok(()),
            Departed::Gone(identity) => self.announce(life, &identity, reason).await,
        }
    }

    /// The client or SFU of `life` leaves on purpose and keeps its socket. Once its place is free it has left,
    /// whether or not the room could be told.
    ///
    /// # Errors
    /// `connection_not_found` when it is nobody.
    pub async fn left(&self, life: &Life) -> Result<(), Error> {
        let left = self.store.leave(life, self.clock.now()).await?;
        self.tell_of(life, left).await
    }

    /// As [`Departures::left`], for an SFU that leaves only if its room is unclaimed and `keep` other warm rooms
    /// remain.
    ///
    /// # Errors
    /// `room_claimed` or `room_needed` when it has to stay, `bad_message` to a client, `connection_not_found` when it
    /// is nobody.
    pub async fn left_if_spare(&self, life: &Life, keep: usize) -> Result<(), Error> {
        let left = self.store.leave_if_spare(life, keep, self.clock.now()).await?;
        self.tell_of(life, left).await
    }

    async fn tell_of(&self, life: &Life, left: Left) -> Result<(), Error> {
        match left {
            Left::NotIdentified => Err(Error::ConnectionNotFound),
            Left::NotAnSfu => Err(Error::BadMessage { field: "ifSpare", allowed: "is for SFUs" }),
            Left::RoomNeeded => Err(Error::RoomNeeded),
            Left::RoomClaimed => Err(Error::RoomClaimed),
            Left::Gone(identity) => {
                if let Err(failure) = self.announce(life, &identity, Departure::Left).await {
                    tracing::error!(room.id = %identity.room(), %failure, "Room not told");
                }
                Ok(())
            }
        }
    }

    /// Posts to somebody in a room. If the connection turns out to be gone, what `$disconnect` would have done for
    /// it is done now: API Gateway delivers `$disconnect` only as a best effort.
    ///
    /// # Errors
    /// When the post, or the departure, fails.
    pub async fn post(&self, to: &Life, identity: Identity, text: &str) -> Result<Posted, Failure> {
        let posted = self.sockets.post(&to.connection_id, text).await?;
        if posted == Posted::Gone {
            match self.store.depart(to, identity, self.clock.now()).await? {
                Departed::Nothing => {}
                Departed::Gone(identity) => self.announce(to, &identity, Departure::Lost).await?,
            }
        }
        Ok(posted)
    }

    /// Asks for the socket of somebody whose place somebody else wants. If it is gone, its stay ends as `$disconnect` would
    /// have ended it, but for the room, which the caller tells.
    ///
    /// Race: the holder may come back on another socket, leave, or be ended by `$disconnect` or by another newcomer. The
    /// place is freed only as it was seen, and only whoever frees it tells the room: [`Place::Changed`] to all others.
    ///
    /// # Errors
    /// When the question fails, so that nothing is known of the holder, or the departure does.
    pub async fn ask_for(&self, holder: &Holder) -> Result<Place, Failure> {
        let Holder { life, identity } = holder;
        match self.sockets.find(&life.connection_id).await? {
            Found::Open => Ok(Place::Held),
            Found::Busy => Ok(Place::Unknown),
            Found::Gone => match self.store.depart(life, identity.clone(), self.clock.now()).await? {
                Departed::Nothing => Ok(Place::Changed),
                Departed::Gone(identity) => {
                    Ok(Place::Freed(End(Box::new(self.gone(life, &identity, Departure::Lost)))))
                }
            },
        }
    }

    /// Tells a room of ends. That they have ended stands, whether or not it could be told.
    pub async fn tell_of_ends(&self, room: &RoomId, ends: Vec<End>) {
        if ends.is_empty() {
            return;
        }
        let announcements = ends.into_iter().map(|End(announcement)| *announcement).collect();
        if let Err(failure) = self.tell_of_all(room, announcements).await {
            tracing::error!(room.id = %room, %failure, "Room not told");
        }
    }

    /// Tells the members of a room that it has its SFU, again or for the first time. That it is there stands, whether or not
    /// they could be told.
    pub async fn sfu_connected(&self, room: &RoomId) {
        let announcement = Announcement::to_members(Notice::SfuConnect { room_id: room.clone() });
        if let Err(failure) = self.tell(room, announcement).await {
            tracing::error!(room.id = %room, %failure, "Room not told");
        }
    }

    async fn announce(&self, life: &Life, identity: &Identity, reason: Departure) -> Result<(), Failure> {
        self.tell(identity.room(), self.gone(life, identity, reason)).await
    }

    /// What a room is told of somebody who is gone.
    pub(crate) fn gone(&self, life: &Life, identity: &Identity, reason: Departure) -> Announcement {
        let grace = match reason {
            Departure::Left | Departure::Forced => Duration::ZERO,
            Departure::Lost => self.sfu_grace,
        };
        let claim_after_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        Announcement::gone(life, identity, reason, claim_after_ms)
    }

    pub(crate) async fn tell(&self, room: &RoomId, announcement: Announcement) -> Result<(), Failure> {
        self.tell_of_all(room, vec![announcement]).await
    }

    pub(crate) async fn tell_of_all(
        &self,
        room: &RoomId,
        announcements: Vec<Announcement>,
    ) -> Result<(), Failure> {
        let occupants = self.store.occupants(room, self.clock.now()).await?;
        self.tell_all(room, list(room, occupants), announcements).await;
        Ok(())
    }
}
