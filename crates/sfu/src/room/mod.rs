//! The room: a pure machine. It is handed the time, what the gateway says and packets; it answers with messages for
//! the gateway, packets, and when it wants to hear the time again. No sockets, no clock, no async: what it does is
//! tested as it is (`tests/`).
//!
//! | file | what it decides |
//! |---|---|
//! | `joining` | offers and answers: who is there, and on which connection |
//! | `announcing` | who is offered whose media, and again when that fails |
//! | `sdp` | what descriptions say, in str0m's terms and in the clients' |
//! | `demux` | whose a packet is, where str0m cannot tell |
//! | `forwarding` | where a packet goes, and as what |
//! | `talking` | the data channels: chat, features, presence |
//! | `watching` | what time alone brings: silence, graces, repetitions |
//! | `names` | which room's people are served, and as whom it speaks to them |
//! | `life` | when the room is given up |

mod announcing;
mod bucket;
mod codecs;
mod consumer;
mod demux;
mod forwarding;
mod joining;
mod key_frames;
mod layers;
mod life;
mod limits;
mod link;
mod links;
mod metrics;
mod names;
mod outbox;
mod peer;
mod producer;
mod rewrite;
mod sdp;
mod settings;
mod signal;
mod speaking;
mod strangers;
mod talking;
mod watching;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use model::id::PeerId;
use str0m::Event;
use str0m::net::Receive;

pub use str0m::net::{Protocol, Transmit};

pub use self::life::Exit;
pub use self::metrics::{Census, Counters};
pub use self::settings::Settings;

use self::bucket::Bucket;
use self::life::Life;
use self::limits::MAX_MEMORIES;
use self::links::{LinkId, Links, Role};
use self::names::Names;
use self::outbox::{About, Outbox, Outcome};
use self::peer::{Peer, PeerKey};
use self::signal::{Incoming, Reason};
use self::strangers::Strangers;

/// How often connections report losses and round trips.
const STATISTICS: Duration = Duration::from_secs(5);
/// The least time between two log lines about bad descriptions.
const COMPLAINTS: Duration = Duration::from_secs(1);
/// How often the room looks at what time has brought while somebody is there …
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

/// One room, and everybody in it.
pub struct Room {
    settings: Settings,
    names: Names,
    peers: BTreeMap<PeerKey, Peer>,
    keys: HashMap<PeerId, PeerKey>,
    links: Links,
    outbox: Outbox,
    life: Life,
    counters: Counters,
    /// Sockets that were left on purpose: what still comes from them is too late.
    left: VecDeque<String>,
    strangers: Strangers,
    /// How often a bad description is logged.
    complaints: Bucket,
    swept: Instant,
    last_key: u64,
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            life: Life::new(&settings, now),
            names: Names::new(settings.room.clone()),
            settings,
            peers: BTreeMap::new(),
            keys: HashMap::new(),
            links: Links::default(),
            outbox: Outbox::default(),
            counters: Counters::default(),
            left: VecDeque::new(),
            strangers: Strangers::new(now),
            complaints: Bucket::new(now, 1, COMPLAINTS),
            swept: now,
            last_key: 0,
        }
    }

    /// There is a socket on which the room has identified.
    pub fn gateway_opened(&mut self, now: Instant) {
        self.life.gateway_opened();
        self.outbox.open(now);
    }

    /// There is none any more.
    pub fn gateway_closed(&mut self, now: Instant) {
        self.life.gateway_closed(now);
        self.outbox.close();
    }

    /// Takes a message of the gateway. What cannot be read is ignored.
    pub fn handle_signal(&mut self, now: Instant, text: &str) {
        let Ok(message) = serde_json::from_str(text) else {
            self.counters.unreadable += 1;
            return;
        };
        match message {
            Incoming::Producer(handshake) | Incoming::Consumer(handshake)
                if !self.names.admit(&handshake.room_id) =>
            {
                self.bad(now, &handshake.sender, "it is of another room");
            }
            Incoming::Producer(handshake) => self.take_producer(now, handshake),
            Incoming::Consumer(handshake) => self.take_consumer(now, handshake),
            Incoming::ClientDisconnect { client_id, connection_id, reason } => {
                self.take_disconnect(now, &client_id, connection_id, reason);
            }
            Incoming::Ack { request_id } => {
                if let Some(Outcome::Done(About::Leave)) = self.outbox.ack(&request_id) {
                    self.life.closed();
                }
            }
            Incoming::Error { request_id: Some(request), status, code } => {
                match self.outbox.error(now, &request, status, &code) {
                    Some(Outcome::Refused(About::Leave, code)) => self.life.refused(now, &code),
                    // A peer without signaling: the room hears of it, and what it waits for is repeated.
                    Some(Outcome::Refused(..) | Outcome::Done(_)) => self.counters.refused += 1,
                    None => {}
                }
            }
            Incoming::Error { request_id: None, .. } | Incoming::Unknown => {}
        }
    }

    /// Takes a packet. `source` is where it came from. Several may be handed in before the room is polled: those whom
    /// they are forwarded to are served together then, which costs less than one by one.
    pub fn handle_packet(&mut self, now: Instant, proto: Protocol, source: SocketAddr, bytes: &[u8]) {
        self.counters.packets_in += 1;
        self.counters.bytes_in += bytes.len() as u64;
        let Some(destination) = self.settings.addresses.first().copied() else { return };
        // A packet is anybody's: not even its reading may end the process.
        let read = || Receive::new(proto, source, destination, bytes).ok();
        let packet = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        let Some(link) = packet.and_then(|packet| self.links.receive(now, packet, bytes)) else {
            self.counters.strays += 1;
            return;
        };
        // A connection that is given a second packet before it was heard out loses the first.
        while let Some((role, event)) = self.links.event_of(now, link) {
            self.on_event(now, link, role, event);
        }
    }

    /// Tells the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.links.tick(now);
        if now.saturating_duration_since(self.swept) >= self.pace() {
            self.swept = now;
            self.watch(now);
        }
    }

    /// When the time is to be told next, at the latest. To be asked after [`poll`](Self::poll) has answered nothing.
    pub fn next_timeout(&mut self) -> Instant {
        let sweep = self.swept + self.pace();
        self.links.deadline().map_or(sweep, |deadline| deadline.min(sweep))
    }

    fn pace(&self) -> Duration {
        if self.peers.is_empty() && !self.life.is_leaving() { QUIET } else { BUSY }
    }

    /// What is to be done next, until it answers nothing.
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
        self.life.exit().map(Output::Exit)
    }

    /// The process has been asked to end: the room is left first.
    pub fn leave(&mut self, now: Instant) {
        self.life.leave(now, &mut self.outbox);
    }

    /// Takes what a connection has to say.
    fn on_event(&mut self, now: Instant, link: LinkId, role: Role, event: Event) {
        match role {
            Role::Producer(peer) => self.on_producer(now, link, peer, event),
            Role::Consumer(receiver, source) => self.on_consumer(now, (receiver, source), event),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "events of str0m that say nothing to a room")]
    fn on_producer(&mut self, now: Instant, link: LinkId, peer: PeerKey, event: Event) {
        match event {
            Event::RtpPacket(packet) => self.forward(now, link, peer, &packet),
            Event::Connected => self.announce(now, peer),
            Event::ChannelOpen(channel, _) => self.channel_opened(peer, channel),
            Event::ChannelData(data) => self.channel_said(now, peer, &data),
            Event::PeerStats(stats) => self.counters.peer(&stats),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "events of str0m that say nothing to a room")]
    fn on_consumer(&mut self, now: Instant, (receiver, source): (PeerKey, PeerKey), event: Event) {
        match event {
            Event::Connected => self.consumer_connected(now, receiver, source),
            Event::KeyframeRequest(request) => self.key_frame_wanted(now, (receiver, source), request.mid),
            Event::EgressBitrateEstimate(estimate) => self.estimated(receiver, source, &estimate),
            Event::PeerStats(stats) => self.counters.peer(&stats),
            _ => {}
        }
    }

    fn peer(&mut self, id: &PeerId) -> Option<(PeerKey, &mut Peer)> {
        let key = *self.keys.get(id)?;
        Some((key, self.peers.get_mut(&key)?))
    }

    /// Everybody but one.
    fn others(&self, key: PeerKey) -> Vec<PeerKey> {
        self.peers.keys().copied().filter(|other| *other != key).collect()
    }

    fn take_disconnect(&mut self, now: Instant, id: &PeerId, connection: Option<String>, reason: Reason) {
        let Some((key, peer)) = self.peer(id) else {
            if reason == Reason::Left {
                self.remember_left(connection);
            }
            return;
        };
        // The end of a socket that the peer had before its present one is old news.
        if let (Some(known), Some(ended)) = (&peer.connection_id, &connection)
            && known != ended
        {
            return;
        }
        match reason {
            Reason::Left => {
                self.remember_left(connection);
                self.remove(now, key);
            }
            Reason::Lost => self.lose(now, key),
        }
    }

    /// An offer may be overtaken by the news that its sender has left.
    fn remember_left(&mut self, connection: Option<String>) {
        self.left.extend(connection);
        if self.left.len() > MAX_MEMORIES {
            self.left.pop_front();
        }
    }
}
