//! Telling a room: one post for each socket that something concerns.

use futures::StreamExt as _;
use futures::stream;
use model::id::{PeerId, RoomId};
use model::item::{Identity, Member};
use model::life::Life;
use model::notice::{Departure, Notice};
use model::outcome::Departed;
use model::session::notice::{SessionConnection, Stay};

use crate::departure::Departures;
use crate::failure::Failure;
use crate::sockets::Posted;
use crate::store::{Occupants, Pauses};

/// How many posts of a fan-out are under way at once.
const FAN_OUT: usize = 64;
/// How many places of receivers that are gone are freed at once: in a session they all meet at its count.
pub(crate) const FREEING: usize = 4;

/// Somebody in a room who can be posted to.
#[derive(Debug)]
pub(crate) struct Occupant {
    pub(crate) life: Life,
    pub(crate) identity: Identity,
    /// It wants to hear nothing of others who come and go.
    pub(crate) suppressed: bool,
}

/// What became of a post.
#[must_use]
#[derive(Debug)]
pub(crate) enum Reached {
    /// API Gateway took it.
    Delivered,
    /// The receiver is gone, and its place was freed by this: the others have to be told so.
    Freed(Box<Announcement>),
    /// The receiver is gone, and somebody else has freed its place, or has it.
    Replaced,
    /// The receiver's socket takes no more for now.
    Busy,
}

/// What a room is to be told, and who in it.
#[derive(Debug)]
pub(crate) struct Announcement {
    /// For its members.
    members: Option<Notice>,
    /// For its SFU.
    sfu: Option<Notice>,
    /// The peer that it is about, which is not told.
    about: Option<PeerId>,
    /// It says that somebody has come or gone, which not everybody in a session wants to hear.
    presence: bool,
}

impl Announcement {
    /// For all members.
    pub(crate) fn to_members(notice: Notice) -> Self {
        Self { members: Some(notice), sfu: None, about: None, presence: false }
    }

    /// Somebody has come into a session.
    pub(crate) fn created(connection: SessionConnection) -> Self {
        let about = Some(connection.stay.connection_id.clone());
        Self { members: Some(Notice::ConnectionCreated { connection }), sfu: None, about, presence: true }
    }

    /// Somebody is gone. A session's members hear it in the words of sessions, an SFU as from any room.
    pub(crate) fn gone(life: &Life, identity: &Identity, reason: Departure, claim_after_ms: u64) -> Self {
        match identity {
            Identity::Client { peer_id, session, .. } => {
                let to_sfu = Notice::ClientDisconnect {
                    client_id: peer_id.clone(),
                    connection_id: life.connection_id.clone(),
                    reason,
                };
                let to_members = match session {
                    None => to_sfu.clone(),
                    Some(session) => {
                        let connection =
                            Stay { connection_id: peer_id.clone(), creation_time: session.since };
                        Notice::ConnectionDestroyed { connection, reason: reason.into() }
                    }
                };
                Self {
                    members: Some(to_members),
                    sfu: Some(to_sfu),
                    about: Some(peer_id.clone()),
                    presence: session.is_some(),
                }
            }
            Identity::Sfu { .. } => {
                Self::to_members(Notice::SfuDisconnect { room_id: identity.room().clone(), claim_after_ms })
            }
        }
    }

    /// What `occupant` is told.
    fn text_for<'a>(&self, occupant: &Occupant, members: &'a str, sfu: &'a str) -> Option<&'a str> {
        match &occupant.identity {
            Identity::Sfu { .. } => self.sfu.as_ref().map(|_| sfu),
            Identity::Client { peer_id, .. } => {
                let concerned =
                    self.about.as_ref() != Some(peer_id) && !(self.presence && occupant.suppressed);
                (concerned && self.members.is_some()).then_some(members)
            }
        }
    }
}

impl Departures {
    /// Posts the announcements, one after the other, to everybody whom they concern, at most [`FAN_OUT`] posts at once: a
    /// receiver that is slow, throttled or gone neither fails nor delays the others.
    ///
    /// Race: a receiver may turn out to be gone. If it has come back on another socket since it was looked up, it is told
    /// there; else it is removed, and announced in turn. Who has come since the receivers were looked up may have found it in
    /// its list: they are looked up again, so that whoever could have seen it hears that it is gone.
    pub(crate) async fn tell_all(
        &self,
        room: &RoomId,
        mut occupants: Vec<Occupant>,
        announcements: Vec<Announcement>,
    ) {
        let mut announcements = announcements;
        loop {
            let mut freed = Vec::new();
            for announcement in &announcements {
                for (life, gone) in self.tell_each(room, &occupants, announcement).await {
                    occupants.retain(|occupant| occupant.life != life);
                    freed.push(gone);
                }
            }
            if freed.is_empty() {
                return;
            }
            announcements = freed;
            match self.store.occupants(room, self.clock.now()).await {
                Ok(found) => occupants = list(room, found),
                Err(failure) => tracing::error!(room.id = %room, %failure, "Newcomers not told"),
            }
        }
    }

    /// Posts one announcement; answers with the receivers that are gone and whose places this has freed, and what is to be
    /// said of each. First everybody is posted to, and only then is seen to those who are gone: their places take
    /// transactions, for which nobody who is there should have to wait.
    async fn tell_each(
        &self,
        room: &RoomId,
        occupants: &[Occupant],
        announcement: &Announcement,
    ) -> Vec<(Life, Announcement)> {
        let text = |notice: &Option<Notice>| notice.as_ref().map(Notice::to_json).unwrap_or_default();
        let (members, sfu) = (text(&announcement.members), text(&announcement.sfu));
        let (members, sfu) = (members.as_str(), sfu.as_str());
        let posts = occupants.iter().filter_map(|occupant| {
            let text = announcement.text_for(occupant, members, sfu)?;
            Some(async move {
                match self.post_patiently(&occupant.life, text).await {
                    Ok(Posted::Delivered) => None,
                    Ok(Posted::Gone) => Some((occupant, text)),
                    Ok(posted @ (Posted::Busy | Posted::TooLarge)) => {
                        tracing::warn!(connection.id = %occupant.life.connection_id, ?posted, "Notice not delivered");
                        None
                    }
                    Err(failure) => {
                        undelivered(occupant, &failure);
                        None
                    }
                }
            })
        });
        let gone: Vec<_> =
            stream::iter(posts).buffer_unordered(FAN_OUT).filter_map(async |gone| gone).collect().await;
        let freed = gone.into_iter().map(|(occupant, text)| async move {
            match self.follow(room, occupant, text).await {
                Ok(Reached::Freed(gone)) => Some((occupant.life.clone(), *gone)),
                Ok(Reached::Delivered | Reached::Replaced | Reached::Busy) => None,
                Err(failure) => {
                    undelivered(occupant, &failure);
                    None
                }
            }
        });
        stream::iter(freed).buffer_unordered(FREEING).filter_map(async |freed| freed).collect().await
    }

    /// Posts to one, where it is by now. A socket that takes no more is tried again for a while.
    ///
    /// # Errors
    /// When the post, or the departure, fails.
    pub(crate) async fn reach(
        &self,
        room: &RoomId,
        occupant: &Occupant,
        text: &str,
    ) -> Result<Reached, Failure> {
        match self.post_patiently(&occupant.life, text).await? {
            Posted::Delivered => Ok(Reached::Delivered),
            Posted::Busy | Posted::TooLarge => Ok(Reached::Busy),
            Posted::Gone => self.follow(room, occupant, text).await,
        }
    }

    async fn post_patiently(&self, to: &Life, text: &str) -> Result<Posted, Failure> {
        let mut pauses = Pauses::new();
        loop {
            match self.sockets.post(&to.connection_id, text).await? {
                Posted::Busy if pauses.pause().await => {}
                posted @ (Posted::Delivered | Posted::Gone | Posted::Busy | Posted::TooLarge) => {
                    return Ok(posted);
                }
            }
        }
    }

    /// A receiver was found gone: its place is freed, or it is posted to on the socket that it has come back on.
    ///
    /// Race: a member of a session may have gone and come again. That is another stay, whose list is newer than what is told
    /// here, and which might never hear the end of it.
    async fn follow(&self, room: &RoomId, occupant: &Occupant, text: &str) -> Result<Reached, Failure> {
        let (mut life, mut identity) = (occupant.life.clone(), occupant.identity.clone());
        loop {
            let now = self.clock.now();
            match self.store.depart(&life, identity.clone(), now).await? {
                Departed::Gone(identity) => {
                    return Ok(Reached::Freed(Box::new(self.gone(&life, &identity, Departure::Lost))));
                }
                Departed::Nothing => {}
            }
            let Identity::Client { peer_id, .. } = &identity else { return Ok(Reached::Replaced) };
            match self.store.member(room, peer_id, now).await? {
                Some(member) if member.life > life && same_stay(&identity, &member) => {
                    identity = member.identity(peer_id, room);
                    life = member.life;
                }
                Some(_) | None => return Ok(Reached::Replaced),
            }
            match self.post_patiently(&life, text).await? {
                Posted::Delivered => return Ok(Reached::Delivered),
                Posted::Busy | Posted::TooLarge => return Ok(Reached::Busy),
                Posted::Gone => {}
            }
        }
    }
}

fn undelivered(occupant: &Occupant, failure: &Failure) {
    tracing::error!(connection.id = %occupant.life.connection_id, %failure, "Notice not delivered");
}

/// Whether a member of a session is still in the stay that it was looked up with. Rooms know no stays.
fn same_stay(known: &Identity, member: &Member) -> bool {
    match known {
        Identity::Client { session: Some(session), .. } => session.since == member.joined_at,
        Identity::Client { session: None, .. } | Identity::Sfu { .. } => true,
    }
}

/// Everybody in a room who can be posted to.
pub(crate) fn list(room: &RoomId, occupants: Occupants) -> Vec<Occupant> {
    let members = occupants.members.into_iter().map(|(peer, member)| Occupant {
        identity: member.identity(&peer, room),
        suppressed: member.session.is_some_and(|session| session.suppressed),
        life: member.life,
    });
    let sfu = occupants.sfu.map(|sfu| Occupant {
        life: sfu.life.clone(),
        identity: sfu.identity(room),
        suppressed: false,
    });
    members.chain(sfu).collect()
}
