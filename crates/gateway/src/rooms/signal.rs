//! Signals, whoever sends them: a client on its socket, or the project's server by REST.

use model::id::{PeerId, RoomId};
use model::member::Member;
use model::notice::Notice;
use model::outcome::Delivery;
use model::session::notice::ReceivedSignal;

use super::broadcast::{Announcement, broadcast, recipients};
use super::delivery::{Recipient, deliver};
use super::{departure, outbox};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// Delivers a signal to everybody in a session, its sender too. What others have left undone there is done on
/// the way.
pub async fn to_all(app: &App, session: &RoomId, roster: Roster, signal: ReceivedSignal) {
    let announcement = Announcement::to_members(Notice::Signal { signal });
    broadcast(app, session, recipients(session, &roster), vec![announcement]).await;
    outbox::catch_up(app, session, roster).await;
}

/// Delivers a signal to one member of a session. To one that is away nothing can be delivered.
///
/// # Errors
/// When the post, or the departure of a member that is found gone, fails.
pub async fn to_one(
    app: &App,
    session: &RoomId,
    peer: &PeerId,
    member: Member,
    signal: ReceivedSignal,
) -> Result<Delivery, Failure> {
    let Some(recipient) = Recipient::member(peer, session, &member) else {
        departure::end_if_overdue(app, session, peer, &member).await?;
        return Ok(Delivery::Gone(None));
    };
    let delivery = deliver(app, &recipient, &Notice::Signal { signal }).await?;
    if let Delivery::Gone(Some(ended)) = &delivery {
        departure::announce_ended(app, ended).await?;
    }
    Ok(delivery)
}
