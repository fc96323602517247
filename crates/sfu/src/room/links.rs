//! All connections of the room: which one a packet belongs to, and which have output to be polled.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, Input};

use super::ids::{LinkId, Pair, PeerKey};
use super::limits::MAX_ROUTES;
use super::link::{Link, Step};
use crate::stun;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A peer sends on it.
    Producer(PeerKey),
    /// A peer receives another on it.
    Consumer(Pair),
}

struct Entry {
    link: Link,
    role: Role,
    /// It has been given input since it was last polled.
    dirty: bool,
    /// It has been given the time since its last input.
    ticked: bool,
    routes: Vec<Route>,
    /// The ufrag by which it is found.
    ufrag: String,
    /// The deadline under which it stands in the heap.
    queued: Option<Instant>,
}

type Route = (Protocol, SocketAddr);

/// The connections.
#[derive(Default)]
pub(crate) struct Links {
    entries: HashMap<LinkId, Entry>,
    ufrags: HashMap<String, LinkId>,
    routes: HashMap<Route, LinkId>,
    dirty: VecDeque<LinkId>,
    deadlines: BinaryHeap<Reverse<(Instant, LinkId)>>,
    transmits: VecDeque<Transmit>,
    last: u64,
}

impl Links {
    pub(crate) fn insert(&mut self, role: Role, link: Link) -> LinkId {
        self.last += 1;
        let id = LinkId(self.last);
        let ufrag = link.ufrag.clone();
        self.ufrags.insert(ufrag.clone(), id);
        self.entries.insert(
            id,
            Entry { link, role, dirty: false, ticked: false, routes: vec![], ufrag, queued: None },
        );
        self.mark(id);
        id
    }

    /// Ends a connection. The other side is told (DTLS `close_notify`) if DTLS is up.
    pub(crate) fn remove(&mut self, id: LinkId) {
        let Some(mut entry) = self.entries.remove(&id) else { return };
        self.ufrags.remove(&entry.ufrag);
        for route in entry.routes {
            self.routes.remove(&route);
        }
        if entry.link.connected {
            entry.link.with(|rtc| rtc.close().ok());
            while let Some(step) = entry.link.poll() {
                if let Step::Transmit(transmit) = step {
                    self.transmits.push_back(transmit);
                }
            }
        }
    }

    pub(crate) fn remove_all(&mut self, ids: impl IntoIterator<Item = LinkId>) {
        for id in ids {
            self.remove(id);
        }
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.entries.get(&id).map(|entry| &entry.link)
    }

    /// A connection that is about to be given input. It is given the time before it is polled.
    pub(crate) fn touch(&mut self, id: LinkId) -> Option<&mut Link> {
        self.mark(id);
        let entry = self.entries.get_mut(&id)?;
        entry.ticked = false;
        Some(&mut entry.link)
    }

    fn mark(&mut self, id: LinkId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push_back(id);
        }
    }

    /// Gives a packet, parsed and as its bytes, to the connection that it belongs to, if there is one: a check
    /// to the one that it names, anything else to the one that a check has come to from the same address. No
    /// packet has all connections asked, so that a flood from anywhere costs the same however many there are.
    pub(crate) fn receive(&mut self, now: Instant, packet: Receive<'_>, bytes: &[u8]) -> Option<LinkId> {
        let route = (packet.proto, packet.source);
        let input = Input::Receive(now, packet);
        let named = stun::addressee(bytes).and_then(|ufrag| self.ufrags.get(ufrag)).copied();
        let id = named.or_else(|| self.routes.get(&route).copied())?;
        if !self.accepts(id, &input) {
            return None;
        }
        self.learn(route, id);
        if let Input::Receive(now, packet) = input {
            self.mark(id);
            let entry = self.entries.get_mut(&id)?;
            entry.link.receive(now, packet, bytes);
            entry.ticked = true;
        }
        Some(id)
    }

    fn accepts(&mut self, id: LinkId, input: &Input<'_>) -> bool {
        self.entries.get_mut(&id).is_some_and(|entry| entry.link.accepts(input))
    }

    /// Remembers where a connection's packets come from.
    fn learn(&mut self, route: Route, id: LinkId) {
        if self.routes.get(&route) == Some(&id) {
            return;
        }
        if let Some(before) = self.routes.insert(route, id)
            && let Some(entry) = self.entries.get_mut(&before)
        {
            entry.routes.retain(|known| *known != route);
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.routes.push(route);
        if entry.routes.len() > MAX_ROUTES {
            let oldest = entry.routes.remove(0);
            self.routes.remove(&oldest);
        }
    }

    /// Gives the time to connections whose deadline has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(id) = self.due(now) {
            self.touch(id);
        }
    }

    fn due(&mut self, now: Instant) -> Option<LinkId> {
        let (deadline, id) = self.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop();
        self.entries.get_mut(&id)?.queued = None;
        Some(id)
    }

    /// When [`tick`](Self::tick) is to be called next.
    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        self.first().map(|(deadline, _)| deadline)
    }

    /// The first deadline of all. A connection is in the heap once; when its deadline has moved back since,
    /// it is put there anew.
    fn first(&mut self) -> Option<(Instant, LinkId)> {
        loop {
            let Reverse((queued, id)) = *self.deadlines.peek()?;
            match self.entries.get_mut(&id).filter(|entry| entry.queued == Some(queued)) {
                Some(entry) if entry.link.deadline == Some(queued) => return Some((queued, id)),
                Some(entry) => {
                    entry.queued = None;
                    self.deadlines.pop();
                    self.queue(id);
                }
                None => {
                    self.deadlines.pop();
                }
            }
        }
    }

    fn queue(&mut self, id: LinkId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let Some(deadline) = entry.link.deadline
            && entry.queued.is_none_or(|queued| deadline < queued)
        {
            entry.queued = Some(deadline);
            self.deadlines.push(Reverse((deadline, id)));
        }
    }

    /// The next event of any connection that was given input.
    pub(crate) fn event(&mut self, now: Instant) -> Option<(LinkId, Role, Event)> {
        while let Some(id) = self.dirty.front().copied() {
            if let Some((role, event)) = self.event_of(now, id) {
                return Some((id, role, event));
            }
            self.dirty.pop_front();
        }
        None
    }

    /// The next event of one connection, if it was given input. Its packets are put aside for
    /// [`transmit`](Self::transmit).
    pub(crate) fn event_of(&mut self, now: Instant, id: LinkId) -> Option<(Role, Event)> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.dirty)?;
        loop {
            if !entry.ticked {
                entry.link.tick(now);
                entry.ticked = true;
            }
            while let Some(step) = entry.link.poll() {
                match step {
                    Step::Transmit(transmit) => self.transmits.push_back(transmit),
                    Step::Event(event) => return Some((entry.role, event)),
                }
                // str0m's pacer releases one packet for each input of the time, even of the same time;
                // without that it asks for another a microsecond later.
                entry.ticked = false;
            }
            if entry.ticked {
                break;
            }
        }
        entry.dirty = false;
        // Before the answer with the new one is sent: that is polled after the connections.
        if entry.ufrag != entry.link.ufrag {
            self.ufrags.remove(&entry.ufrag);
            entry.ufrag.clone_from(&entry.link.ufrag);
            self.ufrags.insert(entry.ufrag.clone(), id);
        }
        self.queue(id);
        None
    }

    /// The next packet to send.
    pub(crate) fn transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
