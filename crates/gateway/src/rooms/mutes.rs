//! A session's mute is carried out: streams lose their sound, whoever finds that they have to.

use futures::StreamExt as _;
use futures::stream;
use model::id::{PeerId, RoomId};
use model::member::Member;
use model::outbox::Change;
use model::outcome::{Delivery, StreamsChanged};
use model::session::event::StreamEvent;
use model::session::stream::{Mute, MutedStream, StreamId};

use super::broadcast::{Announcement, broadcast, recipients};
use super::delivery::{self, Recipient};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// How many members are muted at once.
const CONCURRENT_MUTES: usize = 32;
/// How many streams are named in one message: with the longest ids some 90 KB, of the 128 that a message may have.
const NAMED: usize = 500;

/// Mutes what a switched mute concerns, and tells the session and its SFU. Done twice, or late, it mutes nothing that it has
/// muted before, and nobody who has switched the sound on, or published, knowing of it or of a later one.
///
/// Race: who has come since the session was looked up may have found in its list that a stream has sound. It is looked up again
/// once none has.
///
/// Answers whether that is done and everybody has been told.
pub(super) async fn carry_out(app: &App, session: &RoomId, roster: &mut Roster, mute: &Mute) -> bool {
    let mut done = true;
    if roster.members.iter().chain(&roster.overdue).any(|(_, member)| concerned(mute, member)) {
        done &= mute_members(app, session, roster, mute).await;
        *roster = match app.store.roster(session, app.clock.now()).await {
            Ok(roster) => roster,
            Err(failure) => {
                tracing::error!(room.id = %session, %failure, "Room not told");
                return false;
            }
        };
    }
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

fn concerned(mute: &Mute, member: &Member) -> bool {
    member.streams.live.iter().any(|(id, stream)| mute.concerns(id, stream))
}

/// Takes the sound of what is concerned.
async fn mute_members(app: &App, session: &RoomId, roster: &Roster, mute: &Mute) -> bool {
    // Also those whose grace is over: as long as nobody has ended their stays they may come back.
    let members = roster.members.iter().chain(&roster.overdue);
    let muted = members.filter(|(_, member)| concerned(mute, member)).map(|(peer, member)| async move {
        match app.store.mute_member(session, peer, member.clone(), mute).await {
            // Another stay is none of the mute's business, and this one is over.
            Ok(Some(_) | None) => {}
            Err(failure) => {
                tracing::error!(room.id = %session, peer.id = %peer, %failure, "Member not muted");
                return false;
            }
        }
        true
    });
    // One that fails stops none of the others.
    stream::iter(muted).buffer_unordered(CONCURRENT_MUTES).fold(true, async |all, muted| all & muted).await
}

/// Tells the SFU of whom it is to forward no sound any more.
async fn tell_sfu(app: &App, session: &RoomId, roster: &Roster, mute: &Mute) -> bool {
    let Some(sfu) = roster.sfu.clone() else { return true };
    let sfu = &Recipient::sfu(session, sfu);
    let told = roster.members.iter().filter(|(_, member)| member.streams.muted_by(mute).next().is_some());
    let told = told.map(|(peer, member)| told_of(app, sfu, peer, member));
    stream::iter(told).buffer_unordered(CONCURRENT_MUTES).fold(true, async |all, told| all & told).await
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
        StreamsChanged::Contended => Err(Failure::new("mute", "others change the stream all the time")),
    }
}
