//! `handshake`: relays one SDP or some ICE candidates, byte for byte.

use std::time::Duration;

use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use gateway::sockets::Posted;
use gateway::store::{Receiver, Route};
use model::error::Error;
use model::handshake::{CANDIDATES_FEATURE, Direction, Handshake};
use model::id::RoomId;
use model::item::Identity;
use model::life::Life;
use model::room::Status;
use tokio::time::{Instant, sleep};

/// How long a handshake waits for the identify that it has overtaken. A client sends the two back to back, and API
/// Gateway runs a Lambda for each, side by side.
const IDENTIFY_WITHIN: Duration = Duration::from_secs(1);
/// The first pause between two looks; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Relays a handshake to the other side of its room: one read of two items, one post.
///
/// # Errors
/// Those of DESIGN §4: a bad message, a connection that is nobody, somebody else's room, a receiver that is away.
pub async fn handshake(departures: &Departures, call: Call<'_>) -> Result<Reply, Error> {
    let data = call.request.data()?;
    let handshake = Handshake::parse(&data)?;
    let (sender, receiver) = look_up(departures, call.life, &handshake).await?;
    check(&sender, receiver.as_ref(), &handshake)?;
    let (to, identity) = match (receiver, handshake.direction) {
        (Some(Receiver::Sfu(sfu)), direction) => {
            let room_id = direction.room().clone();
            (sfu.life, Identity::Sfu { room_id, slot: sfu.slot, features: sfu.features })
        }
        (Some(Receiver::Member(member)), Direction::ToPeer(room_id, peer_id)) => {
            (member.life, Identity::Client { peer_id, room_id })
        }
        (_, Direction::ToPeer(..)) => return Err(Error::PeerNotFound),
        (_, Direction::ToSfu(room)) => return Err(without_sfu(departures, &room).await?),
    };
    let absent = match &identity {
        Identity::Sfu { .. } => Error::SfuUnavailable,
        Identity::Client { .. } => Error::PeerNotFound,
    };
    match departures.post(&to, identity, handshake.text).await? {
        Posted::Delivered => Ok(Reply::Ack),
        Posted::Gone => Err(absent),
        Posted::Busy => Err(Error::TooManyRequests),
        Posted::TooLarge => Err(Error::TooLarge { field: "data", allowed: "at most 131072 bytes" }),
    }
}

/// Who sends, and who receives. A sender whose row is there but who is nobody yet is waited for, within
/// [`IDENTIFY_WITHIN`].
async fn look_up(
    departures: &Departures,
    life: &Life,
    handshake: &Handshake<'_>,
) -> Result<(Identity, Option<Receiver>), Error> {
    let until = Instant::now() + IDENTIFY_WITHIN;
    let mut pause = FIRST_PAUSE;
    loop {
        let Route { sender, receiver } = route(departures, life, &handshake.direction).await?;
        let row = sender.filter(|row| row.life == *life).ok_or(Error::ConnectionNotFound)?;
        if let Some(identity) = row.identity {
            return Ok((identity, receiver));
        }
        if Instant::now() >= until {
            return Err(Error::ConnectionNotFound);
        }
        sleep(pause.min(until - Instant::now())).await;
        pause *= 2;
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
    let (id, room, features) = match (sender, &handshake.direction, receiver) {
        (Identity::Client { .. }, Direction::ToPeer(..), _) => {
            return Err(Error::BadMessage { field: "receiver", allowed: "is for the SFU only" });
        }
        (Identity::Sfu { .. }, Direction::ToSfu(_), _) => {
            return Err(Error::BadMessage { field: "receiver", allowed: "is required" });
        }
        (Identity::Client { peer_id, room_id }, Direction::ToSfu(_), Some(Receiver::Sfu(sfu))) => {
            (peer_id.clone(), room_id, Some(&sfu.features))
        }
        (Identity::Client { peer_id, room_id }, Direction::ToSfu(_), _) => (peer_id.clone(), room_id, None),
        (Identity::Sfu { room_id, features, .. }, Direction::ToPeer(..), _) => {
            (room_id.sfu_peer(), room_id, Some(features))
        }
    };
    if handshake.sender != id {
        return Err(Error::Forbidden("The sender must be the connection's own id"));
    }
    if handshake.direction.room() != room {
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
