//! The room: a sans-IO state machine. Its inputs are the time, messages of the gateway and packets; its
//! outputs are messages for the gateway, packets, and the time at which it needs the time again. Without
//! sockets, clock or async it is tested as it runs (`tests/`).
//!
//! | file | what it does |
//! |---|---|
//! | `joining` | takes offers and answers of clients: who joins, and on which connection |
//! | `offering` | offers one peer's media to another, and again when that fails |
//! | `forwarding` | sends packets to receivers, and chooses their encodings |
//! | `streams` | decides which tracks of a session's streams are forwarded, and to whom |
//! | `members` | knows which streams the members of a session publish and receive |
//! | `data_channels` | broadcasts chat and features |
//! | `presence` | knows whether a peer can be reached, tells the others, and removes it |
//! | `reconciling` | asks the gateway who is there, and heals what was missed |
//! | `ended` | remembers whose places have ended |
//! | `housekeeping` | ends graces, replaces silent connections, repeats offers |
//! | `lifecycle` | decides when the room is left, and how the process ends |
//! | `room_identity` | knows the ids in the room's messages |
//! | `first_offers` | limits the offers of those who are not in the room yet |
//! | `sdp` | translates descriptions between str0m and clients |
//! | `demux` | assigns packets to streams where str0m cannot |

mod bucket;
mod codecs;
mod consumer;
mod consumers;
mod data_channels;
mod demux;
mod ended;
mod features;
mod first_offers;
mod forwarding;
mod housekeeping;
mod ids;
mod joining;
mod key_frames;
mod layers;
mod lifecycle;
mod limits;
mod link;
mod links;
mod members;
mod metrics;
mod offering;
mod outbox;
mod peer;
mod peers;
mod presence;
mod producer;
mod reconciling;
mod rewrite;
mod room_identity;
mod roster;
mod sdp;
mod settings;
mod signal;
mod speaking;
mod streams;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use model::id::PeerId;
use model::stamp::Stamp;
use model::time::EpochMillis;
use str0m::Event;
use str0m::net::Receive;

pub use str0m::net::{Protocol, Transmit};

pub use self::lifecycle::Exit;
pub use self::metrics::{Counters, Gauges};
pub use self::settings::Settings;
pub(crate) use self::signal::is_refusal;

use self::bucket::Bucket;
use self::consumers::Consumers;
use self::ended::Ended;
use self::first_offers::FirstOfferLimit;
use self::ids::{LinkId, Pair, PeerKey};
use self::lifecycle::Lifecycle;
use self::links::{Links, Role};
use self::members::{Kinds, Members};
use self::outbox::{About, Outbox, Outcome};
use self::peers::Peers;
use self::room_identity::RoomIdentity;
use self::roster::Roster;
use self::signal::{Incoming, Reason};

/// The least time between two log lines about bad descriptions.
const LOG_PACE: Duration = Duration::from_secs(1);
/// How often housekeeping runs while somebody is in the room …
const BUSY: Duration = Duration::from_millis(100);
/// … and while nobody is.
const QUIET: Duration = Duration::from_secs(1);

/// What the room wants done.
#[derive(Debug)]
pub enum Output {
    /// A packet to send.
    Transmit(Transmit),
    /// A request for the gateway, as its JSON text.
    Signal(String),
    /// The process has nothing more to do.
    Exit(Exit),
}

/// One room with all its peers.
pub struct Room {
    settings: Settings,
    identity: RoomIdentity,
    peers: Peers,
    consumers: Consumers,
    links: Links,
    outbox: Outbox,
    lifecycle: Lifecycle,
    counters: Counters,
    /// Those who have left, or were sent away: an offer that arrives from them afterwards is ignored.
    ended: Ended,
    roster: Roster,
    members: Members,
    first_offer_limit: FirstOfferLimit,
    /// How often a bad description is logged.
    log_limit: Bucket,
    swept: Instant,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            lifecycle: Lifecycle::new(&settings, now),
            identity: RoomIdentity::new(settings.room.clone()),
            settings,
            peers: Peers::default(),
            consumers: Consumers::default(),
            links: Links::default(),
            outbox: Outbox::default(),
            counters: Counters::default(),
            ended: Ended::default(),
            roster: Roster::default(),
            members: Members::default(),
            first_offer_limit: FirstOfferLimit::new(now),
            log_limit: Bucket::new(now, 1, LOG_PACE),
            swept: now,
        }
    }

    /// The room has identified on a socket to the gateway.
    pub fn gateway_opened(&mut self, now: Instant) {
        self.lifecycle.gateway_opened();
        self.outbox.open(now);
        self.roster.open(now);
        self.sweep_roster(now);
    }

    /// The last socket to the gateway is gone.
    pub fn gateway_closed(&mut self, now: Instant) {
        self.lifecycle.gateway_closed(now);
        self.outbox.close();
        self.roster.close();
    }

    /// Takes a message of the gateway. One that cannot be parsed is counted and ignored.
    pub fn handle_signal(&mut self, now: Instant, text: &str) {
        let Ok(message) = serde_json::from_str(text) else {
            if is_refusal(text) {
                self.counters.refused += 1;
                self.outbox.refused(now);
            } else {
                self.counters.unreadable += 1;
            }
            return;
        };
        match message {
            Incoming::Producer(handshake) | Incoming::Consumer(handshake)
                if !self.identity.admit(&handshake.room_id) =>
            {
                self.bad_description(now, &handshake.sender, "it is of another room");
            }
            Incoming::Producer(handshake) => self.take_producer(now, handshake),
            Incoming::Consumer(handshake) => self.take_consumer(now, handshake),
            Incoming::ClientDisconnect { client_id, creation_time, rejoined: true, .. } => {
                self.end_streams(now, &client_id, creation_time);
            }
            Incoming::ClientDisconnect { client_id, ended, creation_time, reason, .. } => {
                self.take_disconnect(now, &client_id, (ended, creation_time), reason);
            }
            Incoming::Streams { client_id, stamp, creation_time, version, streams } => {
                self.take_streams(now, &client_id, &stamp, ((creation_time, version), streams));
            }
            Incoming::Subscription { client_id, stamp, stream_id, has_audio, has_video } => {
                let kinds = Kinds { audio: has_audio, video: has_video };
                self.take_subscription(now, &client_id, &stamp, (stream_id, kinds));
            }
            Incoming::Roster { request_id, peers } => {
                // An answer to an earlier question is out of date.
                if self.outbox.ack(&request_id) == Some(Outcome::Done(About::Roster)) {
                    self.take_roster(now, peers);
                }
            }
            Incoming::Ack { request_id } => {
                if let Some(Outcome::Done(About::Leave)) = self.outbox.ack(&request_id) {
                    self.lifecycle.closed();
                }
            }
            Incoming::Error { request_id: Some(request), status, code } => {
                match self.outbox.error(now, &request, status, &code) {
                    Some(Outcome::Refused(About::Leave, code)) => self.lifecycle.refused(now, &code),
                    Some(Outcome::Refused(About::Roster, _)) => self.roster.refused(),
                    // A peer without signaling: the gateway reports that by itself, and offers are repeated.
                    Some(Outcome::Refused(..) | Outcome::Done(_)) => self.counters.refused += 1,
                    None => {}
                }
            }
            Incoming::Error { request_id: None, .. } | Incoming::Unknown => {}
        }
    }

    /// Takes a packet that came from `source`, and answers whether it is a connection's. Of an address that is
    /// new, the first that is has to be a check with the right credentials. Handing in several before polling
    /// costs less: their receivers' connections are then polled once.
    pub fn handle_packet(&mut self, now: Instant, proto: Protocol, source: SocketAddr, bytes: &[u8]) -> bool {
        self.counters.packets_in += 1;
        self.counters.bytes_in += bytes.len() as u64;
        let Some(destination) = self.settings.addresses.first().copied() else { return false };
        // Anybody can send a packet: a panic while it is parsed may not end the process.
        let read = || Receive::new(proto, source, destination, bytes).ok();
        let packet = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        let Some(link) = packet.and_then(|packet| self.links.receive(now, packet, bytes)) else {
            self.counters.strays += 1;
            return false;
        };
        // Events are taken now: a connection that gets a second packet before it was polled loses the first.
        while let Some((role, event)) = self.links.event_of(now, link) {
            self.on_event(now, link, role, event);
        }
        true
    }

    /// Gives the room the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.links.tick(now);
        if now.saturating_duration_since(self.swept) >= self.pace() {
            self.swept = now;
            self.sweep(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest. Valid once
    /// [`poll`](Self::poll) has answered nothing.
    pub fn next_timeout(&mut self) -> Instant {
        let sweep = self.swept + self.pace();
        self.links.deadline().map_or(sweep, |deadline| deadline.min(sweep))
    }

    fn pace(&self) -> Duration {
        if self.peers.is_empty() && !self.lifecycle.is_leaving() { QUIET } else { BUSY }
    }

    /// The next output. To be called until it answers nothing.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        while let Some((link, role, event)) = self.links.event(now) {
            self.on_event(now, link, role, event);
        }
        if let Some(transmit) = self.links.transmit() {
            self.counters.packets_out += 1;
            self.counters.bytes_out += transmit.contents.len() as u64;
            return Some(Output::Transmit(transmit));
        }
        if let Some(signal) = self.outbox.poll(now) {
            self.counters.signals_out += 1;
            return Some(Output::Signal(signal));
        }
        self.lifecycle.exit().map(Output::Exit)
    }

    /// The process has been asked to end: the room is left first.
    pub fn leave(&mut self, now: Instant) {
        self.lifecycle.leave(now, &mut self.outbox);
    }

    fn on_event(&mut self, now: Instant, link: LinkId, role: Role, event: Event) {
        match role {
            Role::Producer(peer) => self.on_producer(now, link, peer, event),
            Role::Consumer(pair) => self.on_consumer(now, pair, event),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the room needs few of str0m's events")]
    fn on_producer(&mut self, now: Instant, link: LinkId, peer: PeerKey, event: Event) {
        match event {
            Event::RtpPacket(packet) => self.forward(now, link, peer, &packet),
            Event::Connected => self.producer_connected(now, peer),
            Event::ChannelOpen(channel, _) => self.channel_opened(peer, channel),
            Event::ChannelData(data) => self.channel_data(now, peer, &data),
            Event::PeerStats(stats) => self.counters.peer(&stats),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the room needs few of str0m's events")]
    fn on_consumer(&mut self, now: Instant, pair: Pair, event: Event) {
        match event {
            Event::Connected => self.consumer_connected(now, pair),
            Event::KeyframeRequest(request) => self.key_frame_wanted(now, pair, request.mid),
            Event::EgressBitrateEstimate(estimate) => self.estimated(pair, &estimate),
            Event::PeerStats(stats) => self.counters.peer(&stats),
            _ => {}
        }
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Who and what is there now.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let producers = self.peers.producers();
        Gauges { peers: self.peers.len(), producers, consumers: self.links.len().saturating_sub(producers) }
    }

    /// The gateway says that a peer's place has ended on a socket, and in a session when the stay there had begun.
    fn take_disconnect(
        &mut self,
        now: Instant,
        id: &PeerId,
        (ended, began): (Option<Stamp>, Option<EpochMillis>),
        reason: Reason,
    ) {
        // What was published in that stay is over, whichever socket the peer is on by now.
        if began.is_some() {
            self.end_streams(now, id, began);
        }
        let key = self.peers.key(id);
        let known = key.and_then(|key| self.peers.get(key)?.stamp.as_ref());
        // A newer socket than the one that is known was the peer's too, though nothing came over it. An older one is old news,
        // unless it was let in later, and so is the end of a stay that another has followed: the gateway knows.
        let old = known.zip(ended.as_ref()).is_some_and(|(known, ended)| ended < known);
        let followed = self.members.order(id).is_some_and(|(since, _)| began.is_some() && since > began);
        if old || followed {
            return self.roster.want(id);
        }
        // An earlier gateway does not say which stay has ended.
        if began.is_none() {
            self.end_streams(now, id, None);
        }
        match (reason, key) {
            (Reason::Left, key) => {
                self.members.remove_ended(id);
                if let Some(ended) = ended {
                    self.ended.remember(id.clone(), ended);
                }
                if let Some(key) = key {
                    self.remove(now, key);
                }
            }
            (Reason::Lost, Some(key)) => {
                if let Some(ended) = ended {
                    self.be_on(key, &ended);
                }
                self.lose(now, key);
            }
            (Reason::Lost, None) => {}
        }
    }
}
