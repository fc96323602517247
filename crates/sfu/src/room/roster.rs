//! Questions to the gateway about who is there: whom to ask for and when, until an answer comes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::id::PeerId;
use model::stamp::Stamp;

use super::ids::PeerKey;
use super::limits::MAX_PEERS;
use super::members::Order;

/// How often everybody is asked for.
const EVERY: Duration = Duration::from_mins(1);
/// The least time between two questions about those of whom there is reason to ask.
const PACE: Duration = Duration::from_secs(1);
/// A question that is not answered within this is asked again; the time doubles, up to [`EVERY`].
const PATIENCE: Duration = Duration::from_secs(5);

/// What was known of a peer when it was asked for: an answer says nothing about what has come since.
#[derive(Debug)]
pub(super) struct Known {
    /// `None`: it was not in the room.
    pub(super) peer: Option<(PeerKey, Option<Stamp>, Option<Instant>)>,
    /// The last word about its streams.
    pub(super) order: Option<Order>,
}

/// What has been asked, and what is to be asked next.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// Those for whom there is reason to ask.
    wanted: BTreeSet<PeerId>,
    /// When everybody is asked for next. `None`: the gateway is not there.
    next: Option<Instant>,
    /// Before that nobody is asked for out of turn.
    rests: Option<Instant>,
    /// What was asked last, until it is answered.
    asked: Option<Asked>,
    /// Questions in a row that were not answered.
    unanswered: u32,
}

#[derive(Debug)]
struct Asked {
    peers: BTreeMap<PeerId, Known>,
    /// When it is asked again.
    again: Instant,
}

impl Roster {
    /// The gateway is there: it is asked at once, as it may have said things that did not arrive.
    pub(crate) fn open(&mut self, now: Instant) {
        *self = Self { next: Some(now), ..Self::default() };
    }

    /// The gateway is gone.
    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }

    /// There is reason to ask for a peer before its turn.
    pub(crate) fn want(&mut self, peer: &PeerId) {
        if self.wanted.len() < MAX_PEERS {
            self.wanted.insert(peer.clone());
        }
    }

    /// Whom to ask for now, if anybody; `everybody` is in the room.
    pub(super) fn due(
        &mut self,
        now: Instant,
        everybody: impl FnOnce() -> Vec<PeerId>,
    ) -> Option<Vec<PeerId>> {
        let next = self.next?;
        let again = self.asked.as_ref().is_some_and(|asked| asked.again <= now);
        if again {
            self.unanswered += 1;
            let asked = self.asked.take()?;
            self.wanted.extend(asked.peers.into_keys());
        }
        if next <= now {
            self.next = Some(now + EVERY);
            self.wanted = everybody().into_iter().collect();
        } else if self.asked.is_some() || self.rests.is_some_and(|until| now < until) {
            return None;
        }
        let wanted = std::mem::take(&mut self.wanted).into_iter().take(MAX_PEERS);
        Some(wanted.collect()).filter(|wanted: &Vec<_>| !wanted.is_empty())
    }

    pub(super) fn ask(&mut self, now: Instant, peers: BTreeMap<PeerId, Known>) {
        let patience = (PATIENCE * 2u32.pow(self.unanswered.min(4))).min(EVERY);
        self.rests = Some(now + PACE);
        self.asked = Some(Asked { peers, again: now + patience });
    }

    /// The last question was answered.
    pub(super) fn answered(&mut self) -> BTreeMap<PeerId, Known> {
        self.unanswered = 0;
        self.asked.take().map(|asked| asked.peers).unwrap_or_default()
    }

    /// The gateway will not answer the last question, as one that knows no such route does not: it is asked in a minute.
    pub(crate) fn refused(&mut self) {
        self.asked = None;
    }
}
