//! A member's streams change: its session is told, and its SFU.

use model::error::Error;
use model::id::RoomId;
use model::member::Member;
use model::outbox::Change;
use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::mute::Mute;
use model::session::stream::{StreamId, Unchanged};
use model::stamp::Stamp;

use super::broadcast::{Announcement, broadcast, recipients};
use super::outbox;
use crate::app::App;
use crate::failure::Failure;

/// Changes one of a member's streams, by what its session's mute is, and tells the session; with `by`, only while the member is
/// on that socket. Answers with the member as it is then. A change that makes no difference is told to nobody.
///
/// # Errors
/// `connection_not_found` when the member is not there, `stream_not_found`, `stream_limit_exceeded`.
pub async fn change(
    app: &App,
    session: &RoomId,
    id: &StreamId,
    by: Option<&Stamp>,
    change: impl Fn(&mut Member, &Mute) -> Result<StreamEvent, Unchanged>,
) -> Result<Member, Error> {
    match app.store.change_streams(session, id, by, app.clock.now(), change).await? {
        StreamsChanged::Changed(mut member, event) => {
            let change = Change::streams(&member, id, event);
            // It stands, whether or not the session could be told: that is owed to it.
            if let Err(failure) = tell(app, session, id, &mut member, change).await {
                tracing::error!(room.id = %session, peer.id = %id.peer(), %failure, "Room not told");
            }
            Ok(*member)
        }
        StreamsChanged::Unchanged(member, Unchanged::Already) => Ok(*member),
        StreamsChanged::Unchanged(_, Unchanged::TooMany) => Err(Error::StreamLimitExceeded),
        StreamsChanged::Unchanged(_, Unchanged::NotFound) => Err(Error::StreamNotFound),
        StreamsChanged::NotThere => Err(Error::ConnectionNotFound),
    }
}

async fn tell(
    app: &App,
    session: &RoomId,
    id: &StreamId,
    member: &mut Member,
    change: Change,
) -> Result<(), Failure> {
    let roster = app.store.roster(session, app.clock.now()).await?;
    let muted = overtaken(app, session, id, member, &roster.mute).await?;
    let muted = muted.map(|(muted, announcement)| {
        *member = muted;
        announcement
    });
    let announcements = Announcement::streams(Some(member), change).into_iter().chain(muted).collect();
    broadcast(app, session, recipients(session, &roster), announcements).await;
    outbox::catch_up(app, session, roster).await;
    Ok(())
}

/// Mutes a stream that got its sound while the session was being muted: whoever gave it had read of no mute, and whoever carried
/// the mute out had seen no sound. `member` has the stream, and `mute` was read after that. Answers with the member as it is
/// then, and what its session is to be told.
///
/// Race: its publisher may change the stream once more, knowing of the mute. Then it stays as it is.
pub(super) async fn overtaken(
    app: &App,
    session: &RoomId,
    id: &StreamId,
    member: &Member,
    mute: &Mute,
) -> Result<Option<(Member, Announcement)>, Failure> {
    if !member.streams.live.get(id).is_some_and(|stream| mute.concerns(id, stream)) {
        return Ok(None);
    }
    let muted = |member: &mut Member| member.streams.mute_by(id, mute).map(|()| StreamEvent::Muted);
    let (found, now) = (Some(member.clone()), app.clock.now());
    match app.store.change_found_streams(session, id, None, found, now, muted).await? {
        StreamsChanged::Changed(member, event) => {
            let announcement = Announcement::streams(Some(&member), Change::streams(&member, id, event));
            Ok(announcement.map(|announcement| (*member, announcement)))
        }
        StreamsChanged::Unchanged(..) | StreamsChanged::NotThere => Ok(None),
    }
}
