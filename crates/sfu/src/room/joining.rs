//! Offers and answers of clients: who joins, and on which connection.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::id::{PeerId, RoomId};
use model::stamp::Stamp;

use super::Room;
use super::consumers::PairView;
use super::ids::{Pair, PeerKey};
use super::limits::{MAX_PEERS, MAX_UNPROVEN};
use super::link::Link;
use super::links::Role;
use super::outbox::About;
use super::peer::Peer;
use super::producer::{self, Producer};
use super::sdp::{Agreed, Description, H264, Places, Refused, Transport};
use super::signal::{self, DescriptionKind, Handshake, Terms};

/// How long the gateway's word about the streams of an offer may take.
const STREAMS_WAIT: Duration = Duration::from_secs(1);

impl Room {
    /// A client's handshake about its producer connection.
    pub(super) fn take_producer(&mut self, now: Instant, handshake: Handshake) {
        let (number, terms) = (handshake.number(), handshake.terms());
        let Handshake { sender, room_id, stamp, description, .. } = handshake;
        let offer = description.filter(|description| description.kind == DescriptionKind::Offer);
        let Some(offer) = offer else { return };
        if stamp.as_ref().is_some_and(|stamp| self.ended.has(&sender, stamp)) {
            return self.roster.want(&sender);
        }
        let first = self.peers.key(&sender).is_none();
        if first && !self.first_offer_limit.admit(now, &sender) {
            return;
        }
        let joined = Description::offer(&offer.sdp).and_then(|offer| {
            if first && offer.transport.is_none() {
                return Err(Refused::NothingToTake);
            }
            let terms = terms?;
            Ok((self.enter(now, &sender, stamp.as_ref())?, offer, terms))
        });
        let (key, offer, terms) = match joined {
            Ok(joined) => joined,
            Err(why) => {
                if first {
                    self.first_offer_limit.record_failure(sender.clone());
                }
                return self.refuse(now, &sender, number, why);
            }
        };
        let Some(peer) = self.peers.get_mut(key) else { return };
        peer.knows_presence |= number.is_some();
        let past = |transport: &Transport| peer.has_left(&transport.fingerprint);
        if offer.transport.as_ref().is_some_and(past) || !peer.offer_limit.take(now) {
            return;
        }
        if let Some(producer) = peer.producer.as_ref()
            && let lives = self.links.get(producer.link).is_some_and(Link::is_alive)
            && repeats(producer, number, &offer, lives)
        {
            // An earlier offer that arrives out of order may have come over a socket that has closed since.
            if number >= producer.number {
                // The answer may have been lost on its way.
                let answer = (number == producer.number).then(|| producer.answer.clone());
                self.heard(now, key, stamp.as_ref());
                if let Some(answer) = answer {
                    self.send_answer(now, &sender, number, answer);
                }
            }
            return;
        }
        match self.accept_offer(now, (key, &sender, &room_id), number, (offer, terms)) {
            Ok(()) => self.heard(now, key, stamp.as_ref()),
            Err(why) => self.refuse(now, &sender, number, why),
        }
    }

    /// Sends a client the reason why its offer is not taken: it would wait for an answer otherwise.
    fn refuse(&mut self, now: Instant, peer: &PeerId, number: Option<u64>, why: Refused) {
        self.bad_description(now, peer, &why.to_string());
        let identity = &self.identity;
        self.outbox.push(now, About::Answer(peer.clone()), |request| {
            signal::refusal(request, identity, peer, number, why)
        });
    }

    /// The peer's key. A peer that is not in the room is added, if the room is not full.
    fn enter(&mut self, now: Instant, id: &PeerId, stamp: Option<&Stamp>) -> Result<PeerKey, Refused> {
        if let Some(key) = self.peers.key(id) {
            return Ok(key);
        }
        self.make_room(now);
        if self.peers.len() >= MAX_PEERS {
            return Err(Refused::RoomFull);
        }
        Ok(self.peers.insert(Peer::new(id.clone(), stamp.cloned(), now)))
    }

    /// An offer costs nothing, and proves nothing: of those who have done no more the oldest gives its place to
    /// the next one, if there are many of them or all places are taken.
    fn make_room(&mut self, now: Instant) {
        let full = self.peers.len() >= MAX_PEERS || self.peers.unproven().count() >= MAX_UNPROVEN;
        let oldest = self.peers.unproven().next().filter(|_| full);
        if let Some(oldest) = oldest {
            self.remove(now, oldest);
        }
    }

    /// Takes an offer on the peer's connection, or on a new one if it has another certificate.
    fn accept_offer(
        &mut self,
        now: Instant,
        (key, id, room): (PeerKey, &PeerId, &RoomId),
        number: Option<u64>,
        (offer, terms): (Description, Terms),
    ) -> Result<(), Refused> {
        let same = self.peers.producer(key).is_some_and(|producer| {
            producer.is_meant(&offer) && self.links.get(producer.link).is_some_and(Link::is_alive)
        });
        if !same {
            // An offer in which all sections are closed cannot start a connection.
            let transport = offer.transport.as_ref().ok_or(Refused::NothingToTake)?;
            self.replace_producer(now, key, &offer, transport).ok_or(Refused::Inconsistent)?;
        }
        let producer = self.peers.producer_mut(key).ok_or(Refused::Inconsistent)?;
        let link = self.links.touch(producer.link).ok_or(Refused::Inconsistent)?;
        let answer = producer.accept(link, &offer, &terms.streams, now);
        if answer.is_err() && !same {
            self.drop_producer(key);
            self.remove_if_unused(now, key);
        }
        let answer = answer?;
        let producer = self.peers.producer_mut(key).ok_or(Refused::Inconsistent)?;
        producer.number = number;
        producer.offer = Some(offer);
        producer.answer.clone_from(&answer);
        producer.asks_streams = (!terms.streams.is_empty()).then_some(now + STREAMS_WAIT);
        let up = producer.up.is_some();
        if let Some(peer) = self.peers.get_mut(key) {
            peer.explicit = terms.explicit;
        }
        self.identity.serve(room);
        self.send_answer(now, id, number, answer);
        self.gate_source(now, key);
        self.gate_receiver(now, key);
        if up {
            self.tracks_changed(now, key);
        }
        if !same && self.peers.get(key).is_some_and(Peer::is_new) {
            self.offer_everybody_to(now, key);
        }
        Ok(())
    }

    fn replace_producer(
        &mut self,
        now: Instant,
        key: PeerKey,
        offer: &Description,
        transport: &Transport,
    ) -> Option<()> {
        let h264 = offer.h264().unwrap_or(H264::COMMON);
        let (link, channels) = producer::link(&self.settings, h264, now)?;
        self.drop_producer(key);
        let link = self.links.insert(Role::Producer(key), link);
        let peer = self.peers.get_mut(key)?;
        peer.born = now;
        peer.producer = Some(Producer {
            link,
            transport: transport.clone(),
            number: None,
            offer: None,
            answer: String::new(),
            places: Places::default(),
            up: None,
            tracks: vec![],
            streams: HashMap::new(),
            agreed: Agreed { params: vec![], h264 },
            channels,
            asks_streams: None,
        });
        Some(())
    }

    /// Ends a peer's producer connection and all its consumer connections: a client with a new one may be a
    /// page that was reloaded and knows none of them. Others keep their connections on which they receive the
    /// peer, and are offered the new tracks there.
    fn drop_producer(&mut self, key: PeerKey) {
        self.links.remove_all(self.consumers.extract(|pair| pair.receiver == key));
        let retired = self.peers.get_mut(key).and_then(Peer::retire);
        self.links.remove_all(retired.map(|producer| producer.link));
    }

    /// Removes a peer whose very first offer was bad.
    fn remove_if_unused(&mut self, now: Instant, key: PeerKey) {
        let unused = |peer: &&Peer| peer.features.is_none() && peer.producer.is_none();
        if let Some(peer) = self.peers.get(key).filter(unused) {
            self.first_offer_limit.record_failure(peer.id.clone());
            self.remove(now, key);
        }
    }

    fn send_answer(&mut self, now: Instant, peer: &PeerId, number: Option<u64>, sdp: String) {
        let identity = &self.identity;
        self.outbox.push(now, About::Answer(peer.clone()), |request| {
            signal::answer(request, identity, peer, number, sdp)
        });
    }

    /// A client's handshake about one of its consumer connections.
    pub(super) fn take_consumer(&mut self, now: Instant, handshake: Handshake) {
        let number = handshake.number();
        let Some(pair) = self.pair_of(&handshake) else { return };
        // Without a stamp it may have been under way when the signaling was lost.
        if handshake.stamp.is_some() {
            self.heard(now, pair.receiver, handshake.stamp.as_ref());
        }
        match handshake.description {
            Some(description) if description.kind == DescriptionKind::Answer => {
                self.take_answer(now, pair, number, &description.sdp);
            }
            Some(description) if description.kind == DescriptionKind::Rollback => {
                if self.consumers.get(pair).is_some_and(|consumer| consumer.is_meant(number)) {
                    self.rebuild_soon(now, pair);
                }
            }
            Some(_) | None => {}
        }
    }

    fn pair_of(&self, handshake: &Handshake) -> Option<Pair> {
        let source = self.peers.key(handshake.remote_peer_id.as_ref()?)?;
        Some(Pair { source, receiver: self.peers.key(&handshake.sender)? })
    }

    fn take_answer(&mut self, now: Instant, pair: Pair, number: Option<u64>, sdp: &str) {
        let awaited = self.consumers.get(pair).is_some_and(|consumer| {
            number.is_none_or(|number| number == consumer.number) && consumer.outstanding.is_some()
        });
        if !awaited {
            return;
        }
        let view = PairView::new(pair, &self.peers, &mut self.consumers, &mut self.links);
        let Some(PairView { receiver, consumer, link, .. }) = view else { return };
        if let Err(error) = consumer.answer(link, sdp) {
            let id = receiver.id.clone();
            self.bad_description(now, &id, &error.to_string());
            return self.rebuild_soon(now, pair);
        }
        let (connected, useless) = (link.connected, consumer.declined && consumer.stale);
        self.adapt(now, pair);
        // A track may have sent its only key frame before the receiver had agreed to it.
        if connected {
            self.refresh(now, pair);
        }
        if useless {
            self.rebuild_soon(now, pair);
        } else {
            self.offer(now, pair);
        }
    }

    pub(super) fn bad_description(&mut self, now: Instant, peer: &PeerId, why: &str) {
        self.counters.bad_descriptions += 1;
        if self.log_limit.take(now) {
            tracing::warn!(peer.id = peer.as_str(), why, "a description was refused");
        }
    }
}

/// Whether an offer on the present connection is one that came before. Once the connection has ended, an
/// offer with other ICE credentials is of another connection, whose numbers may begin anew.
fn repeats(producer: &Producer, number: Option<u64>, offer: &Description, lives: bool) -> bool {
    let same = lives || offer.transport.as_ref() == Some(&producer.transport);
    producer.is_meant(offer)
        && same
        && match (number, producer.number) {
            (Some(number), Some(last)) => number <= last,
            _ => producer.offer.as_ref() == Some(offer),
        }
}
