//! Who is offered whose media, and again when that fails.

use std::time::{Duration, Instant};

use super::consumer::{self, Consumer};
use super::outbox::About;
use super::peer::{Peer, PeerKey};
use super::signal;
use super::{Role, Room};

/// A connection is begun anew at most so often.
const REBUILD_PACE: Duration = Duration::from_secs(1);
/// The longest pause between two beginnings that come to nothing.
const MAX_REBUILD_PAUSE: Duration = Duration::from_secs(30);
/// So often, after which only something new from either side begins it again.
const MAX_FAILURES: u32 = 8;

impl Room {
    /// A peer is offered the media of everybody who sends: as soon as it comes, while its own connection is coming up.
    pub(super) fn welcome(&mut self, now: Instant, key: PeerKey) {
        for other in self.others(key) {
            if self.peers.get(&other).is_some_and(Peer::is_up) && self.hears_of(key, other) {
                self.offer_anew(now, key, other);
            }
        }
    }

    /// A peer's producer connection is up: its media is offered to everybody who is there. Everybody's is offered to it
    /// now if this is not its first connection: one that never comes up costs its peer nothing, and the room an offer
    /// to it for each who is there.
    pub(super) fn announce(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(producer) = peer.producer.as_mut().filter(|producer| producer.up.is_none()) else { return };
        producer.up = Some(now);
        let first = peer.is_new();
        self.counters.joins += 1;
        self.tracks_changed(now, key);
        if !first {
            self.welcome(now, key);
        }
    }

    /// A producer that is up sends other tracks than before.
    pub(super) fn tracks_changed(&mut self, now: Instant, key: PeerKey) {
        for other in self.hearers(key) {
            self.offer_anew(now, other, key);
        }
    }

    /// Offers the source's tracks as they are now to the receiver, on a connection that is made if there is none.
    pub(super) fn offer_anew(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let known = self.peers.get(&receiver).and_then(|peer| peer.consumers.get(&source));
        let Some(known) = known else { return self.build(now, (receiver, source), 0) };
        let producer = self.peers.get(&source).and_then(|peer| peer.producer.as_ref());
        let can_carry = producer.is_none_or(|producer| known.can_carry(producer));
        if let Some(consumer) = self.peers.get_mut(&receiver).and_then(|peer| peer.consumers.get_mut(&source))
        {
            consumer.stale = true;
            consumer.failures = 0;
        }
        if can_carry {
            self.offer(now, receiver, source);
        } else {
            self.rebuild_soon(now, receiver, source);
        }
    }

    /// Makes the connection on which the receiver gets the source, unless the source sends nothing.
    fn build(&mut self, now: Instant, (receiver, source): (PeerKey, PeerKey), failures: u32) {
        let producer = self.peers.get(&source).and_then(|peer| peer.producer.as_ref());
        let Some(producer) = producer.filter(|producer| !producer.tracks.is_empty()) else { return };
        let codecs = producer.sent_codecs();
        let h264 = producer.agreed.h264;
        let link = consumer::link(&self.settings, &codecs, h264, now);
        let link = self.links.insert(Role::Consumer(receiver, source), link);
        let consumer = Consumer::new(link, (codecs, h264), failures, now);
        match self.peers.get_mut(&receiver) {
            Some(peer) => {
                peer.consumers.insert(source, consumer);
                self.offer(now, receiver, source);
            }
            None => self.links.remove(link),
        }
    }

    /// Sends the receiver an offer, if there is something to offer and no offer on its way.
    pub(super) fn offer(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(peer) = self.peers.get_mut(&receiver) else { return };
        let Some(mut consumer) = peer.consumers.remove(&source) else { return };
        let number = peer.last_offer + 1;
        let producer = self.peers.get(&source).and_then(|peer| peer.producer.as_ref());
        let sdp = match (self.links.touch(consumer.link), producer) {
            (Some(link), Some(producer)) => consumer.offer(link, producer, number, now),
            _ => None,
        };
        let outgrown = sdp.as_ref().is_some_and(|sdp| consumer.is_outgrown(sdp));
        if let Some(peer) = self.peers.get_mut(&receiver) {
            peer.consumers.insert(source, consumer);
            peer.last_offer += u64::from(sdp.is_some());
        }
        if outgrown {
            self.rebuild_soon(now, receiver, source);
        }
        if let Some(sdp) = sdp {
            self.send_offer(now, (receiver, source), number, sdp);
        }
    }

    fn send_offer(&mut self, now: Instant, (receiver, source): (PeerKey, PeerKey), number: u64, sdp: String) {
        let (Some(peer), Some(remote)) = (self.peers.get(&receiver), self.peers.get(&source)) else { return };
        let (names, ids) = (&self.names, (&peer.id, &remote.id));
        let about = About::Offer(peer.id.clone(), remote.id.clone());
        self.outbox.push(now, about, |request| signal::offer(request, names, ids, number, sdp));
    }

    /// The connection is of no use: another is made, but not at once when this one is new.
    pub(super) fn rebuild_soon(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(peer) = self.peers.get_mut(&receiver) else { return };
        let Some(consumer) = peer.consumers.get_mut(&source) else { return };
        if consumer.rebuild.is_none() && consumer.failures < MAX_FAILURES {
            let pause = (REBUILD_PACE * (1 << consumer.failures.min(5))).min(MAX_REBUILD_PAUSE);
            consumer.rebuild = Some(now.max(consumer.built + pause));
        }
    }

    /// Looks after the offers of one peer: those that nobody answers, and connections that are to be begun anew.
    pub(super) fn watch_offers(&mut self, now: Instant, receiver: PeerKey) {
        let Some(peer) = self.peers.get(&receiver) else { return };
        let sources: Vec<PeerKey> = peer.consumers.keys().copied().collect();
        for source in sources {
            self.watch_offer(now, receiver, source);
        }
    }

    fn watch_offer(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(peer) = self.peers.get_mut(&receiver) else { return };
        let Some(consumer) = peer.consumers.get_mut(&source) else { return };
        if consumer.rebuild.is_some_and(|due| due <= now) {
            let (link, failures) = (consumer.link, consumer.failures);
            peer.consumers.remove(&source);
            self.links.remove(link);
            self.counters.rebuilds += 1;
            return self.build(now, (receiver, source), failures + 1);
        }
        if consumer.answer_due().is_none_or(|due| due > now) {
            return;
        }
        if consumer.outstanding.as_ref().is_some_and(|offer| offer.repeats >= consumer::MAX_REPEATS) {
            return self.rebuild_soon(now, receiver, source);
        }
        let number = peer.last_offer + 1;
        if let Some(sdp) = consumer.repeat(number, now) {
            peer.last_offer = number;
            self.send_offer(now, (receiver, source), number, sdp);
        }
    }

    /// A consumer's media can flow.
    pub(super) fn consumer_connected(&mut self, now: Instant, receiver: PeerKey, source: PeerKey) {
        let Some(peer) = self.peers.get_mut(&receiver) else { return };
        if let Some(consumer) = peer.consumers.get_mut(&source) {
            consumer.failures = 0;
        }
        self.refresh(now, receiver, source);
    }
}
