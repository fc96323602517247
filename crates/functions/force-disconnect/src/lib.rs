//! `forceDisconnect`: a moderator ends somebody's connection.

use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::overtaking::Overtaking;
use gateway::session::Told;
use model::error::Error;
use model::id::RoomId;
use model::item::Identity;
use model::life::Life;
use model::session::{Otc, Role, moderation};

/// Ends a connection of the sender's session: its place is freed, it is told and closed, and so are the others.
///
/// # Errors
/// `bad_message` for a bad id, `connection_not_found` before an identify, `forbidden` unless the sender is a moderator,
/// `peer_not_found` when nobody of that id is there; with the model's numbers.
pub async fn force_disconnect(departures: &Departures, call: Call<'_>) -> Result<Reply, Error> {
    end(departures, call).await.map_err(Error::in_session)
}

async fn end(departures: &Departures, call: Call<'_>) -> Result<Reply, Error> {
    let peer = moderation::connection(&call.request.data()?)?;
    let (session, role) = sender(departures, call.life).await?;
    if role.capabilities(false).force_disconnect == 0 {
        let forbidden = Error::Forbidden("Only a moderator may end somebody's connection");
        return Err(forbidden.numbered(Otc::UnableToForceDisconnect));
    }
    match departures.force_disconnect(&session, &peer).await? {
        Told::Delivered | Told::Busy => Ok(Reply::Ack),
        Told::NotThere => Err(Error::PeerNotFound),
    }
}

/// Where the sender is, and as what.
async fn sender(departures: &Departures, life: &Life) -> Result<(RoomId, Role), Error> {
    let mut overtaking = Overtaking::default();
    loop {
        let row = departures.store.connection(&life.connection_id).await?;
        let row = row.filter(|row| row.life == *life).ok_or(Error::ConnectionNotFound)?;
        return match row.identity {
            Some(Identity::Client { room_id, session: Some(session), .. }) => Ok((room_id, session.role)),
            Some(Identity::Client { session: None, .. } | Identity::Sfu { .. }) => {
                Err(Error::Forbidden("Only sessions have moderators"))
            }
            None if overtaking.wait().await => continue,
            None => Err(Error::ConnectionNotFound),
        };
    }
}
