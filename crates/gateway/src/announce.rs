//! Telling a room: one post for each socket that something concerns.

use futures::StreamExt as _;
use futures::stream;
use model::id::{PeerId, RoomId};
use model::item::Identity;
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
    /// there; else it is removed, and announced in turn to those who are left. Each round has fewer receivers than the one
    /// before.
    pub(crate) async fn tell_all(
        &self,
        room: &RoomId,
        mut occupants: Vec<Occupant>,
        announcements: Vec<Announcement>,
    ) {
        let mut announcements = std::collections::VecDeque::from(announcements);
        while let Some(announcement) = announcements.pop_front() {
            for (life, gone) in self.tell_each(room, &occupants, &announcement).await {
                occupants.retain(|occupant| occupant.life != life);
                announcements.push_back(gone);
            }
        }
    }

    /// Posts one announcement; answers with the receivers that are gone and whose places this has freed, and what is to be
    /// said of each.
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
                match self.reach(room, occupant, text).await {
                    Ok(Reached::Delivered | Reached::Replaced) => None,
                    Ok(Reached::Freed(gone)) => Some((occupant.life.clone(), *gone)),
                    Ok(Reached::Busy) => {
                        tracing::warn!(connection.id = %occupant.life.connection_id, "Notice not delivered: busy");
                        None
                    }
                    Err(failure) => {
                        tracing::error!(connection.id = %occupant.life.connection_id, %failure, "Notice not delivered");
                        None
                    }
                }
            })
        });
        stream::iter(posts).buffer_unordered(FAN_OUT).filter_map(async |gone| gone).collect().await
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
        let (mut life, mut identity) = (occupant.life.clone(), occupant.identity.clone());
        let mut pauses = Pauses::new();
        loop {
            match self.sockets.post(&life.connection_id, text).await? {
                Posted::Delivered => return Ok(Reached::Delivered),
                Posted::Busy if pauses.pause().await => continue,
                Posted::Busy | Posted::TooLarge => return Ok(Reached::Busy),
                Posted::Gone => {}
            }
            let now = self.clock.now();
            match self.store.depart(&life, identity.clone(), now).await? {
                Departed::Gone(identity) => {
                    return Ok(Reached::Freed(Box::new(self.gone(&life, &identity, Departure::Lost))));
                }
                Departed::Nothing => {}
            }
            let Identity::Client { peer_id, .. } = &identity else { return Ok(Reached::Replaced) };
            match self.store.member(room, peer_id, now).await? {
                Some(member) if member.life > life => {
                    identity = member.identity(peer_id, room);
                    life = member.life;
                }
                Some(_) | None => return Ok(Reached::Replaced),
            }
        }
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
