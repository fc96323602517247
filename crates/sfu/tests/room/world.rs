//! A world for a room: clients that are str0m too, a network and a gateway, and a clock that only tests move.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arbiter_sfu::room::{Exit, Output, Room, Settings};
use model::id::RoomId;
use serde_json::{Value, json};
use str0m::net::{Protocol, Receive};
use str0m::{Input, Rtc};

use super::client::Client;

/// Where the room is.
pub(crate) const SFU: &str = "203.0.113.1:3478";
/// How far the clock is moved at once.
const STEP: Duration = Duration::from_millis(5);

/// A packet or a message on its way.
struct Travelling<T> {
    due: Instant,
    order: u64,
    what: T,
}

enum Delivery {
    ToRoom(SocketAddr, Vec<u8>),
    ToClient(SocketAddr, Vec<u8>),
    SignalToRoom(String),
    SignalToClient(String, Value),
}

#[expect(clippy::struct_excessive_bools, reason = "what a gateway and a network may do")]
pub(crate) struct World {
    pub(crate) room: Room,
    pub(crate) now: Instant,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) exit: Option<Exit>,
    /// All messages of the room to the gateway.
    pub(crate) said: Vec<Value>,
    /// Of a thousand packets to and from clients, so many are lost.
    pub(crate) loss: u64,
    /// Packets from and to these addresses are lost.
    pub(crate) dead: Vec<SocketAddr>,
    /// Signaling takes up to so much longer, so that messages arrive out of order.
    pub(crate) jitter: Duration,
    /// Signaling messages arrive twice.
    pub(crate) repeats: bool,
    /// What the gateway answers to the room's requests in place of `ack`.
    pub(crate) refusals: Vec<(u16, &'static str)>,
    /// Those whose sockets take nothing.
    pub(crate) full: BTreeSet<String>,
    /// API Gateway refuses each of the room's requests itself.
    pub(crate) throttled: bool,
    /// The members of the room, as the gateway knows them: the socket of each, and whether it is away.
    pub(crate) members: BTreeMap<String, (String, bool)>,
    /// What each of them publishes: the version, and the streams.
    pub(crate) published: BTreeMap<String, (u64, Value)>,
    /// When the stay began that is, or was, on a socket: a number that grows.
    began: BTreeMap<String, u64>,
    /// Sockets whose ends the gateway has noticed.
    pub(crate) ended: BTreeSet<String>,
    /// An earlier gateway: it does not say over which socket a message came, and cannot be asked who is there.
    pub(crate) earlier: bool,
    /// How long the gateway takes to answer who is there; `None`: for ever.
    pub(crate) lists_after: Option<Duration>,
    /// Whether the room's messages get through at all.
    pub(crate) delivers: bool,
    pub(crate) latency: Duration,
    /// Packets that come at the same time are handed in before the room is polled.
    pub(crate) together: bool,
    /// The bits a second that each address takes; the rest queues, and is lost beyond 200 ms.
    pub(crate) bottleneck: BTreeMap<SocketAddr, (u64, Instant)>,
    /// The packets that have come to the room, and from where, if they are kept.
    pub(crate) overheard: Option<Vec<(SocketAddr, Vec<u8>)>>,
    travelling: Vec<Travelling<Delivery>>,
    order: u64,
    dice: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self::unidentified(|_| {});
        world.room.gateway_opened(world.now);
        world
    }

    /// The room has not identified yet.
    pub(crate) fn unidentified(change: impl FnOnce(&mut Settings)) -> Self {
        let now = Instant::now();
        let mut settings = Settings::new(room_id(), vec![SFU.parse().unwrap()]);
        change(&mut settings);
        let room = Room::new(settings, now);
        Self {
            room,
            now,
            clients: BTreeMap::new(),
            exit: None,
            said: vec![],
            loss: 0,
            dead: vec![],
            jitter: Duration::ZERO,
            repeats: false,
            refusals: vec![],
            full: BTreeSet::new(),
            throttled: false,
            members: BTreeMap::new(),
            published: BTreeMap::new(),
            began: BTreeMap::new(),
            ended: BTreeSet::new(),
            earlier: false,
            lists_after: Some(Duration::ZERO),
            delivers: true,
            latency: Duration::from_millis(10),
            together: false,
            bottleneck: BTreeMap::new(),
            overheard: None,
            travelling: vec![],
            order: 0,
            dice: 1,
        }
    }

    /// A number below `sides`, the same in each run.
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    pub(crate) fn client(&mut self, id: &str) -> &mut Client {
        self.clients.get_mut(id).unwrap()
    }

    /// A client with a microphone and a camera joins.
    pub(crate) fn join(&mut self, id: &str) {
        let mut client = Client::new(id, self.now);
        client.microphone();
        client.camera(&[None]);
        self.enter(client);
    }

    /// A client joins with what it has.
    pub(crate) fn enter(&mut self, mut client: Client) {
        let now = self.now;
        client.offer(now);
        self.be_on(&client.id, &client.socket);
        self.clients.insert(client.id.clone(), client);
        self.collect();
    }

    /// A message of the gateway.
    pub(crate) fn gateway(&mut self, message: &Value) {
        self.room.handle_signal(self.now, &message.to_string());
        self.collect();
    }

    /// A handshake of somebody who is a member on this socket.
    pub(crate) fn relay(&mut self, message: &Value, socket: &str) {
        let message = self.stamped(message, socket);
        self.gateway(&message);
    }

    /// What the gateway makes of a handshake that comes over a socket. To relay it, it must know its sender there.
    fn stamped(&mut self, message: &Value, socket: &str) -> Value {
        let mut message = message.clone();
        if !self.ended.contains(socket) {
            let sender = message["sender"].as_str().unwrap().to_owned();
            self.be_on(&sender, socket);
        }
        if !self.earlier {
            message["stamp"] = stamp(socket);
        }
        message
    }

    /// A client has a new socket, and has taken its place over with it.
    pub(crate) fn reconnect(&mut self, id: &str, socket: &str) {
        self.client(id).socket = socket.into();
        self.be_on(id, socket);
    }

    /// A client's place is on this socket: in the stay that goes on, or in a new one.
    fn be_on(&mut self, id: &str, socket: &str) {
        let next = self.began.values().max().map_or(1, |last| last + 1);
        let known = self.members.get(id).and_then(|(known, _)| self.began.get(known));
        let began = known.copied().unwrap_or(next);
        self.began.insert(socket.into(), began);
        self.members.insert(id.into(), (socket.into(), false));
    }

    /// What the gateway says with each word about a stay.
    fn stay(&self, socket: &str) -> Value {
        let mut stay = stamp(socket);
        stay["creationTime"] = self.began.get(socket).copied().into();
        stay
    }

    /// Somebody's streams are these from now on, by the gateway's word to nobody: each with what is switched on.
    pub(crate) fn publish_silently(&mut self, id: &str, streams: &[(&str, bool, bool)]) {
        let streams: Vec<Value> =
            streams.iter().map(|(id, audio, video)| published(id, *audio, *video)).collect();
        let version = self.published.get(id).map_or(1, |(version, _)| version + 1);
        self.published.insert(id.into(), (version, streams.into()));
    }

    /// The same, and the room is told.
    pub(crate) fn publish(&mut self, id: &str, streams: &[(&str, bool, bool)]) {
        self.publish_silently(id, streams);
        let word = self.streams_of(id, &self.clients[id].socket);
        self.gateway(&word);
    }

    /// What the gateway says of somebody's streams now.
    pub(crate) fn streams_of(&self, id: &str, socket: &str) -> Value {
        let (version, streams) = &self.published[id];
        let mut word = json!({ "type": "streams", "clientId": id, "version": version, "streams": streams });
        word.as_object_mut().unwrap().extend(self.stay(socket).as_object().unwrap().clone());
        word
    }

    /// Somebody receives this of a stream from now on, and the room is told.
    pub(crate) fn subscribe(&mut self, id: &str, stream: &str, audio: bool, video: bool) {
        let mut word = published(stream, audio, video);
        (word["type"], word["clientId"]) = ("subscription".into(), id.into());
        word.as_object_mut().unwrap().extend(stamp(&format!("{id}-1")).as_object().unwrap().clone());
        self.gateway(&word);
    }

    /// A peer's place has ended on a socket.
    pub(crate) fn end(&mut self, id: &str, socket: &str) {
        self.ended.insert(socket.into());
        if self.members.get(id).is_some_and(|(known, _)| known == socket) {
            self.members.remove(id);
        }
    }

    /// The same, and the room is told.
    pub(crate) fn disconnect(&mut self, id: &str, socket: &str, reason: &str) {
        self.end(id, socket);
        self.gateway(&self.end_of(id, socket, reason));
    }

    /// What the gateway says of that.
    pub(crate) fn end_of(&self, id: &str, socket: &str, reason: &str) -> Value {
        let mut notice =
            json!({ "type": "clientDisconnect", "clientId": id, "connectionId": socket, "reason": reason });
        if !self.earlier {
            notice.as_object_mut().unwrap().extend(self.stay(socket).as_object().unwrap().clone());
        }
        notice
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Lets time pass until something is so.
    pub(crate) fn until(&mut self, what: &str, limit: u64, mut so: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(limit);
        while !so(self) {
            assert!(self.now < end, "not within {limit} s: {what}");
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.now;
        self.travelling.sort_by_key(|travelling| (travelling.due, travelling.order));
        while self.travelling.first().is_some_and(|first| first.due <= now) {
            let first = self.travelling.remove(0);
            self.deliver(first.what);
            if !self.together {
                self.collect();
            }
        }
        self.collect();
        while self.exit.is_none() && self.room.next_timeout() <= now {
            self.room.handle_timeout(now);
            self.collect();
        }
        for client in self.clients.values_mut() {
            client.tick(now);
        }
        self.collect();
    }

    fn deliver(&mut self, delivery: Delivery) {
        let now = self.now;
        match delivery {
            Delivery::ToRoom(source, bytes) => {
                self.room.handle_packet(now, Protocol::Udp, source, &bytes);
                if let Some(overheard) = &mut self.overheard {
                    overheard.push((source, bytes));
                }
            }
            Delivery::ToClient(destination, bytes) => {
                for client in self.clients.values_mut() {
                    client.receive(now, destination, &bytes);
                }
            }
            Delivery::SignalToRoom(text) => self.room.handle_signal(now, &text),
            Delivery::SignalToClient(receiver, message) => {
                if let Some(client) = self.clients.get_mut(&receiver) {
                    client.signal(now, &message);
                }
            }
        }
    }

    /// Puts on its way whatever anybody has to send.
    fn collect(&mut self) {
        while let Some(output) = self.room.poll(self.now) {
            match output {
                Output::Transmit(transmit) => {
                    let bytes = transmit.contents.to_vec();
                    self.packet(transmit.destination, Delivery::ToClient(transmit.destination, bytes));
                }
                Output::Signal(text) => self.said_by_room(&text),
                Output::Exit(exit) => self.exit = Some(exit),
            }
        }
        let now = self.now;
        let mut packets = vec![];
        let mut signals = vec![];
        for client in self.clients.values_mut() {
            packets.append(&mut client.packets);
            signals.extend(client.signals.drain(..).map(|signal| (signal, client.socket.clone())));
        }
        for (source, bytes) in packets {
            self.packet(source, Delivery::ToRoom(source, bytes));
        }
        for (signal, socket) in signals {
            let signal = self.stamped(&signal, &socket);
            self.travel_signal(now, || Delivery::SignalToRoom(signal.to_string()));
        }
    }

    fn packet(&mut self, client: SocketAddr, delivery: Delivery) {
        let lost = self.dead.contains(&client) || (self.loss > 0 && self.roll(1_000) < self.loss);
        let mut due = self.now + self.latency;
        if let (Some((rate, free)), Delivery::ToClient(_, bytes)) =
            (self.bottleneck.get_mut(&client), &delivery)
        {
            let begins = (*free).max(self.now);
            if begins > self.now + Duration::from_millis(200) {
                return;
            }
            *free = begins + Duration::from_micros(bytes.len() as u64 * 8_000_000 / *rate);
            due += *free - self.now;
        }
        if !lost {
            self.order += 1;
            self.travelling.push(Travelling { due, order: self.order, what: delivery });
        }
    }

    fn travel_signal(&mut self, now: Instant, delivery: impl Fn() -> Delivery) {
        for _ in 0..=u64::from(self.repeats) {
            let late = self.jitter.as_millis();
            let late = if late == 0 { 0 } else { self.roll(u64::try_from(late).unwrap()) };
            self.order += 1;
            let due = now + self.latency + Duration::from_millis(late);
            self.travelling.push(Travelling { due, order: self.order, what: delivery() });
        }
    }

    fn said_by_room(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        self.said.push(message.clone());
        if !self.delivers {
            return;
        }
        if self.throttled {
            let frame =
                json!({ "message": "Too Many Requests", "connectionId": "c=", "requestId": "theirs=" });
            return self.travel_signal(self.now, || Delivery::SignalToRoom(frame.to_string()));
        }
        let request = message["requestId"].clone();
        let receiver = message["data"]["receiver"].as_str().unwrap_or_default();
        let full = self.full.contains(receiver).then_some((429, "too_many_requests"));
        if let Some((status, code)) = full.or_else(|| self.refusals.pop()) {
            let error = json!({ "type": "error", "requestId": request, "status": status, "code": code, "message": "" });
            return self.travel_signal(self.now, || Delivery::SignalToRoom(error.to_string()));
        }
        if message["action"] == "roster" {
            return self.list(&message);
        }
        let ack = json!({ "type": "ack", "requestId": request });
        self.travel_signal(self.now, || Delivery::SignalToRoom(ack.to_string()));
        if message["action"] == "handshake" {
            let data = &message["data"];
            let receiver = data["receiver"].as_str().unwrap().to_owned();
            self.travel_signal(self.now, || Delivery::SignalToClient(receiver.clone(), data.clone()));
        }
    }

    /// Answers who is there, as it is now.
    fn list(&mut self, question: &Value) {
        let request = &question["requestId"];
        if self.earlier {
            let error =
                json!({ "type": "error", "requestId": request, "status": 400, "code": "unknown_action" });
            return self.travel_signal(self.now, || Delivery::SignalToRoom(error.to_string()));
        }
        let Some(after) = self.lists_after else { return };
        let asked = question["data"]["peers"].as_array().unwrap();
        let listed = asked.iter().filter_map(|id| {
            let (socket, away) = self.members.get(id.as_str()?)?;
            let mut listed = json!({ "id": id, "stamp": stamp(socket), "away": away });
            listed["creationTime"] = self.began.get(socket).copied().into();
            if let Some((version, streams)) = self.published.get(id.as_str()?) {
                (listed["version"], listed["streams"]) = ((*version).into(), streams.clone());
            }
            Some(listed)
        });
        let answer = json!({ "type": "roster", "requestId": request, "peers": listed.collect::<Vec<_>>() });
        self.travel_signal(self.now + after, || Delivery::SignalToRoom(answer.to_string()));
    }

    /// Whom the room has asked for, each time.
    pub(crate) fn asked(&self) -> Vec<Vec<&str>> {
        let asked = self.said.iter().filter(|said| said["action"] == "roster");
        let ids = asked.map(|said| said["data"]["peers"].as_array().unwrap());
        ids.map(|ids| ids.iter().filter_map(Value::as_str).collect()).collect()
    }

    /// How many offers of a kind the room has made to somebody.
    pub(crate) fn offers_to(&self, receiver: &str) -> usize {
        self.numbers_to(receiver).len()
    }

    /// The numbers of the offers that the room has made to somebody.
    pub(crate) fn numbers_to(&self, receiver: &str) -> Vec<u64> {
        let offers = self.said.iter().filter(|said| said["data"]["description"]["type"] == "offer");
        let offers = offers.filter(|said| said["data"]["receiver"] == receiver);
        offers.map(|said| said["data"]["negotiation"].as_u64().unwrap()).collect()
    }
}

fn published(id: &str, audio: bool, video: bool) -> Value {
    json!({ "streamId": id, "hasAudio": audio, "hasVideo": video })
}

/// A socket as the gateway names it. The number at the end of its name says when it opened.
pub(crate) fn stamp(socket: &str) -> Value {
    let opened: u64 = socket.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    json!({ "connectedAt": opened, "connectionId": socket })
}

pub(crate) fn room_id() -> RoomId {
    RoomId::try_from("room".to_owned()).unwrap()
}

/// Gives a packet to a connection.
pub(crate) fn receive(rtc: &mut Rtc, now: Instant, destination: SocketAddr, bytes: &[u8]) {
    let source = SFU.parse().unwrap();
    if let Ok(packet) = Receive::new(Protocol::Udp, source, destination, bytes) {
        let _ = rtc.handle_input(Input::Receive(now, packet));
    }
}
