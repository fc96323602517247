//! Offers and answers: who is there, and on which connection.

use std::time::Instant;

use model::id::RoomId;

use super::limits::MAX_PEERS;
use super::outbox::About;
use super::peer::{Peer, PeerKey};
use super::producer::{self, Producer};
use super::sdp::{self, Offer};
use super::signal::{self, DescriptionKind, Handshake};
use super::{Role, Room};

impl Room {
    /// A client's word about its own connection.
    pub(super) fn take_producer(&mut self, now: Instant, handshake: Handshake) {
        let number = handshake.number();
        let Some(description) = handshake.description else { return };
        if description.kind != DescriptionKind::Offer {
            return;
        }
        if handshake.connection_id.as_ref().is_some_and(|id| self.left.contains(id)) {
            return;
        }
        let sender = handshake.sender;
        let stranger = !self.keys.contains_key(&sender);
        if stranger && !self.strangers.admit(now, &sender) {
            return;
        }
        let offer = match sdp::read_offer(&description.sdp) {
            Ok(offer) => offer,
            Err(error) => {
                self.bad(now, &error.to_string());
                if stranger {
                    self.strangers.fail(sender);
                }
                return;
            }
        };
        let Some(key) = self.enter(now, sender) else { return };
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if !peer.offers.take(now) || peer.has_left(&offer.fingerprint) {
            return;
        }
        if let Some(producer) = peer.producer.as_ref()
            && producer.fingerprint == offer.fingerprint
            && repeats(producer, number, &offer)
        {
            // One that was overtaken by a newer offer may have come over a socket that is no more.
            if number >= producer.number {
                self.heard_from(now, key, handshake.connection_id);
                self.repeat_answer(now, key, number);
            }
            return;
        }
        if self.accept_offer(now, key, &handshake.room_id, number, &offer) {
            self.heard_from(now, key, handshake.connection_id);
        }
    }

    /// The peer's place in the room, made if there is none and room for one.
    fn enter(&mut self, now: Instant, id: model::id::PeerId) -> Option<PeerKey> {
        if let Some(key) = self.keys.get(&id) {
            return Some(*key);
        }
        if self.peers.len() >= MAX_PEERS {
            tracing::warn!("the room is full");
            return None;
        }
        self.last_key += 1;
        let key = PeerKey(self.last_key);
        self.keys.insert(id.clone(), key);
        self.peers.insert(key, Peer::new(id, now));
        Some(key)
    }

    /// An answer that was lost on its way is sent again to a client that can tell.
    fn repeat_answer(&mut self, now: Instant, key: PeerKey, number: Option<u64>) {
        let Some(producer) = self.peers.get(&key).and_then(|peer| peer.producer.as_ref()) else { return };
        if number.is_some() && number == producer.number {
            let answer = producer.answer.clone();
            self.send_answer(now, key, number, answer);
        }
    }

    /// Takes an offer on the peer's connection, or on a new one if it is of a new one.
    fn accept_offer(
        &mut self,
        now: Instant,
        key: PeerKey,
        room: &RoomId,
        number: Option<u64>,
        offer: &Offer,
    ) -> bool {
        let same = self.peers.get(&key).and_then(|peer| peer.producer.as_ref()).is_some_and(|producer| {
            producer.fingerprint == offer.fingerprint
                && self.links.get(producer.link).is_some_and(super::link::Link::lives)
        });
        if !same && !self.replace_producer(now, key, offer) {
            return false;
        }
        let Some(producer) = self.peers.get_mut(&key).and_then(|peer| peer.producer.as_mut()) else {
            return false;
        };
        let Some(link) = self.links.touch(producer.link) else { return false };
        let answer = match producer.accept(link, offer, now) {
            Ok(answer) => answer,
            Err(error) => {
                self.bad(now, &error.to_string());
                if !same {
                    self.drop_producer(key);
                    self.forget_if_nobody(now, key);
                }
                return false;
            }
        };
        producer.number = number;
        producer.offer.clone_from(&offer.sdp);
        producer.answer.clone_from(&answer);
        let up = producer.up;
        self.names.serve(room);
        self.send_answer(now, key, number, answer);
        if up {
            self.tracks_changed(now, key);
        }
        if !same && self.peers.get(&key).is_some_and(Peer::is_new) {
            self.welcome(now, key);
        }
        true
    }

    fn replace_producer(&mut self, now: Instant, key: PeerKey, offer: &Offer) -> bool {
        let Some((link, channels)) = producer::link(&self.settings, now) else { return false };
        self.drop_producer(key);
        let link = self.links.insert(Role::Producer(key), link);
        let Some(peer) = self.peers.get_mut(&key) else { return false };
        peer.born = now;
        peer.producer = Some(Producer {
            link,
            fingerprint: offer.fingerprint.clone(),
            number: None,
            offer: String::new(),
            answer: String::new(),
            up: false,
            tracks: vec![],
            streams: std::collections::HashMap::new(),
            codecs: vec![],
            channels,
        });
        true
    }

    /// Ends a peer's producer connection, and all on which it receives: a client that has a new one may have been
    /// loaded anew, and know nothing of them. The others keep theirs, and hear of the new one's tracks there.
    fn drop_producer(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let producer = peer.retire().map(|producer| producer.link);
        let consumers = std::mem::take(&mut peer.consumers).into_values().map(|consumer| consumer.link);
        for link in consumers.chain(producer).collect::<Vec<_>>() {
            self.links.remove(link);
        }
    }

    /// A peer whose very first offer was bad leaves no trace.
    fn forget_if_nobody(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get(&key) else { return };
        if peer.features.is_none() && peer.producer.is_none() {
            self.strangers.fail(peer.id.clone());
            self.remove(now, key);
        }
    }

    fn send_answer(&mut self, now: Instant, key: PeerKey, number: Option<u64>, sdp: String) {
        let (names, Some(peer)) = (&self.names, self.peers.get(&key)) else { return };
        let about = About::Answer(peer.id.clone());
        self.outbox.push(now, about, |request| signal::answer(request, names, &peer.id, number, sdp));
    }

    /// A client's word about the connection on which it receives another.
    pub(super) fn take_consumer(&mut self, now: Instant, handshake: Handshake) {
        let number = handshake.number();
        let (Some(description), Some(remote)) = (handshake.description, handshake.remote_peer_id) else {
            return;
        };
        let (Some(receiver), Some(source)) = (self.keys.get(&handshake.sender), self.keys.get(&remote))
        else {
            return;
        };
        let (receiver, source) = (*receiver, *source);
        match description.kind {
            DescriptionKind::Answer => self.take_answer(now, (receiver, source), number, &description.sdp),
            DescriptionKind::Rollback => self.take_rollback(now, (receiver, source), number),
            DescriptionKind::Offer | DescriptionKind::Other => {}
        }
    }

    /// A receiver gives a connection back.
    fn take_rollback(&mut self, now: Instant, (receiver, source): (PeerKey, PeerKey), number: Option<u64>) {
        let consumer = self.peers.get(&receiver).and_then(|peer| peer.consumers.get(&source));
        if consumer.is_some_and(|consumer| consumer.is_meant(number)) {
            self.rebuild_soon(now, receiver, source);
        }
    }

    fn take_answer(
        &mut self,
        now: Instant,
        (receiver, source): (PeerKey, PeerKey),
        number: Option<u64>,
        sdp: &str,
    ) {
        let Some(peer) = self.peers.get_mut(&receiver) else { return };
        let Some(consumer) = peer.consumers.get_mut(&source) else { return };
        if number.is_some_and(|number| number != consumer.number) || consumer.outstanding.is_none() {
            return;
        }
        let Some(link) = self.links.touch(consumer.link) else { return };
        let result = consumer.answer(link, sdp);
        let connected = link.connected;
        match result {
            Ok(_) => {
                self.adapt(now, receiver, source);
                // A track may have sent its only key frame before the receiver had agreed to it.
                if connected {
                    self.refresh(now, receiver, source);
                }
                self.offer(now, receiver, source);
            }
            Err(error) => {
                self.bad(now, &error.to_string());
                self.rebuild_soon(now, receiver, source);
            }
        }
    }

    pub(super) fn bad(&mut self, now: Instant, why: &str) {
        self.counters.bad_descriptions += 1;
        if self.complaints.take(now) {
            tracing::warn!(why, "a description was refused");
        }
    }
}

/// Whether an offer on the present connection has been seen before.
fn repeats(producer: &Producer, number: Option<u64>, offer: &Offer) -> bool {
    match (number, producer.number) {
        (Some(number), Some(last)) => number <= last,
        _ => producer.offer == offer.sdp,
    }
}
