//! Offers of one peer's media to another: made, repeated while nobody answers, and made on a new connection
//! when the old one is of no use.

use std::time::{Duration, Instant};

use super::Room;
use super::consumer::{self, Consumer};
use super::consumers::PairView;
use super::ids::{Pair, PeerKey};
use super::links::Role;
use super::outbox::About;
use super::peer::Peer;
use super::signal::{self, Offer};

/// The least time between two connections of one pair.
const REBUILD_PACE: Duration = Duration::from_secs(1);
/// The longest time that failures stretch this to.
const MAX_REBUILD_PAUSE: Duration = Duration::from_secs(30);
/// After so many connections that did not come up, only something new from either peer makes another.
const MAX_FAILURES: u32 = 8;

impl Room {
    /// Offers a newcomer the media of everybody who sends. This does not wait for the newcomer's own
    /// connection.
    pub(super) fn offer_everybody_to(&mut self, now: Instant, receiver: PeerKey) {
        for source in self.peers.others(receiver) {
            let pair = Pair { source, receiver };
            if self.peers.get(source).is_some_and(Peer::is_up) && self.sees(pair) {
                self.update_offer(now, pair);
            }
        }
    }

    /// A producer connection has come up: its media is offered to everybody. With its first connection a peer
    /// was offered everybody's media at once; with a later one it is offered now, so that a connection that
    /// never comes up costs no offers.
    pub(super) fn producer_connected(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(producer) = peer.producer.as_mut().filter(|producer| producer.up.is_none()) else { return };
        producer.up = Some(now);
        peer.proven = true;
        self.counters.joins += 1;
        self.tracks_changed(now, key);
        if !self.peers.get(key).is_some_and(Peer::is_new) {
            self.offer_everybody_to(now, key);
        }
    }

    /// A producer that is up sends other tracks than before.
    pub(super) fn tracks_changed(&mut self, now: Instant, source: PeerKey) {
        for receiver in self.recipients(source) {
            self.update_offer(now, Pair { source, receiver });
        }
    }

    /// Offers the source's tracks as they are now to the receiver, on a connection that is made if there is
    /// none.
    pub(super) fn update_offer(&mut self, now: Instant, pair: Pair) {
        let Some(consumer) = self.consumers.get_mut(pair) else { return self.build(now, pair, 0) };
        consumer.stale = true;
        consumer.failures = 0;
        if self.peers.producer(pair.source).is_none_or(|producer| consumer.can_carry(producer)) {
            self.offer(now, pair);
        } else {
            self.rebuild_soon(now, pair);
        }
    }

    /// Makes the pair's connection, unless the source sends nothing.
    fn build(&mut self, now: Instant, pair: Pair, failures: u32) {
        let producer = self.peers.producer(pair.source).filter(|producer| !producer.tracks.is_empty());
        let Some(producer) = producer else { return };
        let codecs = producer.sent_codecs();
        let h264 = producer.agreed.h264;
        let link = consumer::link(&self.settings, &codecs, h264, now);
        let link = self.links.insert(Role::Consumer(pair), link);
        self.consumers.insert(pair, Consumer::new(link, (codecs, h264), failures, now));
        self.offer(now, pair);
    }

    /// Sends the receiver an offer, unless it has the same already, or an earlier one is not answered yet.
    pub(super) fn offer(&mut self, now: Instant, pair: Pair) {
        let view = PairView::new(pair, &self.peers, &mut self.consumers, &mut self.links);
        let Some(PairView { receiver, source, consumer, link }) = view else { return };
        let number = receiver.last_offer + 1;
        let offer = source.producer.as_ref().and_then(|producer| consumer.offer(link, producer, number, now));
        let Some(offer) = offer else { return };
        if consumer.is_outgrown(&offer.sdp) {
            self.rebuild_soon(now, pair);
        }
        self.send_offer(now, pair, number, offer);
        self.gate(now, pair);
    }

    fn send_offer(&mut self, now: Instant, pair: Pair, number: u64, offer: Offer) {
        if let Some(receiver) = self.peers.get_mut(pair.receiver) {
            receiver.last_offer = number;
        }
        if let (Some(receiver), Some(source)) = (self.peers.get(pair.receiver), self.peers.get(pair.source)) {
            let (identity, ids) = (&self.identity, (&receiver.id, &source.id));
            let about = About::Offer(receiver.id.clone(), source.id.clone());
            self.outbox.push(now, about, |request| signal::offer(request, identity, ids, number, offer));
        }
    }

    /// Has the pair's connection replaced: not at once if it is new.
    pub(super) fn rebuild_soon(&mut self, now: Instant, pair: Pair) {
        if let Some(consumer) = self.consumers.get_mut(pair)
            && consumer.rebuild.is_none()
            && consumer.failures < MAX_FAILURES
        {
            let pause = (REBUILD_PACE * (1 << consumer.failures.min(5))).min(MAX_REBUILD_PAUSE);
            consumer.rebuild = Some(now.max(consumer.built + pause));
        }
    }

    /// Replaces the pair's connection if that is due, or repeats an offer that was not answered.
    pub(super) fn sweep_offer(&mut self, now: Instant, pair: Pair) {
        let Some(consumer) = self.consumers.get_mut(pair) else { return };
        if consumer.rebuild.is_some_and(|due| due <= now) {
            let (link, failures) = (consumer.link, consumer.failures);
            self.consumers.remove(pair);
            self.links.remove(link);
            self.counters.rebuilds += 1;
            return self.build(now, pair, failures + 1);
        }
        if consumer.answer_due().is_none_or(|due| due > now) {
            return;
        }
        let (Some(receiver), Some(source)) = (self.peers.get(pair.receiver), self.peers.get(pair.source))
        else {
            return;
        };
        // While the gateway refuses messages the lack of an answer says nothing: the offer, or its answer, is on its way for longer.
        let about = About::Offer(receiver.id.clone(), source.id.clone());
        let refused = self.outbox.is_refused(now, &about);
        let repeats = consumer.outstanding.as_ref().map_or(0, |offer| offer.repeats);
        if repeats >= consumer::MAX_REPEATS && !refused {
            return self.rebuild_soon(now, pair);
        }
        let number = receiver.last_offer + 1;
        if let Some(offer) = consumer.repeat(number, now, !refused) {
            self.send_offer(now, pair, number, offer);
        }
    }

    pub(super) fn consumer_connected(&mut self, now: Instant, pair: Pair) {
        if let Some(consumer) = self.consumers.get_mut(pair) {
            consumer.failures = 0;
        }
        self.refresh(now, pair);
    }
}
