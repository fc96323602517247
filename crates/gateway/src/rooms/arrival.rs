//! Somebody comes into a room, and the others are told.

use model::id::{PeerId, RoomId};
use model::member::Member;
use model::outbox::Change;
use model::outcome::{Ended, PreviousHolder};
use model::session::Session;
use model::session::member::SessionConnection;
use model::session::stream::ListedStream;
use model::session::stream::Mute;
use model::sfu::Sfu;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::broadcast::{Announcement, broadcast, recipients};
use super::outbox;
use crate::app::App;
use crate::failure::Failure;
use crate::store::Roster;

/// A session as a newcomer finds it.
#[derive(Debug)]
pub struct Snapshot {
    /// The session.
    pub session: Option<Session>,
    /// What its SFU announced.
    pub features: Vec<String>,
    /// The others.
    pub connections: Vec<SessionConnection>,
    /// The streams, also those of the newcomer's own stay.
    pub streams: Vec<ListedStream>,
    /// Its mute.
    pub mute: Mute,
    /// The stay that the newcomer's place was found with, if it was still there.
    newcomer: Option<EpochMillis>,
    roster: Roster,
}

impl Snapshot {
    /// A page's room as a newcomer finds it: nobody there is told of newcomers, and they of nobody.
    #[must_use]
    pub fn of_page(sfu: Option<Sfu>) -> Self {
        Self {
            session: None,
            features: sfu.map(|sfu| sfu.features).unwrap_or_default(),
            connections: Vec::new(),
            streams: Vec::new(),
            mute: Mute::default(),
            newcomer: None,
            roster: Roster::default(),
        }
    }
}

/// Who is in a session, once a newcomer's own place is written: of two that come at the same moment at least one then finds
/// the other.
pub async fn snapshot(app: &App, id: &RoomId, newcomer: &PeerId) -> Result<Snapshot, Failure> {
    let mut roster = app.store.roster(id, app.clock.now()).await?;
    // Also those that are overdue: they may yet come back, of which nobody would be told.
    let others = roster.members.iter().chain(&roster.overdue).filter(|(peer, _)| peer != newcomer);
    let everybody = roster.members.iter().chain(&roster.overdue);
    let streams = everybody.flat_map(|(_, member)| member.streams.listed()).collect();
    let own = roster.members.iter().find(|(peer, _)| peer == newcomer);
    Ok(Snapshot {
        newcomer: own.map(|(_, member)| member.joined_at),
        connections: others.filter_map(|(peer, member)| member.in_session(peer)).collect(),
        streams,
        features: roster.sfu.as_ref().map(|sfu| sfu.features.clone()).unwrap_or_default(),
        session: roster.session.take(),
        mute: roster.mute.clone(),
        roster,
    })
}

/// Tells a session who has come, and before that of the stays that ended unnoticed in the same place. Some of the places whose
/// leases have ended are freed on the way.
///
/// Race: the newcomer's stay may have ended before the session was read, and who has come since was not told of that end:
/// nobody is told of its beginning then.
pub async fn joined(
    app: &App,
    id: &RoomId,
    peer: &PeerId,
    member: &Member,
    previous: &PreviousHolder,
    ended: &[Ended],
    snapshot: Snapshot,
) {
    let created = member.in_session(peer).filter(|_| snapshot.newcomer == Some(member.joined_at));
    let resumed = matches!(previous, PreviousHolder::Lost | PreviousHolder::Succeeded(_));
    let created = created.map(|connection| Announcement::created(connection, resumed));
    let of_end = |ended: &Ended| Announcement::ended(ended, app.sfu_grace);
    let mut announcements: Vec<_> = ended.iter().map(of_end).collect();
    match previous {
        PreviousHolder::Itself | PreviousHolder::Older(_) | PreviousHolder::Away => {}
        PreviousHolder::Nobody | PreviousHolder::Lost => announcements.extend(created),
        PreviousHolder::Expired(before) | PreviousHolder::Succeeded(before) => {
            announcements.push(of_end(before));
            announcements.extend(created);
        }
    }
    let mut roster = snapshot.roster;
    broadcast(app, id, recipients(id, &roster), announcements).await;
    roster.overdue.append(&mut roster.expired);
    outbox::catch_up(app, id, roster).await;
}

/// Tells the members of a room that it has its SFU, again or for the first time. That it is there stands, whether or not they
/// could be told.
pub async fn sfu_connected(app: &App, room: &RoomId, sfu: &Stamp) {
    if let Err(failure) = outbox::announce(app, room, &Change::SfuConnected { sfu: sfu.clone() }).await {
        tracing::error!(room.id = %room, %failure, "Room not told");
    }
}

/// A session has claimed an SFU: its members hear of that, and the SFU of the streams that there are. One that has identified
/// anew asks by itself, and so does this one after a minute, should it miss this.
pub async fn sfu_claimed(app: &App, session: &RoomId, sfu: &Stamp) {
    let told = async {
        let roster = app.store.roster(session, app.clock.now()).await?;
        let publishers = roster.members.iter().filter(|(_, member)| member.streams.version > 0);
        let mut announcements: Vec<_> =
            publishers.map(|(peer, member)| Announcement::streams_to_sfu(peer, member)).collect();
        announcements.push(Announcement::sfu_connected(session, sfu));
        broadcast(app, session, recipients(session, &roster), announcements).await;
        outbox::catch_up(app, session, roster).await;
        Ok(())
    };
    if let Err::<(), Failure>(failure) = told.await {
        tracing::error!(room.id = %session, %failure, "Room not told");
    }
}
