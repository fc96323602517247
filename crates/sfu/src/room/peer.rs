//! One peer: its connection for sending, its features, and its limits.

use std::collections::VecDeque;
use std::time::Instant;

use model::id::PeerId;
use model::stamp::Stamp;
use serde_json::{Map, Value};

use super::bucket::Bucket;
use super::features::Features;
use super::limits::{CHANNEL_BURST, CHANNEL_PACE, MAX_FINGERPRINTS, SIGNAL_BURST, SIGNAL_PACE};
use super::producer::Producer;
use super::speaking::Voice;

#[expect(clippy::struct_excessive_bools, reason = "five facts about a peer that depend on nothing")]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) born: Instant,
    /// The socket that it was last heard on, or had its place on: the gateway's word. `None` as long as that has said nothing.
    pub(crate) stamp: Option<Stamp>,
    /// Its client is none of the original's, and understands `presence`.
    pub(crate) knows_presence: bool,
    /// It receives only the streams to which it has subscribed: as its last offer says.
    pub(crate) explicit: bool,
    /// When its signaling broke.
    pub(crate) lost: Option<Instant>,
    /// A connection of it has come up once.
    pub(crate) proven: bool,
    /// The connection on which it sends.
    pub(crate) producer: Option<Producer>,
    /// Fingerprints of earlier ones, by which a late offer of an earlier connection is recognized.
    fingerprints: VecDeque<String>,
    /// The number of the last offer that it was sent, of anybody's media. One sequence for all its consumer
    /// connections, so that an answer on a replaced connection is recognized as late.
    pub(crate) last_offer: u64,
    /// Its last features, or features made from its media if it sends none.
    pub(crate) features: Option<Features>,
    /// It has sent no features.
    pub(crate) silent: bool,
    /// The last features have not been broadcast yet.
    pub(crate) unsent_features: bool,
    pub(crate) voice: Voice,
    pub(crate) message_limit: Bucket,
    pub(crate) offer_limit: Bucket,
}

impl Peer {
    pub(crate) fn new(id: PeerId, stamp: Option<Stamp>, now: Instant) -> Self {
        Self {
            id,
            born: now,
            stamp,
            knows_presence: false,
            explicit: false,
            lost: None,
            proven: false,
            producer: None,
            fingerprints: VecDeque::new(),
            last_offer: 0,
            features: None,
            silent: true,
            unsent_features: false,
            voice: Voice::default(),
            message_limit: Bucket::new(now, CHANNEL_BURST, CHANNEL_PACE),
            offer_limit: Bucket::new(now, SIGNAL_BURST, SIGNAL_PACE),
        }
    }

    /// Its features as the others are told of them.
    pub(crate) fn features_message(&self) -> Option<Map<String, Value>> {
        self.features.as_ref().map(|features| features.message(self.voice.speaks(), self.lost.is_some()))
    }

    /// Whether its media is up, so that it can be offered to others.
    pub(crate) fn is_up(&self) -> bool {
        self.producer.as_ref().is_some_and(|producer| producer.up.is_some())
    }

    /// Whether it has had no producer connection before its present one.
    pub(crate) fn is_new(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// Whether an offer is of an earlier producer connection. A certificate that the present one has too is
    /// the present one's.
    pub(crate) fn has_left(&self, fingerprint: &str) -> bool {
        let present = self.producer.as_ref().map(|producer| producer.transport.fingerprint.as_str());
        present != Some(fingerprint) && self.fingerprints.iter().any(|past| past == fingerprint)
    }

    /// Takes the present producer connection away, and remembers it as an earlier one.
    pub(crate) fn retire(&mut self) -> Option<Producer> {
        let producer = self.producer.take()?;
        // One whose offer was refused may be offered again.
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
