//! The room's questions to the gateway: who of its people is a member, and on which socket. The gateway says each thing once,
//! and what it says may be lost; its answer to this is the truth of one moment, which heals whatever was.

use std::collections::BTreeMap;
use std::time::Instant;

use model::id::PeerId;

use super::Room;
use super::outbox::About;
use super::roster::Known;
use super::signal::{self, Listed};

impl Room {
    /// Asks the gateway for those of whom it is time to ask.
    pub(super) fn sweep_roster(&mut self, now: Instant) {
        let Self { roster, peers, members, outbox, identity, .. } = self;
        let Some(wanted) = roster.due(now, || peers.ids()) else { return };
        outbox.push(now, About::Roster, |request| signal::roster(request, identity, &wanted));
        let known = |id: PeerId| {
            let key = peers.key(&id);
            let peer = key.and_then(|key| Some((key, peers.get(key)?)));
            let peer = peer.map(|(key, peer)| (key, peer.stamp.clone(), peer.lost));
            let order = members.order(&id);
            (id, Known { peer, order })
        };
        roster.ask(now, wanted.into_iter().map(known).collect());
    }

    /// The gateway has answered the last question: `listed` are members, and who else was asked for is none.
    pub(super) fn take_roster(&mut self, now: Instant, listed: Vec<Listed>) {
        let mut listed: BTreeMap<_, _> =
            listed.into_iter().map(|listed| (listed.id.clone(), listed)).collect();
        for (id, Known { peer: known, order }) in self.roster.answered() {
            let listed = listed.remove(&id);
            let key = self.peers.key(&id);
            let peer = key.and_then(|key| self.peers.get(key));
            let Some((peer, (key, stamp, lost))) = peer.zip(known) else {
                // Somebody whose messages were ignored, for its place had ended. It has one again.
                if let Some(listed) = listed {
                    self.ended.forget(&id, &listed.stamp);
                    self.take_listed_streams(now, &id, listed, order);
                }
                continue;
            };
            if (self.peers.key(&id), &peer.stamp, peer.lost) != (Some(key), &stamp, lost) {
                continue;
            }
            match listed {
                // Its place may have ended with its socket, which it is about to replace: its media goes on for a while.
                None => {
                    self.lose(now, key);
                    if self.members.order(&id) == order {
                        self.end_streams(now, &id, None);
                    }
                }
                Some(listed) => {
                    self.be_on(key, &listed.stamp);
                    // Whoever is away has its grace, and whatever media there is goes on.
                    if !listed.away {
                        self.find(now, key);
                    }
                    self.take_listed_streams(now, &id, listed, order);
                }
            }
        }
    }
}
