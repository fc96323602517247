//! `handshake`: relays one SDP or some ICE candidates, byte for byte. The first of a session that sends media claims an SFU
//! for it.

use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use gateway::overtaking::Overtaking;
use gateway::refill::Refill;
use gateway::sockets::Posted;
use gateway::store::{Receiver, Route};
use model::error::Error;
use model::handshake::{CANDIDATES_FEATURE, Direction, Handshake};
use model::id::RoomId;
use model::item::Identity;
use model::life::Life;
use model::room::Status;

mod sessions;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
    /// Where to ask for more when a session has taken an SFU of the pool.
    pub refill: Refill,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        Ok(Self { refill: Refill::from_env(&aws)?, departures: Departures::from_env(&aws).await? })
    }
}

/// Relays a handshake to the other side of its room: one read of two items, one post.
///
/// # Errors
/// Those of DESIGN §4: a bad message, a connection that is nobody, somebody else's room, a role that does not allow it, a
/// receiver that is away.
pub async fn handshake(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    let departures = &deps.departures;
    let data = call.request.data()?;
    let handshake = Handshake::parse(&data)?;
    let (sender, receiver) = look_up(departures, call.life, &handshake).await?;
    check(&sender, receiver.as_ref(), &handshake)?;
    let room = handshake.direction.room();
    let (to, identity) = match (receiver, &handshake.direction) {
        (Some(Receiver::Sfu(sfu)), _) => (sfu.life.clone(), sfu.identity(room)),
        (Some(Receiver::Member(member)), Direction::ToPeer(_, peer)) => {
            (member.life.clone(), member.identity(peer, room))
        }
        (_, Direction::ToPeer(..)) => return Err(Error::PeerNotFound),
        (_, Direction::ToSfu(_)) => match &sender {
            Identity::Client { session: Some(_), .. } => return sessions::publish(deps, &handshake).await,
            Identity::Client { session: None, .. } | Identity::Sfu { .. } => {
                return Err(without_sfu(departures, room).await?);
            }
        },
    };
    let absent = match &identity {
        Identity::Sfu { .. } => Error::SfuUnavailable,
        Identity::Client { .. } => Error::PeerNotFound,
    };
    relayed(departures.post(&to, identity, handshake.text).await?, absent)
}

/// What the sender is told of a post; `absent`, if nobody is there to receive it.
fn relayed(posted: Posted, absent: Error) -> Result<Reply, Error> {
    match posted {
        Posted::Delivered => Ok(Reply::Ack),
        Posted::Gone => Err(absent),
        Posted::Busy => Err(Error::TooManyRequests),
        Posted::TooLarge => Err(Error::TooLarge { field: "data", allowed: "at most 131072 bytes" }),
    }
}

/// Who sends, and who receives. A sender whose row is there but who is nobody yet is waited for.
async fn look_up(
    departures: &Departures,
    life: &Life,
    handshake: &Handshake<'_>,
) -> Result<(Identity, Option<Receiver>), Error> {
    let mut overtaking = Overtaking::default();
    loop {
        let Route { sender, receiver } = route(departures, life, &handshake.direction).await?;
        let row = sender.filter(|row| row.life == *life).ok_or(Error::ConnectionNotFound)?;
        if let Some(identity) = row.identity {
            return Ok((identity, receiver));
        }
        if !overtaking.wait().await {
            return Err(Error::ConnectionNotFound);
        }
    }
}

async fn route(departures: &Departures, life: &Life, direction: &Direction) -> Result<Route, Failure> {
    let Departures { store, clock, .. } = departures;
    match direction {
        Direction::ToSfu(room) => store.route_to_sfu(&life.connection_id, room).await,
        Direction::ToPeer(room, peer) => {
            store.route_to_peer(&life.connection_id, room, peer, clock.now()).await
        }
    }
}

/// Checks that the sender is who the message says, where it says, and may send this.
fn check(sender: &Identity, receiver: Option<&Receiver>, handshake: &Handshake<'_>) -> Result<(), Error> {
    let (id, features) = match (sender, &handshake.direction, receiver) {
        (Identity::Client { .. }, Direction::ToPeer(..), _) => {
            return Err(Error::BadMessage { field: "receiver", allowed: "is for the SFU only" });
        }
        (Identity::Sfu { .. }, Direction::ToSfu(_), _) => {
            return Err(Error::BadMessage { field: "receiver", allowed: "is required" });
        }
        (Identity::Client { peer_id, session, .. }, Direction::ToSfu(_), receiver) => {
            if let Some(session) = session {
                sessions::check_role(session.role, handshake)?;
            }
            let features = match receiver {
                Some(Receiver::Sfu(sfu)) => Some(&sfu.features),
                Some(Receiver::Member(_)) | None => None,
            };
            (peer_id.clone(), features)
        }
        (Identity::Sfu { room_id, features, .. }, Direction::ToPeer(..), _) => {
            (room_id.sfu_peer(), Some(features))
        }
    };
    if handshake.sender != id {
        return Err(Error::Forbidden("The sender must be the connection's own id"));
    }
    if handshake.direction.room() != sender.room() {
        return Err(Error::Forbidden("The room must be the connection's own"));
    }
    // Without an SFU nothing is known, and what is said is that it is away.
    if handshake.batch && features.is_some_and(|features| !features.iter().any(|f| f == CANDIDATES_FEATURE)) {
        return Err(Error::BadMessage {
            field: "candidates",
            allowed: "is allowed only after the features list candidates",
        });
    }
    Ok(())
}

/// Why a room has no SFU: it is closed, or away. Only then the room itself is read.
async fn without_sfu(departures: &Departures, room: &RoomId) -> Result<Error, Failure> {
    let Departures { store, clock, .. } = departures;
    Ok(match store.room(room, clock.now()).await?.map(|room| room.status) {
        Some(Status::Closed) | None => Error::RoomClosed,
        Some(Status::Pending | Status::Unclaimed | Status::Claimed) => Error::SfuUnavailable,
    })
}
