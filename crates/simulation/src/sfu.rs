//! The SFU of a room, as far as the gateway knows it: it takes its place, answers everybody, asks for its roster, and leaves
//! when nobody needs it.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout_at};

use crate::heard::{Heard, Note};
use crate::pages::{Pages, Stamp, State};
use crate::wire::{Wire, word_of};

/// How long an SFU without people stays.
const IDLE: Duration = Duration::from_secs(40);
/// How often it asks who is there.
const ROSTER: Duration = Duration::from_mins(1);

/// Starts the tasks that are asked for.
pub(crate) async fn start_all(pages: Arc<Pages>, end: Instant) {
    while Instant::now() < end {
        for (room, url) in pages.world.ecs.take() {
            let token = url.split_once("token=").unwrap().1.to_owned();
            spawn_local(Sfu::new(&pages, room).live(token, end));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

struct Sfu {
    room: String,
    pages: Arc<Pages>,
    wire: Wire,
    read: usize,
    served: bool,
    empty_since: Instant,
    probed: u32,
}

impl Sfu {
    fn new(pages: &Arc<Pages>, room: String) -> Self {
        let name = format!("sfu {}", &room[..6]);
        let wire = Wire::new(&pages.world, name, Heard::new(pages.moments.clone()));
        let empty_since = Instant::now();
        Self { room, pages: Arc::clone(pages), wire, read: 0, served: false, empty_since, probed: 0 }
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(self.pages.sfus.0.lock().unwrap().entry(self.room.clone()).or_default())
    }

    async fn live(mut self, token: String, end: Instant) {
        let world = Arc::clone(&self.pages.world);
        world.wait(1_000, 5_000).await;
        self.state(|state| state.runs = true);
        // Some break down, and some lose their network now and then.
        let dies = world.strikes(0.2).then(|| Instant::now() + millis(&world, 30_000));
        let mut breaks = world.strikes(0.4).then(|| Instant::now() + millis(&world, 20_000));
        let mut asks = Instant::now();
        while Instant::now() < end {
            if dies.is_some_and(|at| at <= Instant::now()) {
                world.note(|| format!("sfu {} breaks down", &self.room[..6]));
                self.wire.cut();
                break;
            }
            if breaks.is_some_and(|at| at <= Instant::now()) {
                breaks = None;
                self.wire.cut();
            }
            let Some(socket) = self.wire.socket().filter(|_| self.state(|state| state.there)) else {
                self.state(|state| state.there = false);
                if !self.takes_place(&token).await {
                    break;
                }
                asks = Instant::now();
                continue;
            };
            self.hear(socket);
            let wanted = *self.pages.probes.lock().unwrap();
            if self.probed < wanted {
                self.probed = wanted;
                self.probes(socket);
            }
            if asks <= Instant::now() {
                asks = Instant::now() + ROSTER;
                self.asks(socket).await;
            }
            if self.state(|state| !state.known.is_empty()) {
                self.empty_since = Instant::now();
            } else if self.empty_since.elapsed() >= IDLE && self.leaves(socket).await {
                break;
            }
            let next = Instant::now() + Duration::from_secs(2);
            let _ = timeout_at(next, self.wire.news.notified()).await;
        }
        self.state(|state| (state.runs, state.there) = (false, false));
        self.wire.cut();
    }

    /// Says something to everybody whom the table has, so that those are found who are gone.
    fn probes(&mut self, socket: usize) {
        let room = self.serves();
        for item in self.pages.world.tables.items(Some(&format!("ROOM#{room}"))) {
            if let Some(peer) = item["sk"]["S"].as_str().unwrap().strip_prefix("PEER#") {
                let probe = json!({
                    "type": "producer", "sender": self.room, "receiver": peer, "roomId": room,
                    "candidate": { "candidate": format!("{peer} is asked for"), "sdpMid": "0", "sdpMLineIndex": 0 },
                });
                self.wire.send(socket, "handshake", &probe);
            }
        }
    }

    /// Identifies; `false`: its room is over.
    async fn takes_place(&mut self, token: &str) -> bool {
        self.wire.cut();
        self.pages.world.wait(100, 1_000).await;
        let Some(socket) = self.wire.open(Some(token)).await else { return true };
        let identity = json!({ "type": "sfu", "id": self.room });
        let answer = self.wire.request(socket, "identify", &identity).await;
        match answer.as_ref().map(word_of) {
            Some("identified") => {
                self.state(|state| state.there = true);
                self.empty_since = Instant::now();
                true
            }
            Some("room_closed" | "unauthorized") => false,
            _ => true,
        }
    }

    fn hear(&mut self, socket: usize) {
        let entries = self.wire.heard.entries();
        for entry in &entries[self.read..] {
            let Note::Hears(message) = &entry.note else { continue };
            match message["type"].as_str().unwrap_or_default() {
                "producer" | "consumer" => self.takes(socket, message),
                // Who has begun another stay on the same socket is there.
                "clientDisconnect" if message["rejoined"] != true => {
                    let peer = message["clientId"].as_str().unwrap();
                    let ended = stamp(message);
                    self.state(|state| {
                        if state.known.get(peer).is_some_and(|known| *known <= ended) {
                            state.known.remove(peer);
                        }
                    });
                }
                _ => {}
            }
        }
        self.read = entries.len();
    }

    /// A handshake: its sender is who the gateway says, in this SFU's room. It is answered with what it says.
    fn takes(&mut self, socket: usize, message: &Value) {
        let (peer, room, on) = (&message["sender"], &message["roomId"], stamp(&message["stamp"]));
        let owner = self.pages.world.owners.lock().unwrap().get(&on.1).cloned().unwrap_or_default();
        let (peer, room) = (peer.as_str().unwrap(), room.as_str().unwrap());
        // Those in sessions who have no name are called after their first socket.
        let true_sender = owner == peer
            || owner
                .strip_prefix("client ")
                .is_some_and(|n| !peer.contains('-') || peer == format!("person-{n}"));
        let own_room = if self.served { self.serves() == room } else { true_room(&owner, room, &self.room) };
        if !true_sender || !own_room {
            self.pages.wrong(format!("the SFU of {} has received {message}", self.room));
            return;
        }
        self.served = true;
        if room != self.room {
            self.state(|state| state.serves = Some(room.to_owned()));
        }
        self.state(|state| {
            let known = state.known.entry(peer.to_owned()).or_insert_with(|| on.clone());
            *known = on.max(known.clone());
        });
        let answer = json!({
            "type": "producer", "sender": self.room, "receiver": peer, "roomId": room,
            "candidate": if message["candidate"].is_null() { json!({ "candidate": "" }) } else { message["candidate"].clone() },
        });
        self.wire.send(socket, "handshake", &answer);
    }

    /// The room or the session that it serves.
    fn serves(&self) -> String {
        self.state(|state| state.serves.clone()).unwrap_or_else(|| self.room.clone())
    }

    /// Who is there, of those that it knows: whoever is not, or is away, is lost.
    async fn asks(&mut self, socket: usize) {
        let before = self.state(|state| state.known.clone());
        if before.is_empty() {
            return;
        }
        let question = json!({ "roomId": self.serves(), "peers": before.keys().collect::<Vec<_>>() });
        let answer = self.wire.request(socket, "roster", &question).await;
        let Some(answer) = answer.filter(|answer| answer["type"] == "roster") else { return };
        for (peer, known) in before {
            let listed = answer["peers"].as_array().unwrap().iter().find(|one| one["id"] == peer);
            let listed = listed.filter(|one| one["away"] != true).map(|one| stamp(&one["stamp"]));
            self.state(|state| match listed {
                Some(on) => {
                    state.known.insert(peer, on.max(known));
                }
                None if state.known.get(&peer) == Some(&known) => {
                    state.known.remove(&peer);
                }
                None => {}
            });
        }
    }

    /// Nobody needs it; `true`: it has left.
    async fn leaves(&mut self, socket: usize) -> bool {
        let data = if self.served { json!({}) } else { json!({ "ifSpare": true }) };
        let answer = self.wire.request(socket, "leave", &data).await;
        match answer.as_ref().map(word_of) {
            Some("ack") => true,
            Some("room_claimed") => {
                self.served = true;
                self.empty_since = Instant::now();
                false
            }
            Some("room_needed") => {
                self.empty_since = Instant::now();
                false
            }
            _ => {
                self.wire.cut();
                false
            }
        }
    }
}

/// Visitors are in the SFU's own room, people in a session.
fn true_room(owner: &str, room: &str, own: &str) -> bool {
    owner.starts_with("visitor-") == (room == own)
}

fn stamp(message: &Value) -> Stamp {
    (message["connectedAt"].as_u64().unwrap(), message["connectionId"].as_str().unwrap().to_owned())
}

fn millis(world: &crate::world::World, most: u64) -> Duration {
    Duration::from_millis(world.draw(|fate| fate.random_range(0..most)))
}
