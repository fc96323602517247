//! What others have left undone in a room: a function died, or was cut off, before it had told everybody.

use model::connection::{Identity, Socket};
use model::id::RoomId;
use model::member::Member;
use model::notice::GoAway;
use model::outbox::Change;

use super::broadcast::{Announcement, broadcast, recipients, settle};
use super::{delivery, loss, mutes};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// Looks into a room for what it is owed, and tells it.
///
/// # Errors
/// When DynamoDB cannot say what that is, or somebody could not be told.
pub async fn tell(app: &App, room: &RoomId) -> Result<(), Failure> {
    let roster = app.store.roster(room, app.clock.now()).await?;
    if catch_up(app, room, roster).await { Ok(()) } else { Err(Failure::new("outbox", "not everybody told")) }
}

/// Tells a room of a change that has just been made, if it still stands once it is known whom to tell. What others have left
/// undone there is done on the way.
///
/// Race: what it is about may have ended since. Who has come after that was not told of the end, and would never let go of it.
///
/// Answers with the member whose stream it is about, if that turned out to be muted.
///
/// # Errors
/// When DynamoDB cannot say who is there. A notice that cannot be delivered is logged and is no error.
pub(super) async fn announce(app: &App, room: &RoomId, change: &Change) -> Result<Option<Member>, Failure> {
    let mut roster = app.store.roster(room, app.clock.now()).await?;
    let overtaken = overtaken(app, room, &mut roster, change).await?;
    let (member, muted) = overtaken.unzip();
    let announcement = announcement(app, room, &roster, change);
    if announcement.is_none() {
        settle(app, room, change).await;
    }
    let announcements: Vec<_> = announcement.into_iter().chain(muted).collect();
    if !announcements.is_empty() {
        broadcast(app, room, recipients(room, &roster), announcements).await;
    }
    catch_up(app, room, roster).await;
    Ok(member)
}

/// Ends stays that are overdue in a room, at most 20, and tells it of them and of the changes that it was not told of in time.
///
/// Race: who made a change may tell of it all the same, later than it should. Clients know a stay by its beginning, and SFUs a
/// client by its socket: what comes twice changes nothing.
///
/// Answers whether everybody has been told.
pub async fn catch_up(app: &App, room: &RoomId, mut roster: Roster) -> bool {
    let ended = loss::release(app, room, std::mem::take(&mut roster.overdue)).await;
    let owed = std::mem::take(&mut roster.owed);
    if !ended.is_empty() {
        // Who has come since may have found them in its list.
        roster = match app.store.roster(room, app.clock.now()).await {
            Ok(roster) => roster,
            Err(failure) => {
                tracing::error!(room.id = %room, %failure, "Room not told");
                return false;
            }
        };
    }
    let mut announcements: Vec<_> =
        ended.iter().map(|ended| Announcement::ended(ended, app.sfu_grace)).collect();
    let mut all_told = true;
    for owed in &owed {
        match app.store.take_over(owed, app.clock.now()).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(failure) => {
                tracing::error!(room.id = %room, %failure, "Room not told");
                return false;
            }
        }
        tracing::warn!(room.id = %room, change = owed.change.name(), "Change told late");
        if let Change::Muted { mute } = &owed.change {
            all_told &= mutes::carry_out(app, room, &mut roster, mute).await;
            continue;
        }
        let muted = match overtaken(app, room, &mut roster, &owed.change).await {
            Ok(overtaken) => overtaken.map(|(_, announcement)| announcement),
            Err(failure) => {
                tracing::error!(room.id = %room, %failure, "Stream not muted");
                all_told = false;
                continue;
            }
        };
        let gone = is_sent_away(app, &owed.change).await;
        all_told &= gone;
        match announcement(app, room, &roster, &owed.change) {
            Some(announcement) if gone => announcements.push(announcement),
            Some(announcement) => announcements.push(announcement.told_again()),
            None => settle(app, room, &owed.change).await,
        }
        announcements.extend(muted);
    }
    let told =
        announcements.is_empty() || broadcast(app, room, recipients(room, &roster), announcements).await.all;
    told && all_told
}

/// Mutes the stream that a change is about, if it has overtaken a mute. The roster is looked up again then: who has come since
/// may have found in its list that the stream has sound.
async fn overtaken(
    app: &App,
    room: &RoomId,
    roster: &mut Roster,
    change: &Change,
) -> Result<Option<(Member, Announcement)>, Failure> {
    let Change::Streams { peer_id, joined_at, stream_id, .. } = change else { return Ok(None) };
    let there = roster.members.iter().find(|(peer, _)| peer == peer_id).map(|(_, member)| member);
    let Some(member) = there.filter(|member| member.joined_at == *joined_at) else { return Ok(None) };
    let muted = mutes::overtaken(app, room, stream_id, member, &roster.mute).await?;
    if muted.is_some() {
        *roster = app.store.roster(room, app.clock.now()).await?;
    }
    Ok(muted)
}

/// Tells who was sent away, and may not have heard of it, to go; `true` if it is gone, or the change is about nobody of that
/// kind.
async fn is_sent_away(app: &App, change: &Change) -> bool {
    let Change::Ended { ended, close: Some(encoding) } = change else { return true };
    let socket = Socket { stamp: ended.stamp.clone(), encoding: encoding.clone() };
    delivery::send_away(app, &socket, GoAway::ForceDisconnected).await
}

/// What a room is still to be told of a change; `None` when it is out of date.
fn announcement(app: &App, room: &RoomId, roster: &Roster, change: &Change) -> Option<Announcement> {
    match change {
        Change::Ended { ended, .. } => {
            let announcement = Announcement::ended(ended, app.sfu_grace);
            match &ended.identity {
                // A page's members do not tell one stay of a peer from another.
                Identity::Client { peer_id, session: None, .. }
                    if roster.members.iter().any(|(peer, _)| peer == peer_id) =>
                {
                    Some(announcement.sfu_alone())
                }
                Identity::Client { .. } => Some(announcement),
                Identity::Sfu { .. } => roster.sfu.is_none().then_some(announcement),
            }
        }
        Change::Created { peer_id, joined_at, resumed } => {
            let (peer, member) = roster.members.iter().find(|(peer, _)| peer == peer_id)?;
            (member.joined_at == *joined_at).then_some(())?;
            member.in_session(peer).map(|connection| Announcement::created(connection, *resumed))
        }
        Change::Streams { peer_id, joined_at, .. } => {
            let there = roster.members.iter().find(|(peer, _)| peer == peer_id);
            let same_stay = there.map(|(_, member)| member).filter(|member| member.joined_at == *joined_at);
            Announcement::streams(same_stay, change.clone())
        }
        // That has to be carried out as well.
        Change::Muted { .. } => None,
        Change::SfuConnected { sfu } => {
            let there = roster.sfu.as_ref().is_some_and(|there| there.stamp == *sfu);
            there.then(|| Announcement::sfu_connected(room, sfu))
        }
    }
}
