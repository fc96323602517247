//! Everybody in the room, by key and by the id that signaling uses.

use std::collections::{BTreeMap, HashMap};

use model::id::PeerId;

use super::ids::PeerKey;
use super::peer::Peer;
use super::producer::Producer;

#[derive(Default)]
pub(crate) struct Peers {
    by_key: BTreeMap<PeerKey, Peer>,
    keys: HashMap<PeerId, PeerKey>,
    last: u64,
}

impl Peers {
    pub(crate) fn insert(&mut self, peer: Peer) -> PeerKey {
        self.last += 1;
        let key = PeerKey(self.last);
        self.keys.insert(peer.id.clone(), key);
        self.by_key.insert(key, peer);
        key
    }

    pub(crate) fn remove(&mut self, key: PeerKey) -> Option<Peer> {
        let peer = self.by_key.remove(&key)?;
        self.keys.remove(&peer.id);
        Some(peer)
    }

    pub(crate) fn key(&self, id: &PeerId) -> Option<PeerKey> {
        self.keys.get(id).copied()
    }

    pub(crate) fn get(&self, key: PeerKey) -> Option<&Peer> {
        self.by_key.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.by_key.get_mut(&key)
    }

    pub(crate) fn producer(&self, key: PeerKey) -> Option<&Producer> {
        self.get(key)?.producer.as_ref()
    }

    pub(crate) fn producer_mut(&mut self, key: PeerKey) -> Option<&mut Producer> {
        self.get_mut(key)?.producer.as_mut()
    }

    /// The keys as they are now: the list stays valid while peers are changed or removed.
    pub(crate) fn keys(&self) -> Vec<PeerKey> {
        self.by_key.keys().copied().collect()
    }

    /// The ids as they are now.
    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.keys.keys().cloned().collect()
    }

    pub(crate) fn others(&self, key: PeerKey) -> Vec<PeerKey> {
        self.by_key.keys().copied().filter(|other| *other != key).collect()
    }

    /// Those whose connection has never come up, the oldest first.
    pub(crate) fn unproven(&self) -> impl Iterator<Item = PeerKey> {
        self.by_key.iter().filter(|(_, peer)| !peer.proven).map(|(key, _)| *key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(crate) fn producers(&self) -> usize {
        self.by_key.values().filter(|peer| peer.producer.is_some()).count()
    }
}
