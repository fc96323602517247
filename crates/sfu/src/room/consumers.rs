//! The consumer connections of the room, by who receives whom.

use std::collections::BTreeMap;

use super::consumer::Consumer;
use super::ids::{LinkId, Pair, PeerKey};
use super::link::Link;
use super::links::Links;
use super::peer::Peer;
use super::peers::Peers;

/// By the source first: each of its packets goes to all who receive it.
#[derive(Default)]
pub(crate) struct Consumers(BTreeMap<PeerKey, BTreeMap<PeerKey, Consumer>>);

impl Consumers {
    pub(crate) fn insert(&mut self, pair: Pair, consumer: Consumer) {
        self.0.entry(pair.source).or_default().insert(pair.receiver, consumer);
    }

    pub(crate) fn remove(&mut self, pair: Pair) -> Option<Consumer> {
        self.0.get_mut(&pair.source)?.remove(&pair.receiver)
    }

    pub(crate) fn get(&self, pair: Pair) -> Option<&Consumer> {
        self.0.get(&pair.source)?.get(&pair.receiver)
    }

    pub(crate) fn get_mut(&mut self, pair: Pair) -> Option<&mut Consumer> {
        self.0.get_mut(&pair.source)?.get_mut(&pair.receiver)
    }

    pub(crate) fn of_source_mut(&mut self, source: PeerKey) -> impl Iterator<Item = &mut Consumer> {
        self.0.get_mut(&source).into_iter().flat_map(BTreeMap::values_mut)
    }

    pub(crate) fn of_receiver(&self, receiver: PeerKey) -> impl Iterator<Item = (Pair, &Consumer)> {
        self.0.iter().filter_map(move |(source, receivers)| {
            Some((Pair { source: *source, receiver }, receivers.get(&receiver)?))
        })
    }

    pub(crate) fn of_receiver_mut(&mut self, receiver: PeerKey) -> impl Iterator<Item = &mut Consumer> {
        self.0.values_mut().filter_map(move |receivers| receivers.get_mut(&receiver))
    }

    /// Takes out the connections that `select` chooses, and answers their links, which are to be closed.
    pub(crate) fn extract(&mut self, select: impl Fn(Pair) -> bool) -> Vec<LinkId> {
        let mut links = vec![];
        self.0.retain(|source, receivers| {
            receivers.retain(|receiver, consumer| {
                let selected = select(Pair { source: *source, receiver: *receiver });
                links.extend(selected.then_some(consumer.link));
                !selected
            });
            !receivers.is_empty()
        });
        links
    }
}

/// What it takes to negotiate: both peers, and the connection from one to the other.
pub(crate) struct PairView<'a> {
    pub(crate) receiver: &'a Peer,
    pub(crate) source: &'a Peer,
    pub(crate) consumer: &'a mut Consumer,
    pub(crate) link: &'a mut Link,
}

impl<'a> PairView<'a> {
    pub(crate) fn new(
        pair: Pair,
        peers: &'a Peers,
        consumers: &'a mut Consumers,
        links: &'a mut Links,
    ) -> Option<Self> {
        let consumer = consumers.get_mut(pair)?;
        let link = links.touch(consumer.link)?;
        Some(Self { receiver: peers.get(pair.receiver)?, source: peers.get(pair.source)?, consumer, link })
    }
}
