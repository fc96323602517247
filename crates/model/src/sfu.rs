//! The SFU of a room, while it has a socket.

use serde::{Deserialize, Serialize};

use crate::connection::Identity;
use crate::id::{PeerId, RoomId};
use crate::room::Slot;
use crate::stamp::Stamp;

/// The SFU of a room, while it has a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sfu {
    /// Its id, which is the room's.
    pub peer_id: PeerId,
    /// Its socket.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// The room's slot, as in [`Identity::Sfu`].
    pub slot: Slot,
    /// What it announced.
    #[serde(default)]
    pub features: Vec<String>,
}

impl Sfu {
    /// Who its connection is, when it is found in the partition of `room`: its own, or that of the session that it serves.
    #[must_use]
    pub fn identity(self, room: &RoomId) -> Identity {
        let room_id = RoomId::from(self.peer_id);
        let serves = (room_id != *room).then(|| room.clone());
        Identity::Sfu { room_id, serves, slot: self.slot, features: self.features }
    }
}
