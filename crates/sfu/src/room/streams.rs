//! A session's streams: which tracks are forwarded, to whom, and what happens when no media comes.
//!
//! Whether a section is sent is worked out when anything changes that it depends on, and kept with the section: a packet looks
//! at one flag.

use std::time::Instant;

use model::id::PeerId;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::Room;
use super::ids::{Pair, PeerKey, StreamId};
use super::members::{Kinds, Order, Sight};
use super::outbox::About;
use super::peer::Peer;
use super::signal::{self, Listed, Published};

impl Room {
    /// The gateway says what somebody publishes now.
    pub(super) fn take_streams(
        &mut self,
        now: Instant,
        id: &PeerId,
        stamp: &Stamp,
        (order, published): (Order, Vec<Published>),
    ) {
        if self.ended.has(id, stamp) {
            self.roster.want(id);
        } else if !self.members.get(id).is_some_and(|member| member.knows(order)) {
            self.publish(now, id, order, published);
        }
    }

    fn publish(&mut self, now: Instant, id: &PeerId, order: Order, published: Vec<Published>) {
        let peers = &self.peers;
        let member = self.members.entry(id, |id| peers.key(id).is_some());
        let ended = member.publish(now, order, published);
        self.streams_changed(now, id, &ended);
    }

    /// The gateway says what somebody receives of a stream from now on.
    pub(super) fn take_subscription(
        &mut self,
        now: Instant,
        id: &PeerId,
        stamp: &Stamp,
        (stream, kinds): (StreamId, Kinds),
    ) {
        if self.ended.has(id, stamp) {
            return self.roster.want(id);
        }
        let peers = &self.peers;
        self.members.entry(id, |id| peers.key(id).is_some());
        let publisher = stream.publisher();
        self.members.subscribe(id, stream, kinds);
        let source = publisher.and_then(|publisher| self.peers.key(&publisher));
        if let Some((source, receiver)) = source.zip(self.peers.key(id)) {
            self.gate(now, Pair { source, receiver });
        }
    }

    /// The roster says what somebody publishes; who publishes nothing is listed without a version. If nothing has been said since
    /// the question, this is how it is, whatever was known: clocks that differ may make a newer stay look like an older one.
    pub(super) fn take_listed_streams(
        &mut self,
        now: Instant,
        id: &PeerId,
        listed: Listed,
        known: Option<Order>,
    ) {
        let Listed { stamp, creation_time, version, streams, .. } = listed;
        let unchanged = self.members.order(id) == known;
        let order = version.map(|version| (creation_time, version));
        match order {
            Some(_) if unchanged && order == known => {}
            Some(order) if unchanged => self.publish(now, id, order, streams),
            Some(order) => self.take_streams(now, id, &stamp, (order, streams)),
            None if unchanged => self.end_streams(now, id, None),
            None => {}
        }
    }

    /// Asks the gateway for a peer that has offered tracks of streams of which nothing has been said since: an SFU that is
    /// new to a session has heard nothing of what was published before.
    pub(super) fn ask_streams(&mut self, now: Instant, key: PeerKey) {
        let Some(Peer { id, producer: Some(producer), .. }) = self.peers.get_mut(key) else { return };
        if producer.asks_streams.take_if(|due| *due <= now).is_none() {
            return;
        }
        let member = self.members.get(id);
        let unknown =
            |id: &StreamId| member.is_none_or(|member| member.streams.iter().all(|stream| stream.id != *id));
        if producer.tracks.iter().filter_map(|track| track.session_stream.as_ref()).any(unknown) {
            self.roster.want(id);
        }
    }

    /// Somebody's stay that began then has ended, or whichever it was, and its streams with it.
    pub(super) fn end_streams(&mut self, now: Instant, id: &PeerId, began: Option<EpochMillis>) {
        let ended = self.members.end(id, began);
        if !ended.is_empty() {
            self.streams_changed(now, id, &ended);
        }
    }

    fn streams_changed(&mut self, now: Instant, id: &PeerId, ended: &[StreamId]) {
        self.members.unsubscribe_all(ended);
        for stream in ended {
            self.outbox.forget_stream(stream);
        }
        if let Some(source) = self.peers.key(id) {
            self.gate_source(now, source);
        }
    }

    /// Works out anew what of a source is sent, and to whom.
    pub(super) fn gate_source(&mut self, now: Instant, source: PeerKey) {
        let Some(Peer { id, producer: Some(producer), .. }) = self.peers.get_mut(source) else { return };
        let member = self.members.get(id);
        for track in &mut producer.tracks {
            let published = |id| member.is_some_and(|member| member.publishes(id, track.kind));
            // What is part of no stream nobody could mute, in a session.
            track.flows = track.session_stream.as_ref().map_or(!self.identity.is_session(), published);
        }
        for receiver in self.peers.others(source) {
            self.gate(now, Pair { source, receiver });
        }
    }

    /// Works out anew what a receiver is sent.
    pub(super) fn gate_receiver(&mut self, now: Instant, receiver: PeerKey) {
        for source in self.peers.others(receiver) {
            self.gate(now, Pair { source, receiver });
        }
    }

    /// Works out anew what one peer is sent of another.
    pub(super) fn gate(&mut self, now: Instant, pair: Pair) {
        let peers = self.peers.producer(pair.source).zip(self.peers.get(pair.receiver));
        let Some(((producer, receiver), consumer)) = peers.zip(self.consumers.get_mut(pair)) else { return };
        let member = self.members.get(&receiver.id);
        let mut changed = false;
        for section in &mut consumer.sections {
            let track = producer.tracks.iter().find(|track| section.track == Some(track.mid));
            // Until the receiver has been told that a track belongs to another stream now, it would take it for that of the old.
            let track = track.filter(|track| track.flows && track.session_stream == section.session_stream);
            let flows = track.is_some_and(|track| {
                let subscribed = |id| member.is_some_and(|member| member.subscribes(id, track.kind));
                !receiver.explicit || track.session_stream.as_ref().is_none_or(subscribed)
            });
            changed |= section.let_flow(flows);
        }
        if changed {
            self.adapt(now, pair);
        }
    }

    /// Tells the gateway of streams of which no media comes.
    pub(super) fn watch_streams(&mut self, now: Instant) {
        let Self { members, peers, outbox, identity, counters, settings, .. } = self;
        for (id, member) in members.iter_mut() {
            let peer = peers.key(id).and_then(|key| peers.get(key));
            let producer = peer.and_then(|peer| peer.producer.as_ref());
            for stream in &mut member.streams {
                let tracks = producer.into_iter().flat_map(|producer| &producer.tracks);
                let tracks = tracks.filter(|track| track.session_stream.as_ref() == Some(&stream.id));
                let sight = Sight {
                    last: tracks.flat_map(|track| &track.layers).filter_map(|layer| layer.rate.last).max(),
                    up: peer.is_some_and(Peer::is_up),
                    lost: peer.is_some_and(|peer| peer.lost.is_some()),
                };
                if stream.is_over(now, sight, settings.first_media, settings.media_gap) {
                    counters.streams_over += 1;
                    let about = About::Unpublish(stream.id.clone());
                    outbox.push(now, about, |request| signal::unpublish(request, identity, &stream.id));
                }
            }
        }
    }
}
