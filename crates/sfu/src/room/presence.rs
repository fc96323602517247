//! Whether a peer can be reached, who is told so, and how a peer is removed.

use std::time::Instant;

use model::stamp::Stamp;
use serde_json::Value;

use super::Room;
use super::features::Features;
use super::ids::{Pair, PeerKey};
use super::producer::Channel;

/// What the others are told of a peer's presence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    /// Its signaling is gone; its media is kept for a while.
    Lost,
    /// It has been removed.
    Gone,
}

impl Presence {
    fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Lost => "lost",
            Self::Gone => "gone",
        }
    }
}

impl Room {
    /// A peer's signaling is gone. Its media is kept for a while.
    pub(super) fn lose(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.lost.is_none()) else { return };
        peer.lost = Some(now);
        self.broadcast_presence(key, Presence::Lost);
        // Clients that know no presence have closed the connection on which they received it.
        let recipients = self.recipients(key);
        let closed = |pair: Pair| pair.source == key && !recipients.contains(&pair.receiver);
        self.links.remove_all(self.consumers.extract(closed));
    }

    /// A handshake of a peer has come over the socket that the gateway names. If its signaling was lost, it is back.
    pub(super) fn heard(&mut self, now: Instant, key: PeerKey, stamp: Option<&Stamp>) {
        let Some(peer) = self.peers.get(key) else { return };
        match (stamp, &peer.stamp) {
            (Some(stamp), Some(known)) if stamp == known => {}
            (Some(stamp), known) if known.as_ref().is_none_or(|known| known < stamp) => {
                self.be_on(key, stamp);
                self.find(now, key);
            }
            // An earlier gateway, which names none: that the message came is all there is to go by.
            (None, None) => self.find(now, key),
            // It was under way for long, or an older socket was let in later: the gateway knows.
            (Some(_) | None, _) => self.roster.want(&peer.id),
        }
        self.lifecycle.used(now);
    }

    /// A peer says itself on which socket it is: if the gateway has named another, that is a reason to ask it, and no more.
    pub(super) fn hint(&mut self, now: Instant, key: PeerKey, connection: Option<&str>) {
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(connection) = connection else {
            // As an original client does, to which this gateway has given no stamp.
            if peer.stamp.is_none() && !peer.knows_presence {
                self.find(now, key);
            }
            return;
        };
        peer.knows_presence = true;
        match &peer.stamp {
            Some(known) if known.connection_id.as_str() == connection => {}
            Some(_) => self.roster.want(&peer.id),
            None => self.find(now, key),
        }
    }

    /// A peer's place is on this socket: the gateway's word.
    pub(super) fn be_on(&mut self, key: PeerKey, stamp: &Stamp) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.stamp.as_ref() != Some(stamp)) else {
            return;
        };
        peer.stamp = Some(stamp.clone());
        for consumer in self.consumers.of_receiver_mut(key) {
            consumer.failures = 0;
        }
    }

    /// A peer can be reached.
    pub(super) fn find(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.lost.is_some()) else { return };
        peer.lost = None;
        let up = peer.is_up();
        self.broadcast_presence(key, Presence::Here);
        for receiver in self.peers.others(key) {
            if up && !self.knows_presence(receiver) {
                self.update_offer(now, Pair { source: key, receiver });
            }
        }
    }

    /// Removes a peer with all its connections, and tells the others.
    pub(super) fn remove(&mut self, now: Instant, key: PeerKey) {
        self.broadcast_presence(key, Presence::Gone);
        let Some(peer) = self.peers.remove(key) else { return };
        self.outbox.forget(&peer.id);
        self.links.remove_all(self.consumers.extract(|pair| pair.receiver == key));
        self.links.remove_all(peer.producer.map(|producer| producer.link));
        self.links.remove_all(self.consumers.extract(|pair| pair.source == key));
        self.counters.departures += 1;
        self.lifecycle.used(now);
    }

    fn broadcast_presence(&mut self, key: PeerKey, presence: Presence) {
        let Some(peer) = self.peers.get(key) else { return };
        let mut message = peer.features_message().unwrap_or_else(|| Features::unknown(&peer.id));
        message.insert("presence".into(), presence.name().into());
        let text = Value::Object(message).to_string();
        if presence != Presence::Gone {
            return self.broadcast_about(key, &text);
        }
        // Also to those whose channels are not open yet: they may have been offered its media, and nothing
        // else would tell them that it is gone.
        for other in self.peers.others(key) {
            if self.knows_presence(other) {
                self.enqueue(other, Channel::Features, text.clone());
            }
        }
    }

    /// Whether a peer's client understands `presence`. Those that do number their offers; an original client takes any message
    /// about a peer for a sign that it is there.
    pub(super) fn knows_presence(&self, key: PeerKey) -> bool {
        self.peers.get(key).is_some_and(|peer| peer.knows_presence)
    }

    /// Whether the receiver is told of the source, and offered its media. To clients that know no presence a
    /// lost peer has gone: the gateway has told them so.
    pub(super) fn sees(&self, pair: Pair) -> bool {
        let reachable = self.peers.get(pair.source).is_some_and(|source| source.lost.is_none());
        reachable || self.knows_presence(pair.receiver)
    }

    /// Everybody who is told of a peer, and offered its media.
    pub(super) fn recipients(&self, source: PeerKey) -> Vec<PeerKey> {
        let others = self.peers.others(source).into_iter();
        others.filter(|receiver| self.sees(Pair { source, receiver: *receiver })).collect()
    }
}
