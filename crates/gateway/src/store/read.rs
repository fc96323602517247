//! Reads. All are strongly consistent, and all treat what has expired as absent.

use std::collections::HashMap;

use model::connection::Connection;
use model::id::{ConnectionId, PeerId, RoomId};
use model::key::Key;
use model::member::Member;
use model::outbox::Owed;
use model::path::UrlPath;
use model::room::{ClaimedPath, Room};
use model::session::Session;
use model::session::stream::Mute;
use model::sfu::Sfu;
use model::time::EpochMillis;
use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Item};

use super::reader::{Wanted, wanted};
use super::retry::Pauses;
use super::tables::{self, Store};
use super::write::{connection_key, read_item, room_key};
use crate::aws::CallError;
use crate::failure::Failure;

const BATCH_GET: &str = "dynamodb:BatchGetItem";
const GET: &str = "dynamodb:GetItem";
const QUERY: &str = "dynamodb:Query";

/// What a handshake needs to know: who sends, and who receives.
#[derive(Debug)]
pub struct Route {
    /// The sender's row.
    pub sender: Option<Connection>,
    /// The receiver, if it is there.
    pub receiver: Option<Receiver>,
}

/// The receiver of a handshake.
#[derive(Debug)]
pub enum Receiver {
    /// The room's SFU.
    Sfu(Sfu),
    /// A member of the room.
    Member(Member),
}

/// What an SFU has asked, and who asks.
#[derive(Debug)]
pub struct Members {
    /// The sender's row.
    pub sender: Option<Connection>,
    /// Those who are members.
    pub members: Vec<(PeerId, Member)>,
}

/// Everybody with a place in a room.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// What it is besides, if it is a session.
    pub session: Option<Session>,
    /// Its SFU, while it has a socket.
    pub sfu: Option<Sfu>,
    /// Its mute, if it is a session.
    pub mute: Mute,
    /// Its members.
    pub members: Vec<(PeerId, Member)>,
    /// Members of a session whose leases have ended, and whose places nobody has freed.
    pub expired: Vec<(PeerId, Member)>,
    /// Members that have been away for longer than their grace.
    pub overdue: Vec<(PeerId, Member)>,
    /// Changes that it should have been told of by now, the oldest first.
    pub owed: Vec<Owed>,
}

impl Store {
    /// The row of a connection.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Failure> {
        self.get(&self.connections, connection_key(id)).await
    }

    /// A room, also one that is closed.
    pub async fn room(&self, room: &RoomId, now: EpochMillis) -> Result<Option<Room>, Failure> {
        let found: Option<Room> = self.get(&self.rooms, room_key(Key::room(room))).await?;
        Ok(found.filter(|room| !room.expires_at.expired(now)))
    }

    /// A session.
    pub async fn session(&self, session: &RoomId) -> Result<Option<Session>, Failure> {
        self.get(&self.rooms, room_key(Key::session(session))).await
    }

    /// A session, and one of its members: one batched read of two items.
    pub async fn session_and_member(
        &self,
        session: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<(Option<Session>, Option<Member>), Failure> {
        let member = Key::member(session, peer);
        let mut found = self.batch(None, vec![Key::session(session), member.clone()]).await?;
        let session = found.take_sk(&self.rooms, "SESSION").map(read_item).transpose()?;
        let member: Option<Member> = found.take_sk(&self.rooms, &member.sk).map(read_item).transpose()?;
        Ok((session, member.filter(|member| !member.expires_at.expired(now))))
    }

    /// A member of a room.
    pub async fn member(
        &self,
        room: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<Option<Member>, Failure> {
        let member: Option<Member> = self.get(&self.rooms, room_key(Key::member(room, peer))).await?;
        Ok(member.filter(|member| !member.expires_at.expired(now)))
    }

    /// A member of a session, and the session's mute: one batched read of two items.
    pub(super) async fn member_and_mute(
        &self,
        session: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<(Option<Member>, Mute), Failure> {
        let member = Key::member(session, peer);
        let mut found = self.batch(None, vec![Key::mute(session), member.clone()]).await?;
        let mute: Option<Mute> = found.take_sk(&self.rooms, "MUTE").map(read_item).transpose()?;
        let member: Option<Member> = found.take_sk(&self.rooms, &member.sk).map(read_item).transpose()?;
        Ok((member.filter(|member| !member.expires_at.expired(now)), mute.unwrap_or_default()))
    }

    /// The SFU of a room, while it has a socket.
    pub async fn sfu(&self, room: &RoomId) -> Result<Option<Sfu>, Failure> {
        self.get(&self.rooms, room_key(Key::sfu(room))).await
    }

    /// The room that a path names.
    pub async fn path(&self, path: &UrlPath, now: EpochMillis) -> Result<Option<ClaimedPath>, Failure> {
        let found: Option<ClaimedPath> = self.get(&self.rooms, room_key(Key::path(path))).await?;
        Ok(found.filter(|path| !path.expires_at.expired(now)))
    }

    /// The sender's row and the room's SFU: one batched read of two items, whatever the tables hold.
    pub async fn route_to_sfu(&self, sender: &ConnectionId, room: &RoomId) -> Result<Route, Failure> {
        let (sender, receiver) = self.pair(sender, Key::sfu(room)).await?;
        Ok(Route { sender, receiver: receiver.map(Receiver::Sfu) })
    }

    /// The sender's row and a member of the room: one batched read of two items.
    pub async fn route_to_peer(
        &self,
        sender: &ConnectionId,
        room: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<Route, Failure> {
        let (sender, member) = self.pair::<Member>(sender, Key::member(room, peer)).await?;
        let member = member.filter(|member| !member.expires_at.expired(now));
        Ok(Route { sender, receiver: member.map(Receiver::Member) })
    }

    /// The sender's row, and those of `peers` who are members of the room: one batched read of so many items and one, however
    /// many members there are. Who has been away for longer than its grace is none.
    pub async fn members(
        &self,
        sender: &ConnectionId,
        room: &RoomId,
        peers: Vec<PeerId>,
        now: EpochMillis,
    ) -> Result<Members, Failure> {
        let keys = peers.iter().map(|peer| Key::member(room, peer)).collect();
        let mut found = self.batch(Some(sender), keys).await?;
        let sender = found.take(&self.connections).map(read_item).transpose()?;
        let mut members = Vec::new();
        for peer in peers {
            let item = found.take_sk(&self.rooms, &Key::member(room, &peer).sk);
            let member: Option<Member> = item.map(read_item).transpose()?;
            let member = member.filter(|member| !member.expires_at.expired(now) && !member.is_overdue(now));
            members.extend(member.map(|member| (peer, member)));
        }
        Ok(Members { sender, members })
    }

    /// A member of a session, and the session's SFU: one batched read of two items.
    pub async fn member_and_sfu(
        &self,
        session: &RoomId,
        peer: &PeerId,
        now: EpochMillis,
    ) -> Result<(Option<Member>, Option<Sfu>), Failure> {
        let member = Key::member(session, peer);
        let mut found = self.batch(None, vec![Key::sfu(session), member.clone()]).await?;
        let sfu = found.take_sk(&self.rooms, "SFU").map(read_item).transpose()?;
        let member: Option<Member> = found.take_sk(&self.rooms, &member.sk).map(read_item).transpose()?;
        let there = |member: &Member| !member.expires_at.expired(now) && !member.is_overdue(now);
        Ok((member.filter(there), sfu))
    }

    /// Everybody in a room.
    pub async fn roster(&self, room: &RoomId, now: EpochMillis) -> Result<Roster, Failure> {
        let mut roster = Roster::default();
        for item in self.partition(&Key::room(room).pk).await? {
            let sk = text(&item, "sk").unwrap_or_default().to_owned();
            if sk == "SFU" {
                roster.sfu = Some(read_item(item)?);
            } else if sk == "SESSION" {
                roster.session = Some(read_item(item)?);
            } else if sk == "MUTE" {
                roster.mute = read_item(item)?;
            } else if sk.starts_with("OWED#") {
                let owed: Owed = read_item(item)?;
                if owed.is_overdue(now) && !owed.expires_at.expired(now) {
                    roster.owed.push(owed);
                }
            } else if let Some(peer) = sk.strip_prefix("PEER#") {
                let peer = PeerId::try_from(peer.to_owned());
                let peer = peer.map_err(|_| Failure::new(QUERY, "a stored peer id does not read"))?;
                let member: Member = read_item(item)?;
                if member.is_overdue(now) {
                    roster.overdue.push((peer, member));
                } else if !member.expires_at.expired(now) {
                    roster.members.push((peer, member));
                } else if member.session.is_some() {
                    roster.expired.push((peer, member));
                }
            }
        }
        roster.owed.sort_by_key(|owed| owed.since);
        Ok(roster)
    }

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        key: tables::Item,
    ) -> Result<Option<T>, Failure> {
        let got = self.reader.get(table, &key.into()).await.map_err(|error| error.failure(GET))?;
        got.map(read_item).transpose()
    }

    /// A connection's row and one item of the rooms table.
    async fn pair<T: DeserializeOwned>(
        &self,
        connection: &ConnectionId,
        key: Key,
    ) -> Result<(Option<Connection>, Option<T>), Failure> {
        let mut found = self.batch(Some(connection), vec![key]).await?;
        let connection = found.take(&self.connections).map(read_item).transpose()?;
        Ok((connection, found.take(&self.rooms).map(read_item).transpose()?))
    }

    /// The rows of connections, without those that are not there: one batched read.
    pub(super) async fn connections(&self, ids: &[ConnectionId]) -> Result<Vec<Item>, Failure> {
        let keys: Vec<Item> = ids.iter().map(|id| connection_key(id).into()).collect();
        let keys = wanted(&keys).map_err(|error| error.failure(BATCH_GET))?;
        let mut found = self.batch_of(Wanted::from([(self.connections.clone(), keys)])).await?;
        Ok(found.0.remove(&self.connections).unwrap_or_default())
    }

    /// Several items of both tables in one call. What DynamoDB leaves unprocessed is asked for again.
    pub(super) async fn batch(
        &self,
        connection: Option<&ConnectionId>,
        keys: Vec<Key>,
    ) -> Result<Found, Failure> {
        let failed = |error: CallError| error.failure(BATCH_GET);
        let mut left = Wanted::new();
        if let Some(id) = connection {
            left.insert(self.connections.clone(), wanted(&[connection_key(id).into()]).map_err(failed)?);
        }
        if !keys.is_empty() {
            let keys: Vec<Item> = keys.into_iter().map(|key| room_key(key).into()).collect();
            left.insert(self.rooms.clone(), wanted(&keys).map_err(failed)?);
        }
        self.batch_of(left).await
    }

    async fn batch_of(&self, mut left: Wanted) -> Result<Found, Failure> {
        let failed = |error: CallError| error.failure(BATCH_GET);
        let mut found = Found(HashMap::new());
        let mut pauses = Pauses::new();
        loop {
            let got = self.reader.batch(&left).await.map_err(failed)?;
            for (table, items) in got.responses {
                found.0.entry(table).or_default().extend(items);
            }
            left = got.unprocessed_keys;
            if left.is_empty() {
                return Ok(found);
            }
            if !pauses.pause().await {
                return Err(Failure::new(BATCH_GET, "keys stay unprocessed"));
            }
        }
    }

    /// Every item of a partition of the rooms table.
    pub(super) async fn partition(&self, pk: &str) -> Result<Vec<Item>, Failure> {
        self.reader.partition(&self.rooms, pk).await.map_err(|error| error.failure(QUERY))
    }
}

/// The text that an item holds under `name`.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    match item.inner().get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

/// What a batched read has found, by table.
pub(super) struct Found(HashMap<String, Vec<Item>>);

impl Found {
    /// The only item of `table`.
    pub(super) fn take(&mut self, table: &str) -> Option<Item> {
        self.0.get_mut(table).and_then(Vec::pop)
    }

    /// The item of the rooms table with this sort key.
    pub(super) fn take_sk(&mut self, table: &str, sk: &str) -> Option<Item> {
        let items = self.0.get_mut(table)?;
        let at = items.iter().position(|item| text(item, "sk") == Some(sk))?;
        Some(items.swap_remove(at))
    }
}
