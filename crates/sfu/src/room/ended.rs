//! Places that have ended. What a handshake says is the gateway's word for the moment at which it was relayed: one that was
//! under way when its sender's place ended brings nobody back.

use std::collections::VecDeque;

use model::id::PeerId;
use model::stamp::Stamp;

use super::limits::MAX_REMEMBERED;

/// The latest of them, each with the socket that it ended on.
#[derive(Debug, Default)]
pub(crate) struct Ended(VecDeque<(PeerId, Stamp)>);

impl Ended {
    pub(crate) fn remember(&mut self, peer: PeerId, stamp: Stamp) {
        self.0.push_back((peer, stamp));
        if self.0.len() > MAX_REMEMBERED {
            self.0.pop_front();
        }
    }

    /// Whether a handshake on this socket may be of a place that has ended: it is of that very socket, or of an older one. A
    /// newer one has been let in since.
    pub(crate) fn has(&self, peer: &PeerId, stamp: &Stamp) -> bool {
        self.0.iter().any(|(ended, last)| ended == peer && stamp <= last)
    }

    /// The gateway says that the peer has a place on this socket after all: it has been let in again.
    pub(crate) fn forget(&mut self, peer: &PeerId, stamp: &Stamp) {
        self.0.retain(|(ended, last)| ended != peer || stamp > last);
    }
}
