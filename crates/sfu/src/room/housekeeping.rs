//! What the room does because time has passed: ends graces, finds connections that are silent, repeats
//! offers.

use std::time::{Duration, Instant};

use str0m::media::MediaKind;

use super::Room;
use super::features::Features;
use super::ids::{Pair, PeerKey};
use super::members::Kinds;

/// A producer connection on which nothing came for so long is dead: longer than a change of network takes.
const DEAD: Duration = Duration::from_secs(10);
/// A producer connection that was offered has to be up within this.
const NEVER_UP: Duration = Duration::from_secs(30);
/// A consumer connection on which nothing came for so long is replaced, if its receiver is alive.
const CONSUMER_DEAD: Duration = Duration::from_secs(8);
/// A receiver is alive if a packet came on its producer connection within this.
const ALIVE: Duration = Duration::from_secs(3);
/// A consumer connection has to be up within this, from when it was made, once it is answered.
const CONSUMER_UP: Duration = Duration::from_secs(10);
/// A peer that has sent no features this long after its connection came up will send none.
const SILENCE: Duration = Duration::from_secs(3);
/// Encodings are chosen, and streams are watched, once in so many sweeps.
const ADAPT: u64 = 5;

impl Room {
    pub(super) fn sweep(&mut self, now: Instant) {
        self.counters.sweeps += 1;
        let adapts = self.counters.sweeps.is_multiple_of(ADAPT);
        for key in self.peers.keys() {
            if self.is_over(now, key) {
                self.remove(now, key);
                continue;
            }
            let up = self.peers.producer(key).and_then(|producer| producer.up);
            if up.is_some_and(|up| now >= up + SILENCE) {
                self.derive_features(key);
            }
            self.sweep_features(now, key);
            self.ask_key_frames(now, key);
            self.ask_streams(now, key);
            self.flush(key);
            let pairs: Vec<Pair> = self.consumers.of_receiver(key).map(|(pair, _)| pair).collect();
            self.find_dead_consumers(now, key);
            for pair in &pairs {
                self.sweep_offer(now, *pair);
            }
            for pair in pairs.into_iter().filter(|_| adapts) {
                self.adapt(now, pair);
            }
        }
        if adapts {
            self.watch_streams(now);
        }
        self.sweep_roster(now);
        self.lifecycle.sweep(now, self.peers.is_empty(), &mut self.outbox);
    }

    fn is_over(&self, now: Instant, key: PeerKey) -> bool {
        let Some(peer) = self.peers.get(key) else { return false };
        let since = |moment: Instant| now.saturating_duration_since(moment);
        let grace = peer.lost.is_some_and(|lost| since(lost) >= self.settings.peer_grace);
        let link = peer.producer.as_ref().and_then(|producer| self.links.get(producer.link));
        // Firefox closes a page's socket before the page can send `leave`: only the end of its connection
        // (DTLS `close_notify`) shows that it has left.
        let hung_up = peer.lost.is_some() && link.is_some_and(|link| !link.is_alive());
        let up = peer.is_up();
        let silent = link.is_none_or(|link| since(link.last_packet) >= DEAD);
        let never = !up && since(peer.born) >= NEVER_UP;
        grace || hung_up || never || (up && silent)
    }

    /// Derives features from the media of a peer that sends none: original clients do not display a peer
    /// without features.
    fn derive_features(&mut self, key: PeerKey) {
        let peer = self.peers.get_mut(key).filter(|peer| peer.silent && !peer.knows_presence);
        let Some(peer) = peer else { return };
        let tracks = peer.producer.as_ref().map_or(&[][..], |producer| &producer.tracks);
        let sends = |kind| tracks.iter().any(|track| track.kind == kind);
        let media = Kinds { audio: sends(MediaKind::Audio), video: sends(MediaKind::Video) };
        let derived = peer.features.as_ref().and_then(Features::media);
        if derived != Some(media) && (derived.is_some() || !tracks.is_empty()) {
            peer.features = Some(Features::of_media(&peer.id, media));
            peer.unsent_features = true;
        }
    }

    /// Broadcasts features that had to wait, and that a peer has begun or ceased to speak.
    fn sweep_features(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let changed = peer.voice.poll(now).is_some() && peer.features.is_some();
        let broadcasts = changed || (peer.unsent_features && peer.message_limit.take(now));
        if changed {
            self.send_own_features(key);
        }
        if broadcasts {
            self.broadcast_features(key, None);
        }
    }

    /// Finds consumer connections that are dead while their receiver is alive.
    fn find_dead_consumers(&mut self, now: Instant, receiver: PeerKey) {
        let since = |moment: Instant| now.saturating_duration_since(moment);
        let link = self.peers.producer(receiver).and_then(|producer| self.links.get(producer.link));
        if !link.is_some_and(|link| link.is_alive() && since(link.last_packet) < ALIVE) {
            return;
        }
        let dead = self.consumers.of_receiver(receiver).filter(|(_, consumer)| {
            match self.links.get(consumer.link) {
                Some(link) if link.is_alive() && link.connected => since(link.last_packet) >= CONSUMER_DEAD,
                // The offer has been answered, and no connection came of it.
                Some(link) if link.is_alive() => {
                    consumer.outstanding.is_none() && !consumer.declined && since(link.born) >= CONSUMER_UP
                }
                Some(_) | None => true,
            }
        });
        for pair in dead.map(|(pair, _)| pair).collect::<Vec<_>>() {
            self.rebuild_soon(now, pair);
        }
    }
}
