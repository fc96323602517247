//! `handshake`: relays one SDP or some ICE candidates. What goes to an SFU says on whose socket it came; all else is byte
//! for byte. The first of a session that sends media claims an SFU for it. In a relayed session clients send to each other.

use gateway::app::App;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::refill::Refill;
use gateway::rooms::delivery::{Recipient, relay};
use gateway::rooms::departure;
use gateway::rooms::relayed::{self, Between};
use gateway::rooms::sender::Sender;
use gateway::store::{Receiver, Route};
use model::connection::{Connection, Identity};
use model::error::Error;
use model::handshake::{CANDIDATES_FEATURE, Direction, Handshake};
use model::id::{PeerId, RoomId};
use model::member::Reach;
use model::outcome::Delivery;
use model::room::Status;

mod sessions;

/// What a client is told that names a receiver where it has none.
const FOR_THE_SFU: Error = Error::BadMessage {
    field: "receiver",
    allowed: "is for the SFU only, and for clients of a relayed session",
};

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
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
        Ok(Self { refill: Refill::from_env(&aws)?, app: App::from_env(&aws).await? })
    }
}

/// Relays a handshake to the other side of its room: one read of two items, one post; from client to client one conditional
/// write, which counts it, and one query more.
///
/// # Errors
/// Those of PROTOCOL, "handshake": a connection that has not identified, somebody else's room, a role that does not
/// allow it, a receiver that is away; from client to client `relayed_session_full` and `too_many_requests`.
pub async fn handshake(deps: &Deps, sender: &Sender<'_>, handshake: Handshake<'_>) -> Result<Reply, Error> {
    let app = &deps.app;
    let (row, identity, receiver) = look_up(app, sender, &handshake).await?;
    sender.recognized(&identity);
    check(&identity, receiver.as_ref(), &handshake)?;
    let room = handshake.direction.room();
    let text = match (&identity, &handshake.direction) {
        (Identity::Client { .. }, Direction::ToPeer(_, to)) => {
            to_client(app, &row, to, receiver.as_ref(), &handshake).await?.into()
        }
        (Identity::Client { .. } | Identity::Sfu { .. }, _) => handshake.relayed(sender.stamp()),
    };
    let (to, absent) = match (receiver, &handshake.direction) {
        (Some(Receiver::Sfu(sfu)), _) => (Recipient::sfu(room, sfu), Error::SfuUnavailable),
        (Some(Receiver::Member(member)), Direction::ToPeer(_, peer)) => {
            let Some(recipient) = Recipient::member(peer, room, &member) else {
                departure::end_if_overdue(app, room, peer, &member).await?;
                return Err(Error::PeerNotFound);
            };
            (recipient, Error::PeerNotFound)
        }
        (_, Direction::ToPeer(..)) => return Err(Error::PeerNotFound),
        (_, Direction::ToSfu(_)) => match &identity {
            Identity::Client { session: Some(_), .. } => {
                return sessions::publish(deps, &handshake, &text).await;
            }
            Identity::Client { session: None, .. } | Identity::Sfu { .. } => {
                return Err(without_sfu(app, room).await?);
            }
        },
    };
    outcome(app, relay(app, &to, &text).await?, absent).await
}

/// What one client may send another: what they have to say to each other, if media goes between the two. It is counted before
/// anything else is read.
async fn to_client(
    app: &App,
    sender: &Connection,
    to: &PeerId,
    receiver: Option<&Receiver>,
    handshake: &Handshake<'_>,
) -> Result<String, Error> {
    let text = handshake.between_clients()?;
    if !app.store.limit_handshakes(sender, app.clock.now()).await? {
        return Err(Error::RateExceeded("Too many handshakes to other clients"));
    }
    match relayed::between(app, handshake.direction.room(), [&handshake.sender, to]).await? {
        Between::TheTwo => Ok(text),
        Between::NotRelayed => Err(FOR_THE_SFU),
        Between::Others => match receiver {
            Some(Receiver::Member(member)) if member.reach() != Reach::None => Err(Error::RelayedSessionFull),
            // It reaches nobody, which is what its sender is told.
            Some(Receiver::Member(_) | Receiver::Sfu(_)) | None => Ok(text),
        },
    }
}

/// What the sender is told of a delivery; `absent`, if nobody is there to receive it.
async fn outcome(app: &App, delivery: Delivery, absent: Error) -> Result<Reply, Error> {
    match delivery {
        Delivery::Delivered => Ok(Reply::Ack),
        Delivery::Gone(None) => Err(absent),
        Delivery::Gone(Some(ended)) => {
            departure::announce_ended(app, &ended).await?;
            Err(absent)
        }
        Delivery::Busy => Err(Error::TooManyRequests),
        Delivery::TooLarge => Err(Error::TooLarge { field: "data", allowed: "at most 131072 bytes" }),
    }
}

/// Who sends on which connection, and who receives.
async fn look_up(
    app: &App,
    sender: &Sender<'_>,
    handshake: &Handshake<'_>,
) -> Result<(Connection, Identity, Option<Receiver>), Error> {
    let look = async || {
        let Route { sender: row, receiver } = route(app, sender, &handshake.direction).await?;
        let row = row.filter(|row| row.stamp == *sender.stamp()).ok_or(Error::ConnectionNotFound)?;
        let identity = row.identity.clone();
        Ok(identity.map(|identity| (row, identity, receiver)))
    };
    sender.once_identified(look).await
}

async fn route(app: &App, sender: &Sender<'_>, direction: &Direction) -> Result<Route, Failure> {
    let connection = &sender.stamp().connection_id;
    match direction {
        Direction::ToSfu(room) => app.store.route_to_sfu(connection, room).await,
        Direction::ToPeer(room, peer) => {
            app.store.route_to_peer(connection, room, peer, app.clock.now()).await
        }
    }
}

/// Checks that the sender is who the message says, where it says, and may send this.
fn check(sender: &Identity, receiver: Option<&Receiver>, handshake: &Handshake<'_>) -> Result<(), Error> {
    let (id, features) = match (sender, &handshake.direction, receiver) {
        (Identity::Client { session: None, .. }, Direction::ToPeer(..), _) => return Err(FOR_THE_SFU),
        (Identity::Sfu { .. }, Direction::ToSfu(_), _) => {
            return Err(Error::BadMessage { field: "receiver", allowed: "is required" });
        }
        (Identity::Client { peer_id, session, .. }, _, receiver) => {
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
async fn without_sfu(app: &App, room: &RoomId) -> Result<Error, Failure> {
    Ok(match app.store.room(room, app.clock.now()).await?.map(|room| room.status) {
        Some(Status::Closed) | None => Error::RoomClosed,
        Some(Status::Pending | Status::Unclaimed | Status::Claimed) => Error::SfuUnavailable,
    })
}
