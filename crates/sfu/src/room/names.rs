//! Under which names the room speaks, and whom it takes to be spoken to by.

use model::id::RoomId;

/// The SFU's own id, and the id of the room that it serves as the people in it know it: its own room's, or that of the
/// session which has claimed it. The gateway admits people of one room only, and of the same one for as long as the
/// SFU lives; which it is the SFU learns from the first offer that it takes.
pub(crate) struct Names {
    own: RoomId,
    served: Option<RoomId>,
}

impl Names {
    pub(crate) fn new(own: RoomId) -> Self {
        Self { own, served: None }
    }

    /// Whether people of this room can be served.
    pub(crate) fn admit(&self, room: &RoomId) -> bool {
        self.served.as_ref().is_none_or(|served| served == room)
    }

    /// Somebody of this room is served.
    pub(crate) fn serve(&mut self, room: &RoomId) {
        if self.served.is_none() {
            self.served = Some(room.clone());
        }
    }

    /// Who speaks.
    pub(crate) fn sender(&self) -> &RoomId {
        &self.own
    }

    /// In which room.
    pub(crate) fn room(&self) -> &RoomId {
        self.served.as_ref().unwrap_or(&self.own)
    }
}
