//! What happens in a session, whoever asks for it: a client on its socket, or the project's server by REST.

use futures::StreamExt as _;
use futures::stream;
use model::id::{PeerId, RoomId};
use model::item::Member;
use model::life::Life;
use model::notice::{Departure, GoAway, Notice};
use model::outcome::{Before, Departed, Expelled};
use model::session::item::Session;
use model::session::notice::{Delivery, SessionConnection};
use model::time::EpochMillis;
use rand::seq::SliceRandom as _;

use crate::announce::{Announcement, FREEING, Occupant, Reached, list};
use crate::departure::{Departures, End};
use crate::failure::Failure;
use crate::sockets::Found;
use crate::store::Occupants;

/// How many places whose leases have ended are freed by one newcomer, and how many members of a full session it asks for.
const SWEPT: usize = 20;

/// A session as a newcomer finds it.
#[derive(Debug)]
pub struct Scene {
    /// The session.
    pub session: Option<Session>,
    /// What its SFU announced.
    pub features: Vec<String>,
    /// The others.
    pub connections: Vec<SessionConnection>,
    /// The stay that the newcomer's place was found with, if it was still there.
    newcomer: Option<EpochMillis>,
    expired: Vec<(PeerId, Member)>,
    occupants: Vec<Occupant>,
}

/// What became of something that was for one connection.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// API Gateway took it.
    Delivered,
    /// Nobody of this id is there, or it has gone this very moment.
    NotThere,
    /// Its socket takes no more for now.
    Busy,
}

impl Departures {
    /// Who is in a session, once a newcomer's own place is written: of two that come at the same moment at least one then
    /// finds the other.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn scene(&self, id: &RoomId, newcomer: &PeerId) -> Result<Scene, Failure> {
        let mut found = self.store.occupants(id, self.clock.now()).await?;
        let others = found.members.iter().filter(|(peer, _)| peer != newcomer);
        let own = found.members.iter().find(|(peer, _)| peer == newcomer);
        Ok(Scene {
            newcomer: own.map(|(_, member)| member.joined_at),
            connections: others.filter_map(|(peer, member)| member.in_session(peer)).collect(),
            features: found.sfu.as_ref().map(|sfu| sfu.features.clone()).unwrap_or_default(),
            session: found.session.take(),
            expired: std::mem::take(&mut found.expired),
            occupants: list(id, found),
        })
    }

    /// Tells a session who has come, and before that of the stays that ended unnoticed in the same place. Some of the places
    /// whose leases have ended are freed on the way.
    ///
    /// Race: the newcomer's stay may have ended before the session was read, and who has come since was not told of that end:
    /// nobody is told of its beginning then.
    pub async fn arrived(
        &self,
        id: &RoomId,
        peer: &PeerId,
        member: &Member,
        before: &Before,
        ends: Vec<End>,
        scene: Scene,
    ) {
        let created = member.in_session(peer).filter(|_| scene.newcomer == Some(member.joined_at));
        let created = created.map(Announcement::created);
        let mut announcements: Vec<_> = ends.into_iter().map(|End(announcement)| *announcement).collect();
        match before {
            Before::Itself | Before::Older(_) if announcements.is_empty() => return,
            Before::Itself | Before::Older(_) => {}
            Before::Nobody => announcements.extend(created),
            Before::Expired(life, since) => {
                let ended = Member { life: life.clone(), joined_at: *since, ..member.clone() };
                announcements.push(self.gone(life, &ended.identity(peer, id), Departure::Lost));
                announcements.extend(created);
            }
        }
        self.tell_all(id, scene.occupants, announcements).await;
        self.sweep(id, scene.expired).await;
    }

    /// Frees places of a session whose holders are gone: API Gateway dropped their `$disconnect`, and nobody has posted to
    /// them since. Those are at most 20 whose leases have ended; if there are none, those among 20 members, taken at random,
    /// whose sockets are not there when asked for. Answers how many.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn sweep_session(&self, id: &RoomId) -> Result<usize, Failure> {
        let mut found = self.store.occupants(id, self.clock.now()).await?;
        if found.expired.is_empty() {
            found.members.shuffle(&mut rand::rng());
            let asked = found.members.into_iter().take(SWEPT).map(|(peer, member)| async move {
                match self.sockets.find(&member.life.connection_id).await {
                    Ok(Found::Gone) => Some((peer, member)),
                    Ok(Found::Open | Found::Busy) => None,
                    Err(failure) => {
                        tracing::warn!(connection.id = %member.life.connection_id, %failure, "Member not asked for");
                        None
                    }
                }
            });
            let gone = stream::iter(asked).buffer_unordered(SWEPT).filter_map(async |gone| gone);
            found.expired = gone.collect().await;
        }
        Ok(self.sweep(id, found.expired).await)
    }

    async fn sweep(&self, id: &RoomId, expired: Vec<(PeerId, Member)>) -> usize {
        let freed = expired.into_iter().take(SWEPT).map(|(peer, member)| async move {
            let identity = member.identity(&peer, id);
            match self.store.depart(&member.life, identity, self.clock.now()).await {
                Ok(Departed::Gone(identity)) => Some(self.gone(&member.life, &identity, Departure::Lost)),
                Ok(Departed::Nothing) => None,
                Err(failure) => {
                    tracing::error!(connection.id = %member.life.connection_id, %failure, "Place not freed");
                    None
                }
            }
        });
        let ended: Vec<_> =
            stream::iter(freed).buffer_unordered(FREEING).filter_map(async |ended| ended).collect().await;
        let count = ended.len();
        if count > 0
            // Looked up again: who has come since may have found them in its list.
            && let Err(failure) = self.tell_of_all(id, ended).await
        {
            tracing::error!(room.id = %id, %failure, "Room not told");
        }
        count
    }

    /// Delivers a signal to everybody in a session, its sender too.
    pub async fn signal_all(&self, id: &RoomId, found: Occupants, signal: Delivery) {
        self.tell_all(id, list(id, found), vec![Announcement::to_members(Notice::Signal { signal })]).await;
    }

    /// Delivers a signal to one member of a session.
    ///
    /// # Errors
    /// When the post, or the departure of a member that is found gone, fails.
    pub async fn signal_one(
        &self,
        id: &RoomId,
        peer: PeerId,
        member: Member,
        signal: Delivery,
    ) -> Result<Told, Failure> {
        let text = Notice::Signal { signal }.to_json();
        let identity = member.identity(&peer, id);
        let occupant = Occupant { life: member.life, identity, suppressed: false };
        match self.reach(id, &occupant, &text).await? {
            Reached::Delivered => Ok(Told::Delivered),
            Reached::Busy => Ok(Told::Busy),
            Reached::Replaced => Ok(Told::NotThere),
            Reached::Freed(gone) => {
                self.tell(id, *gone).await?;
                Ok(Told::NotThere)
            }
        }
    }

    /// Ends somebody's connection to a session: its place is freed, it hears why, its socket is closed and the others are
    /// told.
    ///
    /// # Errors
    /// When DynamoDB fails: before the place is freed, or when it is free and the room cannot be read to be told. Its media may
    /// then go on until the SFU hears of it in another way.
    pub async fn force_disconnect(&self, id: &RoomId, peer: &PeerId) -> Result<Told, Failure> {
        let (life, identity) = match self.store.expel(id, peer, self.clock.now()).await? {
            Expelled::NotThere => return Ok(Told::NotThere),
            Expelled::Gone(life, identity) => (life, identity),
        };
        let gone = self.gone(&life, &identity, Departure::Forced);
        let ((), told) =
            futures::join!(self.send_away(&life, GoAway::ForceDisconnected), self.tell(id, gone));
        told?;
        Ok(Told::Delivered)
    }

    /// Tells a socket that has lost its place not to come back, and closes it. That this fails changes nothing for
    /// anybody else.
    pub async fn send_away(&self, life: &Life, reason: GoAway) {
        let go_away = Notice::GoAway { reason }.to_json();
        if let Err(failure) = self.sockets.post(&life.connection_id, &go_away).await {
            tracing::warn!(connection.id = %life.connection_id, %failure, "Connection not told to go");
        }
        if let Err(failure) = self.sockets.close(&life.connection_id).await {
            tracing::warn!(connection.id = %life.connection_id, %failure, "Connection not closed");
        }
    }
}
