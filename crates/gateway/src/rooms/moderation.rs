//! A moderator, or the project's server, mutes or ends the streams of others.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::member::Member;
use model::outcome::Delivery;
use model::session::event::StreamEvent;
use model::session::mute::{Mute, MutedStream};
use model::session::notice::Destroyed;
use model::session::stream::StreamId;

use super::broadcast::{Announcement, broadcast, recipients};
use super::delivery::{self, Recipient};
use super::{outbox, streams};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// How many members are muted at once.
const CONCURRENT_MUTES: usize = 32;
/// How many streams are named in one message: with the longest ids some 90 KB, of the 128 that a message may have.
const NAMED: usize = 500;
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
        carry_out(app, session, &mut roster, &mute).await;
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

/// Mutes what a switched mute concerns, and tells the session and its SFU. Done twice, or late, it mutes nothing that it has
/// muted before, and nobody who has switched the sound on, or published, knowing of it or of a later one.
///
/// Answers whether that is done and everybody has been told.
pub(super) async fn carry_out(app: &App, session: &RoomId, roster: &mut Roster, mute: &Mute) -> bool {
    let mut done = mute_members(app, session, roster, mute).await;
    done &= tell_sfu(app, session, roster, mute).await;
    let muted: Vec<MutedStream> =
        roster.members.iter().flat_map(|(_, member)| member.streams.muted_by(mute)).collect();
    let mut parts = muted.chunks(NAMED);
    let last = parts.next_back().unwrap_or_default();
    let earlier: Vec<_> = parts.map(|part| Announcement::muted(mute, part).told_again()).collect();
    done &= broadcast(app, session, recipients(session, roster), earlier).await.all;
    let last = Announcement::muted(mute, last);
    let last = if done { last } else { last.told_again() };
    broadcast(app, session, recipients(session, roster), vec![last]).await.all && done
}

/// Takes the sound of what is concerned; what has become of the members is in the roster then.
async fn mute_members(app: &App, session: &RoomId, roster: &mut Roster, mute: &Mute) -> bool {
    let concerned =
        |member: &Member| member.streams.live.iter().any(|(id, stream)| mute.concerns(id, stream));
    // Also those whose grace is over: as long as nobody has ended their stays they may come back.
    let members = roster.members.iter_mut().chain(&mut roster.overdue);
    let muted = members.filter(|(_, member)| concerned(member)).map(|(peer, member)| async move {
        match app.store.mute_member(session, peer, member.clone(), mute).await {
            Ok(Some(muted)) => *member = muted,
            // Another stay is none of the mute's business, and this one is over.
            Ok(None) => {}
            Err(failure) => {
                tracing::error!(room.id = %session, peer.id = %peer, %failure, "Member not muted");
                return false;
            }
        }
        true
    });
    stream::iter(muted).buffer_unordered(CONCURRENT_MUTES).all(async |muted| muted).await
}

/// Tells the SFU of whom it is to forward no sound any more.
async fn tell_sfu(app: &App, session: &RoomId, roster: &Roster, mute: &Mute) -> bool {
    let Some(sfu) = roster.sfu.clone() else { return true };
    let sfu = &Recipient::sfu(session, sfu);
    let told = roster.members.iter().filter(|(_, member)| member.streams.muted_by(mute).next().is_some());
    let told = told.map(|(peer, member)| told_of(app, sfu, peer, member));
    stream::iter(told).buffer_unordered(CONCURRENT_MUTES).all(async |told| told).await
}

async fn told_of(app: &App, sfu: &Recipient, peer: &PeerId, member: &Member) -> bool {
    let posted = async {
        let text =
            delivery::encode(app.codecs, &sfu.socket.encoding, &Announcement::streams_of(peer, member))?;
        delivery::post(app, &sfu.socket.stamp, &text).await
    };
    match posted.await {
        // One that is gone forwards nothing, and asks when it is back.
        Ok(Delivery::Delivered | Delivery::Gone(_) | Delivery::TooLarge) => true,
        Ok(Delivery::Busy) => false,
        Err(failure) => {
            tracing::error!(connection.id = %sfu.socket.stamp.connection_id, %failure, "Notice not delivered");
            false
        }
    }
}
