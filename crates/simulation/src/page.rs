//! A visitor of a page: it finds its room, identifies, and offers media to the SFU, which it follows from room to room.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::api;
use crate::heard::Note;
use crate::invocation::Function;
use crate::pages::{Pages, Place, Visitor};
use crate::plan::moment;
use crate::wire::{Wire, word_of};

/// How long the media of an SFU goes on without signaling until a visitor looks for another one: `claimAfterMs`, and some
/// more.
const MEDIA_LASTS: Duration = Duration::from_secs(6);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Enter,
    Cut,
    CutAndStay,
    Close,
    Leave,
    Reconnect,
    Offer,
    Expire,
}

pub(crate) fn draw(rng: &mut SmallRng) -> (Vec<Visitor>, Vec<Vec<(u64, Act)>>) {
    // In half of the runs there are none.
    let count = if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=4) };
    let visitor = |rng: &mut SmallRng, n| Visitor {
        path: ["/cellar", "/cellar", "/attic"].choose(rng).copied().unwrap(),
        id: format!("visitor-{n}"),
        resume_token: rng.random_bool(0.7).then(|| format!("resume-token-of-{n:04}")),
    };
    let acts = |rng: &mut SmallRng| {
        let mut at = 0;
        let mut acts = vec![(moment(rng, &mut at), Act::Enter)];
        for _ in 0..rng.random_range(2..=8) {
            at += rng.random_range(0..4_000);
            let act = match rng.random_range(0..20) {
                0..=3 => Act::Cut,
                4 => Act::CutAndStay,
                5 => Act::Close,
                6 => Act::Leave,
                7..=9 => Act::Reconnect,
                10..=13 => Act::Offer,
                14 => Act::Expire,
                _ => Act::Enter,
            };
            acts.push((moment(rng, &mut at), act));
        }
        acts
    };
    (0..count).map(|n| (visitor(rng, n), acts(rng))).unzip()
}

impl Pages {
    /// Claims the room of a path, or has one made for the next time.
    async fn claim(&self, path: &str) -> Option<String> {
        let headers = json!({ "accept": "*/*", "content-type": "application/json" });
        let body = Some(json!({ "urlPath": path }).to_string());
        let place = ("PATCH", "/claimRoom", "");
        let (status, answer) =
            api::http(&self.world, Function::ClaimRoom, "PATCH /claimRoom", place, headers, body).await;
        match status {
            200 => answer["roomId"].as_str().map(str::to_owned),
            404 => {
                self.create().await;
                None
            }
            _ => None,
        }
    }

    /// Has a room made.
    pub(crate) async fn create(&self) {
        let place = ("PUT", "/createRoom", "");
        api::http(&self.world, Function::CreateRoom, "PUT /createRoom", place, json!({}), None).await;
    }

    /// The room that a path has.
    async fn look_up(&self, path: &str) -> Option<String> {
        let query = format!("urlPath={}", path.replace('/', "%2F"));
        let place = ("GET", "/getRoomId", query.as_str());
        let route = "GET /getRoomId";
        let (_, answer) = api::http(&self.world, Function::GetRoomId, route, place, json!({}), None).await;
        answer["roomId"].as_str().map(str::to_owned)
    }
}

pub(crate) struct Page {
    n: usize,
    pages: Arc<Pages>,
    wire: Wire,
    wanted: bool,
    /// Since when its room's SFU has had no signaling, as it was told.
    alone: Option<Instant>,
    read: usize,
    /// What it has offered last.
    said: String,
}

impl Page {
    pub(crate) fn new(n: usize, pages: &Arc<Pages>) -> Self {
        let wire = Wire::new(&pages.world, pages.visitors[n].id.clone(), pages.logs[n].clone());
        Self { n, pages: Arc::clone(pages), wire, wanted: false, alone: None, read: 0, said: String::new() }
    }

    fn visitor(&self) -> &Visitor {
        &self.pages.visitors[self.n]
    }

    fn place(&self) -> Option<Place> {
        self.pages.places.lock().unwrap()[self.n].clone()
    }

    fn set(&self, place: Option<Place>) {
        self.pages.places.lock().unwrap()[self.n] = place;
    }

    pub(crate) async fn live(mut self, acts: Vec<(u64, Act)>, end: Instant) {
        let begin = Instant::now();
        for (at, act) in acts {
            self.looks_after(begin + Duration::from_millis(at)).await;
            self.pages.world.note(|| format!("{} {act:?}", self.visitor().id));
            self.act(act).await;
        }
        self.looks_after(end).await;
    }

    async fn looks_after(&mut self, until: Instant) {
        while Instant::now() < until {
            self.hear();
            if self.wanted && self.place().is_none() {
                self.enter().await;
            } else if self.alone.is_some_and(|since| since.elapsed() >= MEDIA_LASTS) {
                self.move_on().await;
            } else if self.place().is_some_and(|place| !place.offered) {
                self.offer().await;
            } else {
                // Its media tells it whether the SFU is there.
                if self.place().is_some_and(|place| !self.pages.sfus.runs(&place.room)) {
                    self.alone.get_or_insert_with(Instant::now);
                }
                let next = until.min(Instant::now() + Duration::from_secs(2));
                let _ = timeout_at(next, self.wire.news.notified()).await;
                continue;
            }
            let pause = self.pages.world.draw(|fate| fate.random_range(300..=2_000));
            sleep_until(until.min(Instant::now() + Duration::from_millis(pause))).await;
        }
    }

    /// Takes notice of what has been said.
    fn hear(&mut self) {
        let entries = self.wire.heard.entries();
        for entry in &entries[self.read..] {
            let Note::Hears(message) = &entry.note else { continue };
            match message["type"].as_str().unwrap_or_default() {
                "sfuDisconnect" => {
                    self.alone = self.place().map(|_| Instant::now());
                }
                "sfuConnect" => {
                    self.alone = None;
                }
                "producer" | "consumer" => self.check(message),
                _ => {}
            }
        }
        self.read = entries.len();
        if let Some(place) = self.place()
            && self.wire.socket() != Some(place.socket)
        {
            self.lost();
        }
    }

    /// A handshake is for this visitor, from the SFU of its room, and repeats what it has said.
    fn check(&self, message: &Value) {
        let own = &self.visitor().id;
        let said = message["candidate"]["candidate"].as_str().unwrap_or_default();
        if said == self.said
            && let Some(mut place) = self.place()
        {
            place.offered = true;
            self.set(Some(place));
        }
        if message["receiver"] != **own || !said.starts_with(&format!("{own} ")) {
            self.pages.wrong(format!("{own} has received {message}"));
        }
    }

    fn lost(&mut self) {
        self.set(None);
        self.alone = None;
    }

    fn cut(&mut self) {
        self.lost();
        self.wire.cut();
    }

    /// Finds the room, and comes in.
    async fn enter(&mut self) {
        let (pages, path) = (Arc::clone(&self.pages), self.visitor().path);
        let known =
            if pages.world.draw(|fate| fate.random_bool(0.3)) { pages.look_up(path).await } else { None };
        let room = match known {
            Some(room) => room,
            None => match pages.claim(path).await {
                Some(room) => room,
                None => return,
            },
        };
        let socket = match self.wire.socket() {
            Some(socket) => socket,
            None => match self.wire.open(None).await {
                Some(socket) => socket,
                None => return,
            },
        };
        self.identify(socket, &room).await;
    }

    async fn identify(&mut self, socket: usize, room: &str) {
        let visitor = self.visitor();
        let mut identity = json!({ "type": "client", "id": visitor.id, "roomId": room });
        if let Some(resume_token) = &visitor.resume_token {
            identity["resumeToken"] = json!(resume_token);
        }
        let answer = self.wire.request(socket, "identify", &identity).await;
        match answer.as_ref().map(|answer| (word_of(answer), answer)) {
            Some(("identified", answer)) => {
                let before = self.place().filter(|place| place.room == room);
                // Whoever has gone before it had its place was no news to it.
                let from = before.map_or_else(|| self.pages.moments.now(), |place| place.from);
                self.set(Some(Place {
                    room: room.to_owned(),
                    connection: answer["connectionId"].as_str().unwrap().to_owned(),
                    socket,
                    from,
                    offered: false,
                }));
                self.offer().await;
            }
            Some(("peer_in_use" | "room_not_found" | "room_closed" | "too_many_requests", _)) => {}
            _ => self.cut(),
        }
    }

    /// Offers its media, or a candidate of it, to the SFU.
    async fn offer(&mut self) {
        let Some(place) = self.place() else { return };
        self.said = format!("{} says {}", self.visitor().id, self.pages.moments.now());
        let handshake = json!({
            "type": "producer", "sender": self.visitor().id, "roomId": place.room,
            "candidate": { "candidate": self.said, "sdpMid": "0", "sdpMLineIndex": 0 },
        });
        let answer = self.wire.request(place.socket, "handshake", &handshake).await;
        match answer.as_ref().map(word_of) {
            Some("sfu_unavailable") => {
                self.alone.get_or_insert_with(Instant::now);
            }
            Some("connection_not_found" | "room_not_found" | "room_closed") | None => self.cut(),
            _ => {}
        }
    }

    /// Its media has ended with the SFU: it claims another one, and goes where that is.
    async fn move_on(&mut self) {
        let path = self.visitor().path;
        let room = self.pages.claim(path).await;
        match (room, self.place()) {
            // It is said to be there: if media does not come back, this is asked again.
            (Some(room), Some(mut place)) if room == place.room => {
                self.alone = None;
                place.offered = false;
                self.set(Some(place));
            }
            (Some(_), _) => self.cut(),
            (None, _) => {}
        }
    }

    async fn act(&mut self, act: Act) {
        self.hear();
        match (act, self.place()) {
            (Act::Enter, _) => self.wanted = true,
            (Act::Cut, _) => self.cut(),
            (Act::CutAndStay, _) => {
                self.wanted = false;
                self.cut();
            }
            (Act::Close, Some(_)) => {
                self.wanted = false;
                self.lost();
                self.wire.close();
            }
            (Act::Leave, Some(place)) => {
                self.wanted = false;
                self.lost();
                self.wire.note(place.socket, Note::Goes);
                let answer = self.wire.request(place.socket, "leave", &json!({})).await;
                match answer.as_ref().map(word_of) {
                    Some("ack" | "connection_not_found") => self.wire.close(),
                    _ => self.wire.cut(),
                }
            }
            (Act::Reconnect, Some(place)) if self.visitor().resume_token.is_some() => {
                let Some(socket) = self.wire.open(None).await else { return };
                self.identify(socket, &place.room).await;
                if self.place().is_none_or(|place| place.socket != socket) {
                    self.cut();
                }
            }
            (Act::Offer, Some(_)) => self.offer().await,
            (Act::Expire, Some(place)) => {
                if let Some(id) = self.wire.id(place.socket) {
                    api::expire(&self.pages.world, id);
                }
            }
            _ => {}
        }
    }
}
