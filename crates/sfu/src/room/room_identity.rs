//! The ids in the room's messages.

use model::id::RoomId;

/// The SFU's own id, and the id of the room it serves: its own room, or the session that has claimed it. The
/// gateway admits peers of one room only, the same for as long as the SFU runs; the first offer that is
/// accepted shows which.
pub(crate) struct RoomIdentity {
    own: RoomId,
    served: Option<RoomId>,
}

impl RoomIdentity {
    pub(crate) fn new(own: RoomId) -> Self {
        Self { own, served: None }
    }

    /// Whether peers of this room can be served.
    pub(crate) fn admit(&self, room: &RoomId) -> bool {
        self.served.as_ref().is_none_or(|served| served == room)
    }

    /// Commits to the room of the first peer that was accepted.
    pub(crate) fn serve(&mut self, room: &RoomId) {
        if self.served.is_none() {
            self.served = Some(room.clone());
        }
    }

    /// Whether the room that is served is a session.
    pub(crate) fn is_session(&self) -> bool {
        self.served.as_ref().is_some_and(|served| *served != self.own)
    }

    pub(crate) fn sender(&self) -> &RoomId {
        &self.own
    }

    pub(crate) fn room(&self) -> &RoomId {
        self.served.as_ref().unwrap_or(&self.own)
    }
}
