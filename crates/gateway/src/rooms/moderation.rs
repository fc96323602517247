//! A moderator, or the project's server, mutes or ends the streams of others.

use std::time::Duration;

use model::error::Error;
use model::id::RoomId;
use model::member::Member;
use model::session::event::StreamEvent;
use model::session::notice::Destroyed;
use model::session::stream::{Mute, StreamId};

use super::{mutes, outbox, streams};
use crate::app::App;
use crate::failure::Failure;

/// How long whoever has muted all waits until that is carried out. What is left then is done by others: it is owed. A function
/// has 29 s.
const CARRIED_OUT_WITHIN: Duration = Duration::from_secs(15);

/// Mutes a stream. One that has no sound stays as it is, and nobody is told.
///
/// # Errors
/// `stream_not_found`.
pub async fn mute_stream(app: &App, session: &RoomId, id: &StreamId) -> Result<(), Error> {
    let mute = |member: &mut Member, _: &Mute| member.streams.mute(id).map(|()| StreamEvent::Muted);
    of_somebody(streams::change(app, session, id, None, mute).await)
}

/// Ends a stream. To end one again is nothing new.
///
/// # Errors
/// `stream_not_found`.
pub async fn unpublish(app: &App, session: &RoomId, id: &StreamId) -> Result<(), Error> {
    let end = |member: &mut Member, _: &Mute| {
        let event = StreamEvent::Destroyed(Destroyed::ForceUnpublished);
        member.streams.unpublish(id).map(|()| event)
    };
    of_somebody(streams::change(app, session, id, None, end).await)
}

/// A stream of somebody who is not there is not there.
fn of_somebody(changed: Result<Member, Error>) -> Result<(), Error> {
    match changed {
        Ok(_) => Ok(()),
        Err(Error::ConnectionNotFound) => Err(Error::StreamNotFound),
        Err(error) => Err(error),
    }
}

/// Mutes all streams of a session but those, and those that begin from now on; or, without a list, lets these begin with sound
/// again. Once that is switched it stands, and what could not be carried out or told is owed.
///
/// # Errors
/// When DynamoDB fails before it is switched.
pub async fn switch_mute(app: &App, session: &RoomId, muted: Option<&[StreamId]>) -> Result<(), Failure> {
    let (active, excluded) = muted.map_or((false, Default::default()), |excluded| (true, excluded));
    let mute = app.store.switch_mute(session, active, excluded, app.clock.now()).await?;
    let carried_out = async {
        let mut roster = app.store.roster(session, app.clock.now()).await?;
        mutes::carry_out(app, session, &mut roster, &mute).await;
        outbox::catch_up(app, session, roster).await;
        Ok(())
    };
    match tokio::time::timeout(CARRIED_OUT_WITHIN, carried_out).await {
        Ok(Ok(())) => {}
        Ok(Err::<_, Failure>(failure)) => tracing::error!(room.id = %session, %failure, "Room not told"),
        Err(_) => tracing::warn!(room.id = %session, "Others mute the rest"),
    }
    Ok(())
}
