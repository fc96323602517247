//! Under which keys the rooms table holds what it holds (ARCHITECTURE, "Data").

use crate::id::{ConnectionId, PeerId, RoomId};
use crate::path::UrlPath;
use crate::person::PersonId;
use crate::room::Slot;

/// The key of an item in the rooms table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// The partition of the pool.
pub const POOL: &str = "POOL";
/// The partition of the slots.
pub const SLOTS: &str = "SLOTS";

impl Key {
    /// The room itself.
    #[must_use]
    pub fn room(room: &RoomId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: "ROOM".into() }
    }

    /// The room's SFU.
    #[must_use]
    pub fn sfu(room: &RoomId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: "SFU".into() }
    }

    /// The mute of the session, in an item of its own: all that come and go write the session's.
    #[must_use]
    pub fn mute(session: &RoomId) -> Self {
        Self { pk: format!("ROOM#{session}"), sk: "MUTE".into() }
    }

    /// The session, if the room is one.
    #[must_use]
    pub fn session(session: &RoomId) -> Self {
        Self { pk: format!("ROOM#{session}"), sk: "SESSION".into() }
    }

    /// A reported issue, in a partition of its own: it is looked up by its name.
    #[must_use]
    pub fn issue(issue: &str) -> Self {
        Self { pk: format!("ISSUE#{issue}"), sk: "ISSUE".into() }
    }

    /// A member of the room.
    #[must_use]
    pub fn member(room: &RoomId, peer: &PeerId) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: format!("PEER#{peer}") }
    }

    /// A place in the room that is held for a peer whose socket is lost, in a partition of its own: nobody who reads the
    /// room meets it.
    #[must_use]
    pub fn held(room: &RoomId, peer: &PeerId) -> Self {
        Self { pk: format!("HELD#{room}"), sk: format!("PEER#{peer}") }
    }

    /// What is kept for the member that was lost with this socket, in a partition of its own: each signal is written into it.
    #[must_use]
    pub fn mailbox(lost: &ConnectionId) -> Self {
        Self { pk: format!("MAIL#{lost}"), sk: format!("SOCKET#{lost}") }
    }

    /// A change that the room has yet to be told of, by its name.
    #[must_use]
    pub fn owed(room: &RoomId, change: &str) -> Self {
        Self { pk: format!("ROOM#{room}"), sk: format!("OWED#{change}") }
    }

    /// What is counted of a person.
    #[must_use]
    pub fn account(person: &PersonId) -> Self {
        Self { pk: format!("PERSON#{person}"), sk: "ACCOUNT".into() }
    }

    /// A claimed path: the lock that makes it unique, and the look-up.
    #[must_use]
    pub fn path(path: &UrlPath) -> Self {
        Self { pk: format!("PATH#{}", path.as_str()), sk: "PATH".into() }
    }

    /// The pool entry of a room.
    #[must_use]
    pub fn pool(room: &RoomId) -> Self {
        Self { pk: POOL.into(), sk: format!("ROOM#{room}") }
    }

    /// The entry of a room that will come into the pool when its SFU does.
    #[must_use]
    pub fn pending(room: &RoomId) -> Self {
        Self { pk: POOL.into(), sk: format!("PENDING#{room}") }
    }

    /// The count of refills, in a partition of its own: the pool's is read by every claim.
    #[must_use]
    pub fn refills() -> Self {
        Self { pk: "REFILLS".into(), sk: "REFILLS".into() }
    }

    /// A slot.
    #[must_use]
    pub fn slot(slot: Slot) -> Self {
        Self { pk: SLOTS.into(), sk: format!("SLOT#{}", slot.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_reach_into_another_partition() {
        let path = UrlPath::new("a#PATH".into()).unwrap();
        assert_eq!(Key::path(&path), Key { pk: "PATH#a#PATH".into(), sk: "PATH".into() });
    }
}
