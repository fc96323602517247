//! The room's questions to the gateway: who of its people is a member, and on which socket. The gateway says each thing once,
//! and what it says may be lost; its answer to this is the truth of one moment, which heals whatever was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::id::PeerId;
use model::stamp::Stamp;

use super::Room;
use super::ids::PeerKey;
use super::limits::MAX_PEERS;
use super::outbox::About;
use super::signal::{self, Listed};

/// How often everybody is asked for.
const EVERY: Duration = Duration::from_mins(1);
/// The least time between two questions about those of whom there is reason to ask.
const PACE: Duration = Duration::from_secs(1);
/// A question that is not answered within this is asked again; the time doubles, up to [`EVERY`].
const PATIENCE: Duration = Duration::from_secs(5);

/// What was known of a peer when it was asked for: an answer says nothing about what has come since. `None`: it was not in the
/// room.
type Known = Option<(PeerKey, Option<Stamp>, Option<Instant>)>;

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
    fn due(&mut self, now: Instant, everybody: impl FnOnce() -> Vec<PeerId>) -> Option<Vec<PeerId>> {
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

    fn ask(&mut self, now: Instant, peers: BTreeMap<PeerId, Known>) {
        let patience = (PATIENCE * 2u32.pow(self.unanswered.min(4))).min(EVERY);
        self.rests = Some(now + PACE);
        self.asked = Some(Asked { peers, again: now + patience });
    }

    /// The last question was answered.
    fn answered(&mut self) -> BTreeMap<PeerId, Known> {
        self.unanswered = 0;
        self.asked.take().map(|asked| asked.peers).unwrap_or_default()
    }

    /// The gateway will not answer the last question, as one that knows no such route does not: it is asked in a minute.
    pub(crate) fn refused(&mut self) {
        self.asked = None;
    }
}

impl Room {
    /// Asks the gateway for those of whom it is time to ask.
    pub(super) fn sweep_roster(&mut self, now: Instant) {
        let Self { roster, peers, outbox, identity, .. } = self;
        let Some(wanted) = roster.due(now, || peers.ids()) else { return };
        outbox.push(now, About::Roster, |request| signal::roster(request, identity, &wanted));
        let known = |id: PeerId| {
            let key = peers.key(&id);
            let peer = key.and_then(|key| Some((key, peers.get(key)?)));
            (id, peer.map(|(key, peer)| (key, peer.stamp.clone(), peer.lost)))
        };
        roster.ask(now, wanted.into_iter().map(known).collect());
    }

    /// The gateway has answered the last question: `listed` are members, and who else was asked for is none.
    pub(super) fn take_roster(&mut self, now: Instant, listed: Vec<Listed>) {
        let mut listed: BTreeMap<_, _> =
            listed.into_iter().map(|listed| (listed.id.clone(), listed)).collect();
        for (id, known) in self.roster.answered() {
            let listed = listed.remove(&id);
            let key = self.peers.key(&id);
            let peer = key.and_then(|key| self.peers.get(key));
            let Some((peer, (key, stamp, lost))) = peer.zip(known) else {
                // Somebody whose messages were ignored, for its place had ended. It has one again.
                if let Some(listed) = listed {
                    self.ended.forget(&id, &listed.stamp);
                }
                continue;
            };
            if (self.peers.key(&id), &peer.stamp, peer.lost) != (Some(key), &stamp, lost) {
                continue;
            }
            match listed {
                None => {
                    tracing::info!(peer.id = id.as_str(), "a peer is no member any more");
                    if let Some(stamp) = stamp {
                        self.ended.remember(id, stamp);
                    }
                    self.remove(now, key);
                }
                Some(listed) if listed.away => {
                    self.be_on(key, &listed.stamp);
                    self.lose(now, key);
                }
                Some(listed) => {
                    self.be_on(key, &listed.stamp);
                    self.find(now, key);
                }
            }
        }
    }
}
