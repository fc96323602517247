//! An SFU takes its place in its room.

use gateway::edge::Reply;
use gateway::rooms::sender::Sender;
use gateway::rooms::{arrival, delivery, departure};
use gateway::store::Serve;
use model::error::Error;
use model::id::RoomId;
use model::identify::SfuIdentify;
use model::notice::{GoAway, Identified, Notice};
use model::outcome::Served;
use model::room::RECONNECT_AFTER;
use model::stamp::Stamp;

use crate::{Deps, HOLDERS, every_holder_gone, freed};

/// Puts an SFU into its place, and tells the members that it is there.
pub(crate) async fn identify(deps: &Deps, sender: &Sender<'_>, sfu: SfuIdentify) -> Result<Reply, Error> {
    let SfuIdentify { room, features } = sfu;
    let serve = Serve { stamp: sender.stamp().clone(), room, features };
    let (replaced, returned) = served(deps, &serve).await?;
    if let Some(older) = replaced {
        delivery::send_away(&deps.app, &older.into(), GoAway::Replaced).await;
    }
    if let Some(room) = returned {
        arrival::sfu_connected(&deps.app, &room, &serve.stamp).await;
    }
    Ok(Reply::Notice(Notice::Identified(Box::new(Identified {
        peer_id: serve.room.sfu_peer(),
        room_id: serve.room,
        connection_id: serve.stamp.connection_id,
        reconnect_before: serve.stamp.connected_at.plus(RECONNECT_AFTER),
        // An SFU is reachable by itself: a relay is for those who want to reach it.
        ice_servers: deps.ice_servers.public(),
        features: serve.features,
        session: None,
        request_id: None,
    }))))
}

/// Writes the SFU's place; answers with the older connection that has lost it, and with where it has been missed.
async fn served(deps: &Deps, serve: &Serve) -> Result<(Option<Stamp>, Option<RoomId>), Error> {
    let app = &deps.app;
    for _ in 0..HOLDERS {
        match app.store.serve(serve, app.clock.now()).await? {
            Served::Serving { replaced, returned } => return Ok((replaced, returned)),
            Served::ConnectionGone => return Err(Error::ConnectionNotFound),
            Served::AlreadyIdentified => return Err(Error::AlreadyIdentified),
            Served::Unauthorized => return Err(Error::Unauthorized("The room's own token is required")),
            Served::RoomClosed => return Err(Error::RoomClosed),
            Served::Superseded(holder) => {
                let ended: Vec<_> = freed(deps, &holder, Error::Superseded).await?.into_iter().collect();
                departure::announce_all_ended(app, holder.identity.room(), &ended).await;
            }
        }
    }
    Err(every_holder_gone())
}
