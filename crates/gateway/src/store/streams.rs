//! The streams of members.

use model::id::{PeerId, RoomId};
use model::key::Key;
use model::member::Member;
use model::outbox::Change;
use model::outcome::StreamsChanged;
use model::session::event::StreamEvent;
use model::session::stream::Mute;
use model::session::stream::{StreamId, Unchanged};
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::retry::Pauses;
use super::tables::Store;
use super::transaction::{Part, Transacted, Transaction};
use super::write::{Updated, Write, room_key};
use crate::failure::Failure;

const STREAMS: &str = "streams";

impl Store {
    /// Changes one of a member's streams, by what the session's mute was at first, and writes down what its session is to be
    /// told; with `by`, only while the member is on that socket.
    ///
    /// Race: two changes of one member's streams, at its limit too, meet at their version: the one that comes second is
    /// refused, sees what the streams are by now, and `change` decides again. The stay may end, or go on on another socket, at
    /// the same moment: then the place is not what was read, and the answer is [`StreamsChanged::NotThere`]; or the end is
    /// refused, and says that this stream has ended as well. The mute may be switched on after it was read here, and be carried
    /// out before the change is there: whoever tells of the change finds that ([`Mute::concerns`]).
    ///
    /// A publisher that changes its streams many times at once contends with itself, and holds up nobody else: its own changes
    /// wait a while before each further try, at most two seconds in all, and those of others are tried again at once. Who has
    /// lost every time is [`StreamsChanged::Contended`].
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn change_streams(
        &self,
        session: &RoomId,
        id: &StreamId,
        by: Option<&Stamp>,
        now: EpochMillis,
        change: impl Fn(&mut Member, &Mute) -> Result<StreamEvent, Unchanged>,
    ) -> Result<StreamsChanged, Failure> {
        let (found, mute) = self.member_and_mute(session, id.peer(), now).await?;
        self.change_found_streams(session, id, by, found, now, |member| change(member, &mute)).await
    }

    /// As [`Store::change_streams`], of a member that was read already.
    ///
    /// # Errors
    /// As there.
    pub async fn change_found_streams(
        &self,
        session: &RoomId,
        id: &StreamId,
        by: Option<&Stamp>,
        mut found: Option<Member>,
        now: EpochMillis,
        change: impl Fn(&mut Member) -> Result<StreamEvent, Unchanged>,
    ) -> Result<StreamsChanged, Failure> {
        let peer = id.peer();
        let mut pauses = if by.is_some() { Pauses::new() } else { Pauses::queued() };
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
            let writes = Transaction::of([(Part::Place, place), (part, owed)]);
            match self.transact(writes, &mut pauses).await {
                Ok(Transacted::Done) => return Ok(StreamsChanged::Changed(member, event)),
                Ok(Transacted::Refused(refusals)) => found = refusals.held(Part::Place)?,
                Err(failure) if failure.is_contended() => return Ok(StreamsChanged::Contended),
                Err(failure) => return Err(failure),
            }
            let gives_up = if by.is_some() { !pauses.pause().await } else { pauses.are_over() };
            if gives_up {
                return Ok(StreamsChanged::Contended);
            }
        }
    }

    /// Gives layout classes to streams of a session: to all that are named, or to none. Nobody is told. `false`: one of them is
    /// not there.
    ///
    /// Race: as for [`Store::change_streams`]; the streams of all members are read again when one of them has changed.
    ///
    /// # Errors
    /// When DynamoDB fails, or others change the streams for 20 seconds.
    pub async fn set_layout_classes(
        &self,
        session: &RoomId,
        classes: &[(StreamId, Vec<String>)],
        members: Vec<(PeerId, Member)>,
        now: EpochMillis,
    ) -> Result<bool, Failure> {
        let mut members = members;
        let mut pauses = Pauses::queued();
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
            match self.transact(writes, &mut pauses).await? {
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

    /// Takes the sound of those of a member's streams that a mute concerns; answers with the member as it is then, or `None` if
    /// this stay of it is over.
    ///
    /// Race: whoever changes its streams at the same moment is refused, or this is, and sees what they are by now. It may go on
    /// on another socket. Of several that carry out the same mute one takes the sound.
    ///
    /// # Errors
    /// When DynamoDB fails, or others change the streams for 20 seconds.
    pub async fn mute_member(
        &self,
        session: &RoomId,
        peer: &PeerId,
        member: Member,
        mute: &Mute,
    ) -> Result<Option<Member>, Failure> {
        let joined_at = member.joined_at;
        let mut member = member;
        let pauses = Pauses::queued();
        loop {
            let seen = member.streams.version;
            if !member.streams.mute_all(mute) {
                return Ok(Some(member));
            }
            member.streams.version += 1;
            match self.update::<Member>(self.streams_write(session, peer, &member, seen)).await? {
                Updated::Done(_) => return Ok(Some(member)),
                Updated::Refused(Some(found)) if found.joined_at == joined_at => member = found,
                Updated::Refused(_) => return Ok(None),
            }
            // At once: what stands there now is known.
            if pauses.are_over() {
                return Err(Failure::new(STREAMS, "others change them all the time"));
            }
        }
    }

    /// Switches the mute of a session, and writes down that it has to be carried out, and told; answers with the mute.
    ///
    /// Race: of two that switch it at the same moment the one that comes second is refused, and is the next version.
    ///
    /// # Errors
    /// When DynamoDB fails, or others switch it for 20 seconds.
    pub async fn switch_mute(
        &self,
        session: &RoomId,
        active: bool,
        excluded: &[StreamId],
        now: EpochMillis,
    ) -> Result<Mute, Failure> {
        let mut found: Option<Mute> = self.get(&self.rooms, room_key(Key::mute(session))).await?;
        let mut pauses = Pauses::queued();
        loop {
            let before = found.unwrap_or_default();
            let mute = before.next(active, excluded.to_vec());
            let put = Write::put(&self.rooms, room_key(Key::mute(session)), &mute);
            let put = match before.version {
                0 => put.when("attribute_not_exists(#pk)"),
                version => put.when("#version = :seen").bind(":seen", version),
            };
            let (part, owed) = self.owe(session, Change::Muted { mute: mute.clone() }, now);
            match self.transact(Transaction::of([(Part::Mute, put), (part, owed)]), &mut pauses).await? {
                Transacted::Done => return Ok(mute),
                Transacted::Refused(refusals) => found = refusals.held(Part::Mute)?,
            }
            // At once: what stands there now is known.
            if pauses.are_over() {
                return Err(Failure::new("mute", "others switch it all the time"));
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
