//! What time alone brings: silence, graces, repetitions.

use std::time::{Duration, Instant};

use super::Room;
use super::peer::{Peer, PeerKey};
use super::talking::Presence;

/// A producer connection on which nothing came for so long is dead: longer than a change of network takes.
const DEAD: Duration = Duration::from_secs(10);
/// A producer connection that was offered has to be up within this.
const NEVER_UP: Duration = Duration::from_secs(30);
/// A consumer connection on which nothing came for so long is begun anew, if its receiver lives.
const CONSUMER_DEAD: Duration = Duration::from_secs(8);
/// A receiver lives if its producer connection was heard so recently.
const ALIVE: Duration = Duration::from_secs(3);
/// A consumer connection has to be up so soon after it was made and answered.
const CONSUMER_UP: Duration = Duration::from_secs(10);
/// Who has said nothing of what is switched on so long after their connection came up will say nothing.
const SILENCE: Duration = Duration::from_secs(3);
/// How often encodings are chosen anew.
const ADAPT: u64 = 5;

impl Room {
    /// Looks at everybody.
    pub(super) fn watch(&mut self, now: Instant) {
        self.counters.sweeps += 1;
        let adapts = self.counters.sweeps.is_multiple_of(ADAPT);
        for key in self.peers.keys().copied().collect::<Vec<_>>() {
            if self.is_over(now, key) {
                self.remove(now, key);
                continue;
            }
            let up = self.peers.get(&key).and_then(|peer| peer.producer.as_ref()?.up);
            if up.is_some_and(|up| now >= up + SILENCE) {
                self.speak_for(key);
            }
            self.watch_voice(now, key);
            self.ask_key_frames(now, key);
            self.flush(key);
            self.watch_consumers(now, key);
            self.watch_offers(now, key);
            if adapts {
                let Some(peer) = self.peers.get(&key) else { continue };
                for source in peer.consumers.keys().copied().collect::<Vec<_>>() {
                    self.adapt(now, key, source);
                }
            }
        }
        self.life.watch(now, self.peers.is_empty(), &mut self.outbox);
    }

    fn is_over(&self, now: Instant, key: PeerKey) -> bool {
        let Some(peer) = self.peers.get(&key) else { return false };
        let grace =
            peer.lost.is_some_and(|lost| now.saturating_duration_since(lost) >= self.settings.peer_grace);
        let link = peer.producer.as_ref().and_then(|producer| self.links.get(producer.link));
        // Firefox closes a page's socket before the page can say that it leaves: what is heard is the end of its
        // connection (DTLS `close_notify`).
        let hung_up = peer.lost.is_some() && link.is_some_and(|link| !link.lives());
        let up = peer.is_up();
        let silent = link.is_none_or(|link| now.saturating_duration_since(link.heard) >= DEAD);
        let never = !up && now.saturating_duration_since(peer.born) >= NEVER_UP;
        grace || hung_up || never || (up && silent)
    }

    fn watch_voice(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let changed = peer.voice.poll(now).is_some() && peer.features.is_some();
        if changed {
            self.tell_own_voice(key);
        }
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if changed || (peer.untold && peer.talk.take(now)) {
            self.tell_features(key, None);
        }
    }

    /// Finds consumer connections that are dead while their receiver lives.
    fn watch_consumers(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else { return };
        let since = |moment: Instant| now.saturating_duration_since(moment);
        let link = peer.producer.as_ref().and_then(|producer| self.links.get(producer.link));
        if !link.is_some_and(|link| link.lives() && since(link.heard) < ALIVE) {
            return;
        }
        let dead: Vec<PeerKey> = peer
            .consumers
            .iter()
            .filter(|(_, consumer)| match self.links.get(consumer.link) {
                Some(link) if link.lives() && link.connected => since(link.heard) >= CONSUMER_DEAD,
                // Nobody has answered yet, or nobody has come since the answer.
                Some(link) if link.lives() => {
                    consumer.outstanding.is_none() && !consumer.declined && since(link.born) >= CONSUMER_UP
                }
                Some(_) | None => true,
            })
            .map(|(source, _)| *source)
            .collect();
        for source in dead {
            self.rebuild_soon(now, key, source);
        }
    }

    /// A peer's signaling is gone. Its media is kept for a while.
    pub(super) fn lose(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.lost.is_none()) else { return };
        peer.lost = Some(now);
        self.tell_presence(key, Presence::Lost);
        // Whoever is not to hear of it any more has closed the connection on which it was received.
        for other in self.others(key) {
            let deaf = !self.hears_of(other, key);
            let peer = self.peers.get_mut(&other).filter(|_| deaf);
            if let Some(consumer) = peer.and_then(|peer| peer.consumers.remove(&key)) {
                self.links.remove(consumer.link);
            }
        }
    }

    /// A peer has said something over its signaling, or of it: whatever was lost is back.
    pub(super) fn heard_from(&mut self, now: Instant, key: PeerKey, connection: Option<String>) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let newer = connection.is_some() && connection != peer.connection_id;
        if newer {
            peer.connection_id = connection;
            for consumer in peer.consumers.values_mut() {
                consumer.failures = 0;
            }
        }
        // An original client has no id: its offer alone says that it is there.
        let back = peer.lost.is_some() && (newer || peer.connection_id.is_none());
        if back {
            peer.lost = None;
            self.tell_presence(key, Presence::Here);
            if self.peers.get(&key).is_some_and(Peer::is_up) {
                for other in self.others(key) {
                    if !self.knows_presence(other) {
                        self.offer_anew(now, other, key);
                    }
                }
            }
        }
        self.life.used(now);
    }

    /// A peer is gone: nothing of it is kept, and everybody hears of it.
    pub(super) fn remove(&mut self, now: Instant, key: PeerKey) {
        self.tell_presence(key, Presence::Gone);
        let Some(peer) = self.peers.remove(&key) else { return };
        self.keys.remove(&peer.id);
        self.outbox.forget(&peer.id);
        let producer = peer.producer.map(|producer| producer.link);
        for link in peer.consumers.into_values().map(|consumer| consumer.link).chain(producer) {
            self.links.remove(link);
        }
        for other in self.peers.values_mut() {
            if let Some(consumer) = other.consumers.remove(&key) {
                self.links.remove(consumer.link);
            }
        }
        self.counters.departures += 1;
        self.life.used(now);
    }
}
