//! A person in the room.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use model::id::PeerId;
use serde_json::{Map, Value};

use super::bucket::Bucket;
use super::consumer::Consumer;
use super::limits::{CHANNEL_BURST, CHANNEL_PACE, MAX_FINGERPRINTS, SIGNAL_BURST, SIGNAL_PACE};
use super::producer::Producer;
use super::speaking::Voice;

/// A peer's place in the room, from its first offer until it is gone. A peer that comes again has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerKey(pub(crate) u64);

/// Everything about one peer.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) born: Instant,
    /// The socket that it has now, as far as it has said.
    pub(crate) connection_id: Option<String>,
    /// When its signaling broke.
    pub(crate) lost: Option<Instant>,
    /// The connection on which it sends.
    pub(crate) producer: Option<Producer>,
    /// Fingerprints of earlier ones: an offer that was overtaken by a newer connection's is known by them.
    fingerprints: VecDeque<String>,
    /// The connections on which it receives.
    pub(crate) consumers: BTreeMap<PeerKey, Consumer>,
    /// The number of the last offer that it was made of anybody's media. It grows over all these connections, so that
    /// a word about an older one is known for what it is.
    pub(crate) last_offer: u64,
    /// The last that it said on the features channel, or what its media shows if it says nothing.
    pub(crate) features: Option<Map<String, Value>>,
    /// It has said nothing on the features channel.
    pub(crate) silent: bool,
    /// The others have not been told of the last features yet.
    pub(crate) untold: bool,
    pub(crate) voice: Voice,
    /// How often it may speak on its channels.
    pub(crate) talk: Bucket,
    /// How often it may offer.
    pub(crate) offers: Bucket,
}

impl Peer {
    pub(crate) fn new(id: PeerId, connection_id: Option<String>, now: Instant) -> Self {
        Self {
            id,
            born: now,
            connection_id,
            lost: None,
            producer: None,
            fingerprints: VecDeque::new(),
            consumers: BTreeMap::new(),
            last_offer: 0,
            features: None,
            silent: true,
            untold: false,
            voice: Voice::default(),
            talk: Bucket::new(now, CHANNEL_BURST, CHANNEL_PACE),
            offers: Bucket::new(now, SIGNAL_BURST, SIGNAL_PACE),
        }
    }

    /// Whether its media is up, so that it can be told of others and others of it.
    pub(crate) fn is_up(&self) -> bool {
        self.producer.as_ref().is_some_and(|producer| producer.up.is_some())
    }

    /// Whether it has had no producer connection before its present one.
    pub(crate) fn is_new(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// Whether an offer is of a producer connection that this peer has had before its present one. The same certificate may
    /// be the present one's too.
    pub(crate) fn has_left(&self, fingerprint: &str) -> bool {
        let present = self.producer.as_ref().map(|producer| producer.transport.fingerprint.as_str());
        present != Some(fingerprint) && self.fingerprints.iter().any(|past| past == fingerprint)
    }

    /// The present producer connection is over.
    pub(crate) fn retire(&mut self) -> Option<Producer> {
        let producer = self.producer.take()?;
        // One whose offer was not taken may be offered again, in other words.
        if producer.offer.is_none() {
            return Some(producer);
        }
        self.fingerprints.push_back(producer.transport.fingerprint.clone());
        if self.fingerprints.len() > MAX_FINGERPRINTS {
            self.fingerprints.pop_front();
        }
        Some(producer)
    }
}
