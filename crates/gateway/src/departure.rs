//! A member is gone: its place is freed, and the room is told. Whoever notices it comes here: `$disconnect`,
//! `leave`, and any function whose post is answered 410.

use std::time::Duration;

use aws_config::SdkConfig;
use futures::StreamExt as _;
use futures::stream;
use model::error::Error;
use model::id::{ConnectionId, PeerId, RoomId};
use model::item::Identity;
use model::life::Life;
use model::notice::{Departure, Notice};
use model::outcome::{Departed, Left};

use crate::clock::Clock;
use crate::config;
use crate::failure::Failure;
use crate::sockets::{Posted, Sockets};
use crate::store::{Occupants, Store};

/// How many posts of a fan-out are under way at once.
const FAN_OUT: usize = 64;

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

/// Somebody in a room who can be posted to.
struct Occupant {
    life: Life,
    identity: Identity,
}

/// A notice and whom it concerns.
struct Announcement {
    notice: Notice,
    /// The peer that it is about, which is not told.
    about: Option<PeerId>,
    /// Whether the SFU is told as well.
    to_sfu: bool,
}

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

    /// Tells the members of a room that its SFU is back. That it is back stands, whether or not they could be told.
    pub async fn sfu_returned(&self, room: &RoomId) {
        let notice = Notice::SfuConnect { room_id: room.clone() };
        let announcement = Announcement { notice, about: None, to_sfu: false };
        if let Err(failure) = self.tell(room, vec![announcement]).await {
            tracing::error!(room.id = %room, %failure, "Room not told");
        }
    }

    async fn announce(&self, life: &Life, identity: &Identity, reason: Departure) -> Result<(), Failure> {
        self.tell(identity.room(), vec![self.announcement(&life.connection_id, identity, reason)]).await
    }

    fn announcement(&self, id: &ConnectionId, identity: &Identity, reason: Departure) -> Announcement {
        match identity {
            Identity::Client { peer_id, .. } => Announcement {
                notice: Notice::ClientDisconnect {
                    client_id: peer_id.clone(),
                    connection_id: id.clone(),
                    reason,
                },
                about: Some(peer_id.clone()),
                to_sfu: true,
            },
            Identity::Sfu { room_id, .. } => {
                let grace = match reason {
                    Departure::Left => Duration::ZERO,
                    Departure::Lost => self.sfu_grace,
                };
                let claim_after_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
                Announcement {
                    notice: Notice::SfuDisconnect { room_id: room_id.clone(), claim_after_ms },
                    about: None,
                    to_sfu: false,
                }
            }
        }
    }

    /// Posts to everybody whom the announcements concern, at most [`FAN_OUT`] at once: a receiver that is slow,
    /// throttled or gone neither fails nor delays the others. Receivers that turn out to be gone are removed, and
    /// announced in turn to those who are left; each round has fewer receivers than the one before.
    async fn tell(&self, room: &RoomId, mut announcements: Vec<Announcement>) -> Result<(), Failure> {
        let mut occupants = list(room, self.store.occupants(room, self.clock.now()).await?);
        while let Some(announcement) = announcements.pop() {
            let gone = self.tell_all(&occupants, &announcement).await;
            for occupant in occupants.extract_if(.., |occupant| gone.contains(&occupant.life)) {
                let connection_id = &occupant.life.connection_id;
                match self.store.depart(&occupant.life, occupant.identity, self.clock.now()).await {
                    Ok(Departed::Nothing) => {}
                    Ok(Departed::Gone(identity)) => {
                        announcements.push(self.announcement(connection_id, &identity, Departure::Lost));
                    }
                    Err(failure) => {
                        tracing::error!(connection.id = %connection_id, %failure, "Place not freed");
                    }
                }
            }
        }
        Ok(())
    }

    /// Posts one announcement; answers with the receivers that are gone.
    async fn tell_all(&self, occupants: &[Occupant], announcement: &Announcement) -> Vec<Life> {
        let text = announcement.notice.to_json();
        let text = text.as_str();
        let concerned = occupants.iter().filter(|occupant| match &occupant.identity {
            Identity::Client { peer_id, .. } => announcement.about.as_ref() != Some(peer_id),
            Identity::Sfu { .. } => announcement.to_sfu,
        });
        let posts = concerned.map(|occupant| async move {
            match self.sockets.post(&occupant.life.connection_id, text).await {
                Ok(Posted::Gone) => Some(occupant.life.clone()),
                Ok(Posted::Delivered) => None,
                Ok(posted @ (Posted::Busy | Posted::TooLarge)) => {
                    tracing::warn!(connection.id = %occupant.life.connection_id, ?posted, "Notice not delivered");
                    None
                }
                Err(failure) => {
                    tracing::error!(connection.id = %occupant.life.connection_id, %failure, "Notice not delivered");
                    None
                }
            }
        });
        stream::iter(posts).buffer_unordered(FAN_OUT).filter_map(async |gone| gone).collect().await
    }
}

fn list(room: &RoomId, occupants: Occupants) -> Vec<Occupant> {
    let members = occupants.members.into_iter().map(|(peer_id, member)| Occupant {
        life: member.life,
        identity: Identity::Client { peer_id, room_id: room.clone() },
    });
    let sfu = occupants.sfu.map(|sfu| Occupant {
        identity: Identity::Sfu { room_id: room.clone(), slot: sfu.slot, features: sfu.features },
        life: sfu.life,
    });
    members.chain(sfu).collect()
}
