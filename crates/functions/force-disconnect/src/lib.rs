//! `forceDisconnect`: a moderator ends somebody's connection.

use gateway::app::App;
use gateway::edge::Reply;
use gateway::rooms::departure;
use gateway::rooms::sender::{Sender, check};
use model::error::Error;
use model::outcome::Delivery;
use model::session::Permission;
use model::session::moderation::ForceDisconnect;

/// Ends a connection of the sender's session: its place is freed, it is told and closed, and the others are told.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` unless the sender is a moderator, `peer_not_found` when
/// nobody of that id is there.
pub async fn force_disconnect(
    app: &App,
    sender: &Sender<'_>,
    request: ForceDisconnect,
) -> Result<Reply, Error> {
    let (session, own) = sender.in_session(app, "Only sessions have moderators").await?;
    check(own.role, Permission::ForceDisconnect)?;
    match departure::forced(app, &session, &request.connection).await? {
        Delivery::Delivered | Delivery::Busy | Delivery::TooLarge => Ok(Reply::Ack),
        Delivery::Gone(_) => Err(Error::PeerNotFound),
    }
}
