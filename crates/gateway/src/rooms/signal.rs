//! Signals, whoever sends them: a client on its socket, or the project's server by REST.

use futures::StreamExt as _;
use futures::stream;
use model::id::{PeerId, RoomId};
use model::member::{Member, Reach};
use model::notice::Notice;
use model::outcome::Delivery;
use model::session::notice::ReceivedSignal;
use rand::RngExt as _;

use super::broadcast::{Announcement, CONCURRENT_POSTS, broadcast, recipients};
use super::delivery::{Met, Recipient, deliver, follow};
use super::{departure, outbox};
use crate::app::App;
use crate::failure::Failure;
use crate::machine;
use crate::store::Roster;

/// A name for a signal, which no other one has.
#[must_use]
pub fn new_id() -> String {
    format!("{:016x}", machine::chance().random::<u64>())
}

/// Delivers a signal to everybody in a session, its sender too; for who is away it is kept. What others have left undone there
/// is done on the way.
///
/// # Errors
/// When it could not be kept for somebody who is away. The others may have it.
pub async fn to_all(
    app: &App,
    session: &RoomId,
    roster: Roster,
    signal: ReceivedSignal,
) -> Result<(), Failure> {
    let notice = Notice::Signal { signal };
    let announcement = Announcement::to_members(notice.clone());
    let (told, kept) = futures::join!(
        broadcast(app, session, recipients(session, &roster), vec![announcement]),
        keep(app, session, &roster, &notice),
    );
    outbox::catch_up(app, session, roster).await;
    kept.and(told.missed.map_or(Ok(()), Err))
}

/// Keeps a signal for all who are away, also for those who are overdue: they may yet come back. That one of them has missed it
/// keeps nobody else from getting it.
async fn keep(app: &App, session: &RoomId, roster: &Roster, notice: &Notice) -> Result<(), Failure> {
    let away = roster.members.iter().chain(&roster.overdue);
    let away = away.filter(|(_, member)| member.reach() == Reach::None).map(|(peer, member)| async move {
        match follow(app, Met::Away(member.stamp.clone()), member.identity(peer, session), Some(notice)).await
        {
            Ok(Delivery::Gone(Some(ended))) => departure::announce_ended(app, &ended).await,
            Ok(Delivery::Delivered | Delivery::Gone(None) | Delivery::Busy | Delivery::TooLarge) => Ok(()),
            Err(failure) => Err(failure),
        }
    });
    let kept: Vec<_> = stream::iter(away).buffer_unordered(CONCURRENT_POSTS).collect().await;
    kept.into_iter().collect()
}

/// Delivers a signal to one member of a session, or keeps it for one that is away.
///
/// # Errors
/// When the post, the departure of a member that is found gone, or the write of its mailbox fails.
pub async fn to_one(
    app: &App,
    session: &RoomId,
    peer: &PeerId,
    member: Member,
    signal: ReceivedSignal,
) -> Result<Delivery, Failure> {
    let notice = Notice::Signal { signal };
    let delivery = match Recipient::member(peer, session, &member) {
        Some(recipient) => deliver(app, &recipient, &notice).await?,
        None if departure::end_if_overdue(app, session, peer, &member).await? => Delivery::Gone(None),
        None => {
            let identity = member.identity(peer, session);
            follow(app, Met::Away(member.stamp), identity, Some(&notice)).await?
        }
    };
    if let Delivery::Gone(Some(ended)) = &delivery {
        departure::announce_ended(app, ended).await?;
    }
    Ok(delivery)
}
