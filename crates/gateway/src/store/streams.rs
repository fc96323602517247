//! The streams of members.

use model::id::{PeerId, RoomId};
use model::key::Key;
use model::member::Member;
use model::outbox::Change;
use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::stream::{StreamId, Unchanged};
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::retry::Pauses;
use super::tables::Store;
use super::transaction::{Part, Transacted, Transaction};
use super::write::{Write, room_key};
use crate::failure::Failure;

const STREAMS: &str = "streams";

impl Store {
    /// Changes one of a member's streams, and writes down what its session is to be told; with `by`, only while the member is
    /// on that socket.
    ///
    /// Race: two changes of one member's streams, at its limit too, meet at their version: the one that comes second is
    /// refused, sees what the streams are by now, and `change` decides again. The stay may end, or go on on another socket, at
    /// the same moment: then the place is not what was read, and the answer is [`StreamsChanged::NotThere`]; or the end is
    /// refused, and says that this stream has ended as well.
    ///
    /// # Errors
    /// When DynamoDB fails, or others change the streams for two seconds.
    pub async fn change_streams(
        &self,
        session: &RoomId,
        id: &StreamId,
        by: Option<&Stamp>,
        now: EpochMillis,
        change: impl Fn(&mut Member) -> Result<StreamEvent, Unchanged>,
    ) -> Result<StreamsChanged, Failure> {
        let peer = id.peer();
        let mut found = self.member(session, peer, now).await?;
        let mut pauses = Pauses::new();
        loop {
            let there = |member: &Member| {
                by.is_none_or(|by| member.stamp == *by)
                    && !member.expires_at.expired(now)
                    && !member.is_overdue(now)
            };
            let Some(member) = found.filter(there) else { return Ok(StreamsChanged::NotThere) };
            let seen = member.streams.version;
            let mut member = Box::new(member);
            let event = match change(&mut member) {
                Ok(event) => event,
                Err(unchanged) => return Ok(StreamsChanged::Unchanged(member, unchanged)),
            };
            member.streams.version += 1;
            let change = Change::streams(&member, id, event.clone());
            let (part, owed) = self.owe(session, change, now);
            let place = self.streams_write(session, peer, &member, seen);
            match self.transact(Transaction::of([(Part::Place, place), (part, owed)]), Pauses::new()).await? {
                Transacted::Done => return Ok(StreamsChanged::Changed(member, event)),
                Transacted::Refused(refusals) => found = refusals.held(Part::Place)?,
            }
            if !pauses.pause().await {
                return Err(Failure::new(STREAMS, "others change them all the time"));
            }
        }
    }

    /// Gives layout classes to streams of a session: to all that are named, or to none. Nobody is told. `false`: one of them is
    /// not there.
    ///
    /// Race: as for [`Store::change_streams`]; the streams of all members are read again when one of them has changed.
    ///
    /// # Errors
    /// When DynamoDB fails, or others change the streams for two seconds.
    pub async fn set_layout_classes(
        &self,
        session: &RoomId,
        classes: &[(StreamId, Vec<String>)],
        members: Vec<(PeerId, Member)>,
        now: EpochMillis,
    ) -> Result<bool, Failure> {
        let mut members = members;
        let mut pauses = Pauses::new();
        loop {
            let mut writes = Transaction::of([]);
            let mut there = 0;
            for (peer, member) in &mut members {
                let seen = member.streams.version;
                let mut changed = false;
                for (id, classes) in classes.iter().filter(|(id, _)| id.peer() == peer) {
                    match member.streams.set_layout_classes(id, classes) {
                        Ok(()) => (there, changed) = (there + 1, true),
                        Err(Unchanged::Already) => there += 1,
                        Err(Unchanged::NotFound | Unchanged::TooMany) => return Ok(false),
                    }
                }
                if changed {
                    member.streams.version += 1;
                    writes.add(Part::Place, self.streams_write(session, peer, member, seen));
                }
            }
            if there < classes.len() {
                return Ok(false);
            }
            if writes.is_empty() {
                return Ok(true);
            }
            match self.transact(writes, Pauses::new()).await? {
                Transacted::Done => return Ok(true),
                Transacted::Refused(_) if pauses.pause().await => {
                    members = self.roster(session, now).await?.members;
                }
                Transacted::Refused(_) => {
                    return Err(Failure::new(STREAMS, "others change them all the time"));
                }
            }
        }
    }

    /// Writes a member's streams, if they are still of the version that was seen, and the member is on the same socket in the
    /// same stay.
    fn streams_write(&self, session: &RoomId, peer: &PeerId, member: &Member, seen: u64) -> Write {
        let streams = &member.streams;
        let key = room_key(Key::member(session, peer));
        let set = "SET #streams = :streams, #streamsVersion = :version, #endedStreams = :ended";
        let place = Write::update(&self.rooms, key, set)
            .bind(":streams", &streams.live)
            .bind(":version", streams.version)
            .bind(":ended", &streams.ended);
        at_version(Self::of_stay(place, &member.stamp, Some(member.joined_at)), seen)
    }
}

/// Only while the streams of a place are of this version.
pub(super) fn at_version(place: Write, version: u64) -> Write {
    match version {
        0 => place.and("attribute_not_exists(#streamsVersion)"),
        version => place.and("#streamsVersion = :seenVersion").bind(":seenVersion", version),
    }
}
