//! Offers and answers: who is there, and on which connection.

use std::time::Instant;

use model::id::{PeerId, RoomId};

use super::limits::MAX_PEERS;
use super::link::Link;
use super::outbox::About;
use super::peer::{Peer, PeerKey};
use super::producer::{self, Producer};
use super::sdp::{Agreed, Description, H264, Places, Refused, Transport};
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
        let entered = Description::offer(&description.sdp).and_then(|offer| {
            if stranger && offer.transport.is_none() {
                return Err(Refused::NothingToTake);
            }
            let key = self.enter(now, &sender, handshake.connection_id.as_ref())?;
            Ok((key, offer))
        });
        let (key, offer) = match entered {
            Ok(entered) => entered,
            Err(why) => {
                if stranger {
                    self.strangers.fail(sender.clone());
                }
                return self.refuse(now, &sender, number, why);
            }
        };
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let past = |transport: &Transport| peer.has_left(&transport.fingerprint);
        if offer.transport.as_ref().is_some_and(past) || !peer.offers.take(now) {
            return;
        }
        if let Some(producer) = peer.producer.as_ref()
            && let lives = self.links.get(producer.link).is_some_and(Link::lives)
            && repeats(producer, number, &offer, lives)
        {
            // One that was overtaken by a newer offer may have come over a socket that is no more.
            if number >= producer.number {
                self.heard_from(now, key, handshake.connection_id);
                self.repeat_answer(now, key, number);
            }
            return;
        }
        match self.accept_offer(now, key, &handshake.room_id, number, offer) {
            Ok(()) => self.heard_from(now, key, handshake.connection_id),
            Err(why) => self.refuse(now, &sender, number, why),
        }
    }

    /// Tells a client that its offer is not taken, and why: it would wait for an answer otherwise.
    fn refuse(&mut self, now: Instant, peer: &PeerId, number: Option<u64>, why: Refused) {
        self.bad(now, peer, &why.to_string());
        let names = &self.names;
        self.outbox.push(now, About::Answer(peer.clone()), |request| {
            signal::refusal(request, names, peer, number, why)
        });
    }

    /// The peer's place in the room, made if there is none and room for one.
    fn enter(&mut self, now: Instant, id: &PeerId, connection: Option<&String>) -> Result<PeerKey, Refused> {
        if let Some(key) = self.keys.get(id) {
            return Ok(*key);
        }
        if self.peers.len() >= MAX_PEERS {
            return Err(Refused::RoomFull);
        }
        self.last_key += 1;
        let key = PeerKey(self.last_key);
        self.keys.insert(id.clone(), key);
        self.peers.insert(key, Peer::new(id.clone(), connection.cloned(), now));
        Ok(key)
    }

    /// The last offer has come again, as its answer may have been lost on its way.
    fn repeat_answer(&mut self, now: Instant, key: PeerKey, number: Option<u64>) {
        let Some(producer) = self.peers.get(&key).and_then(|peer| peer.producer.as_ref()) else { return };
        if number == producer.number {
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
        offer: Description,
    ) -> Result<(), Refused> {
        let same = self.peers.get(&key).and_then(|peer| peer.producer.as_ref()).is_some_and(|producer| {
            producer.is_meant(&offer) && self.links.get(producer.link).is_some_and(Link::lives)
        });
        if !same {
            // Nothing can be begun with an offer in which all is closed.
            let transport = offer.transport.as_ref().ok_or(Refused::NothingToTake)?;
            self.replace_producer(now, key, &offer, transport).ok_or(Refused::Inconsistent)?;
        }
        let accepted = self.answer_offer(now, key, &offer);
        let answer = match accepted {
            Ok(answer) => answer,
            Err(why) => {
                if !same {
                    self.drop_producer(key);
                    self.forget_if_nobody(now, key);
                }
                return Err(why);
            }
        };
        let peer = self.peers.get_mut(&key).ok_or(Refused::Inconsistent)?;
        let producer = peer.producer.as_mut().ok_or(Refused::Inconsistent)?;
        producer.number = number;
        producer.offer = Some(offer);
        producer.answer.clone_from(&answer);
        let up = producer.up.is_some();
        self.names.serve(room);
        self.send_answer(now, key, number, answer);
        if up {
            self.tracks_changed(now, key);
        }
        if !same && self.peers.get(&key).is_some_and(Peer::is_new) {
            self.welcome(now, key);
        }
        Ok(())
    }

    fn answer_offer(&mut self, now: Instant, key: PeerKey, offer: &Description) -> Result<String, Refused> {
        let producer = self.peers.get_mut(&key).and_then(|peer| peer.producer.as_mut());
        let producer = producer.ok_or(Refused::Inconsistent)?;
        let link = self.links.touch(producer.link).ok_or(Refused::Inconsistent)?;
        producer.accept(link, offer, now)
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
        let peer = self.peers.get_mut(&key)?;
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
            streams: std::collections::HashMap::new(),
            agreed: Agreed { params: vec![], h264 },
            channels,
        });
        Some(())
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
                let peer = self.peers.get(&receiver);
                let consumer = peer.and_then(|peer| peer.consumers.get(&source));
                if consumer.is_some_and(|consumer| consumer.declined && consumer.stale) {
                    self.rebuild_soon(now, receiver, source);
                } else {
                    self.offer(now, receiver, source);
                }
            }
            Err(error) => {
                let id = peer.id.clone();
                self.bad(now, &id, &error.to_string());
                self.rebuild_soon(now, receiver, source);
            }
        }
    }

    pub(super) fn bad(&mut self, now: Instant, peer: &PeerId, why: &str) {
        self.counters.bad_descriptions += 1;
        if self.complaints.take(now) {
            tracing::warn!(peer.id = peer.as_str(), why, "a description was refused");
        }
    }
}

/// Whether an offer on the present connection has been seen before. After its end one of another generation of ICE is of
/// another connection, whose numbers may begin anew.
fn repeats(producer: &Producer, number: Option<u64>, offer: &Description, lives: bool) -> bool {
    let same = lives || offer.transport.as_ref() == Some(&producer.transport);
    producer.is_meant(offer)
        && same
        && match (number, producer.number) {
            (Some(number), Some(last)) => number <= last,
            _ => producer.offer.as_ref() == Some(offer),
        }
}
