//! A member's streams change: its session is told, and its SFU.

use model::error::Error;
use model::id::RoomId;
use model::member::Member;
use model::outbox::Change;
use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::stream::Mute;
use model::session::stream::{StreamId, Unchanged};
use model::stamp::Stamp;

use super::outbox;
use crate::app::App;
use crate::failure::Failure;

/// Changes one of a member's streams, by what its session's mute is, and tells the session; with `by`, only while the member is
/// on that socket. Answers with the member as it is then. A change that makes no difference is told to nobody.
///
/// # Errors
/// `connection_not_found` when the member is not there, `stream_not_found`, `stream_limit_exceeded`; `too_many_requests` when
/// others have changed its streams each time that it was tried.
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
            if let Err(failure) = tell(app, session, &mut member, &change).await {
                tracing::error!(room.id = %session, peer.id = %id.peer(), %failure, "Room not told");
            }
            Ok(*member)
        }
        StreamsChanged::Unchanged(member, Unchanged::Already) => Ok(*member),
        StreamsChanged::Unchanged(_, Unchanged::TooMany) => Err(Error::StreamLimitExceeded),
        StreamsChanged::Unchanged(_, Unchanged::NotFound) => Err(Error::StreamNotFound),
        StreamsChanged::NotThere => Err(Error::ConnectionNotFound),
        StreamsChanged::Contended => Err(Error::TooManyRequests),
    }
}

/// Tells a session of a change. Its stream may turn out to be muted: then `member` is as it is after that.
async fn tell(app: &App, session: &RoomId, member: &mut Member, change: &Change) -> Result<(), Failure> {
    if let Some(muted) = outbox::announce(app, session, change).await? {
        *member = muted;
    }
    Ok(())
}
