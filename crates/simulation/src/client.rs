//! A person of a session, with its sockets: it does what was drawn for it, and as long as it wants to be in the session
//! it comes back after every break.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::api;
use crate::heard::{Heard, Moments, Note};
use crate::history::{Forced, History, Sender, Signal};
use crate::mutes::{Mutes, Sound, Switched};
use crate::names::PROJECT;
use crate::plan::{Act, Person};
use crate::project;
use crate::view::View;
use crate::wire::{Wire, word_of};
use crate::world::World;

/// An offer to send.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\n";

/// What the people of a run share.
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) history: History,
    pub(crate) mutes: Mutes,
    pub(crate) moments: Moments,
    /// The ids of their sessions.
    pub(crate) sessions: Vec<String>,
    /// What each has heard.
    pub(crate) logs: Vec<Heard>,
    pub(crate) people: Vec<Person>,
}

impl Shared {
    fn session(&self, n: usize) -> &str {
        &self.sessions[self.people[n].session]
    }

    /// Who somebody is, or was at last.
    fn peer(&self, n: usize) -> Option<String> {
        View::of(&self.logs[n].entries()).presences.last().map(|presence| presence.own.0.clone())
    }
}

pub(crate) struct Client {
    n: usize,
    shared: Arc<Shared>,
    wire: Wire,
    left: usize,
    wanted: bool,
    /// The streams that it has asked for, whatever has become of them.
    streams: Vec<String>,
}

impl Client {
    pub(crate) fn new(n: usize, shared: &Arc<Shared>) -> Self {
        let wire = Wire::new(&shared.world, format!("client {n}"), shared.logs[n].clone());
        Self { n, shared: Arc::clone(shared), wire, left: 0, wanted: false, streams: vec![] }
    }

    fn person(&self) -> &Person {
        &self.shared.people[self.n]
    }

    /// Does its acts at their moments, and looks after its socket meanwhile; goes on with that until the run is over.
    pub(crate) async fn live(mut self, acts: Vec<(u64, Act)>, end: Instant) {
        let begin = Instant::now();
        for (at, act) in acts {
            self.looks_after(begin + Duration::from_millis(at)).await;
            self.shared.world.note(|| format!("client {} {act:?}", self.n));
            self.act(act).await;
        }
        self.looks_after(end).await;
    }

    /// Comes back whenever it wants to be in the session and is not, or was sent away from its socket.
    async fn looks_after(&mut self, until: Instant) {
        while Instant::now() < until {
            if self.sent_away() {
                self.wanted = false;
                self.wire.cut();
            }
            if self.wanted && self.there().is_none() {
                self.join().await;
                let pause = self.shared.world.draw(|fate| fate.random_range(200..=1_500));
                sleep_until(until.min(Instant::now() + Duration::from_millis(pause))).await;
            } else {
                let _ = timeout_at(until, self.wire.news.notified()).await;
            }
        }
    }

    /// Whether a moderator has made it go from the socket that it is on.
    fn sent_away(&self) -> bool {
        let Some(newest) = self.wire.newest() else { return false };
        self.wire.heard.entries().iter().any(|entry| match &entry.note {
            Note::Hears(message) => {
                entry.socket == newest
                    && message["type"] == "goAway"
                    && message["reason"] == "forceDisconnected"
            }
            Note::Asks | Note::Goes | Note::Breaks | Note::Ends => false,
        })
    }

    /// The socket that it is a member on.
    fn there(&self) -> Option<usize> {
        let socket = self.wire.socket()?;
        let view = View::of(&self.wire.heard.entries());
        view.present().filter(|presence| presence.socket == socket).map(|_| socket)
    }

    fn identity(&self) -> Value {
        let (person, session) = (self.person(), self.shared.session(self.n));
        let token = project::token(&self.shared.world, session, person.role);
        let mut identity = json!({
            "type": "client", "roomId": session, "apiKey": PROJECT.0, "token": token,
            "connectionEventsSuppressed": person.suppressed,
        });
        if let Some(id) = &person.id {
            identity["id"] = json!(id);
        }
        if let Some(resume_token) = &person.resume_token {
            identity["resumeToken"] = json!(resume_token);
        }
        identity
    }

    /// Tries to come in, on the socket that is open or on a new one.
    async fn join(&mut self) {
        let socket = match self.wire.socket() {
            Some(socket) => socket,
            None => match self.wire.open(None).await {
                Some(socket) => socket,
                None => return,
            },
        };
        self.identify(socket).await;
    }

    /// Identifies. Where that fails for good, or nobody knows what has come of it, all sockets are given up.
    async fn identify(&mut self, socket: usize) {
        let identity = self.identity();
        let answer = self.wire.request(socket, "identify", &identity).await;
        match answer.as_ref().map(word_of) {
            Some("identified" | "peer_in_use") => {}
            // It holds nothing, and may ask again.
            Some("too_many_requests") if self.there().is_none() => {}
            Some("unauthorized" | "forbidden" | "bad_message" | "room_not_found") => {
                self.shared.history.surprise(format!("identify is answered {answer:?}"));
                self.wire.cut();
            }
            _ => self.wire.cut(),
        }
    }

    /// Leaves, and closes the socket: what is said of that stay, or to it, may come later than the next identify.
    async fn leave(&mut self, socket: usize) -> bool {
        self.wire.note(socket, Note::Goes);
        self.left += 1;
        let answer = self.wire.request(socket, "leave", &json!({})).await;
        let done = matches!(answer.as_ref().map(word_of), Some("ack" | "connection_not_found"));
        if done {
            self.wire.close();
        } else {
            self.wire.cut();
        }
        done
    }

    #[expect(clippy::too_many_lines, reason = "a line or five for each act")]
    async fn act(&mut self, act: Act) {
        let shared = Arc::clone(&self.shared);
        match (act, self.there()) {
            (Act::Join, _) => self.wanted = true,
            (Act::JoinAndSignal, None) => {
                self.wanted = true;
                let Some(socket) = self.wire.open(None).await else { return };
                let identity = self.identity();
                let request = self.wire.send(socket, "identify", &identity);
                self.signals(socket, 1, None).await;
                if self.wire.answer(socket, &request).await.as_ref().map(word_of) != Some("identified") {
                    self.wire.cut();
                }
            }
            (Act::JoinAndCut, None) => {
                let Some(socket) = self.wire.open(None).await else { return };
                let identity = self.identity();
                self.wire.send(socket, "identify", &identity);
                shared.world.wait(0, 200).await;
                self.wire.cut();
            }
            (Act::Repeat, Some(socket)) => self.identify(socket).await,
            (Act::Reconnect, Some(_)) if self.person().resume_token.is_some() => {
                let Some(socket) = self.wire.open(None).await else { return };
                if shared.world.draw(|fate| fate.random_bool(0.3)) {
                    // It breaks meanwhile, and the next one meets what is still being done for it.
                    let identity = self.identity();
                    self.wire.send(socket, "identify", &identity);
                    shared.world.wait(0, 100).await;
                    self.wire.cut();
                    return;
                }
                self.identify(socket).await;
                if self.there().is_none() {
                    self.wire.cut();
                }
            }
            (Act::Cut, _) => self.wire.cut(),
            (Act::CutForAWhile, Some(_)) => {
                self.wire.cut();
                shared.world.wait(100, 2_500).await;
                self.rest_signal(None).await;
                shared.world.wait(0, 2_000).await;
            }
            (Act::CutAndStay, _) => {
                self.wanted = false;
                self.wire.cut();
            }
            (Act::Expire, Some(socket)) => {
                if let Some(id) = self.wire.id(socket) {
                    api::expire(&shared.world, id);
                }
            }
            (Act::Close, Some(_)) => {
                self.wanted = false;
                self.wire.close();
            }
            (Act::Leave, Some(socket)) => {
                self.wanted = false;
                self.leave(socket).await;
            }
            (Act::LeaveAndJoin, Some(socket)) => self.comes_back(socket).await,
            (Act::Signal(count), Some(socket)) => self.signals(socket, count, None).await,
            (Act::SignalTo(whom), Some(socket)) => {
                if let Some(to) = shared.peer(whom) {
                    self.signals(socket, 1, Some(&to)).await;
                }
            }
            (Act::Offer, Some(socket)) => {
                let Some(own) = shared.peer(self.n) else { return };
                let offer = json!({
                    "type": "producer", "sender": own, "roomId": shared.session(self.n),
                    "description": { "type": "offer", "sdp": OFFER },
                });
                // There may be no SFU yet: nobody in a session waits for one.
                self.wire.request(socket, "handshake", &offer).await;
            }
            (Act::Publish, Some(socket)) => self.publish(socket).await,
            (Act::Unpublish, Some(socket)) => self.unpublish(socket).await,
            (Act::UpdateStream, Some(socket)) => self.update_stream(socket).await,
            (Act::Mute(whom), Some(socket)) => {
                if let Some(stream) = shared.mutes.newest_of(whom) {
                    self.wire.request(socket, "forceMuteStream", &json!({ "streamId": stream })).await;
                }
            }
            (Act::MuteAll(but), Some(socket)) => {
                let excluded: Vec<_> =
                    but.and_then(|whom| shared.mutes.newest_of(whom)).into_iter().collect();
                let data = json!({ "excludedStreamIds": excluded });
                self.switch_mute(Some(excluded), Some((socket, "forceMuteAll", data))).await;
            }
            (Act::RestMuteAll, _) => self.switch_mute(Some(vec![]), None).await,
            (Act::DisableMute, Some(socket)) => {
                self.switch_mute(None, Some((socket, "disableForceMute", json!({})))).await;
            }
            (Act::ForceUnpublish(whom), Some(socket)) => {
                if let Some(stream) = shared.mutes.newest_of(whom) {
                    self.wire.request(socket, "forceUnpublish", &json!({ "streamId": stream })).await;
                }
            }
            (Act::RestSignal, _) => self.rest_signal(None).await,
            (Act::RestSignalTo(whom), _) => {
                if let Some(to) = shared.peer(whom) {
                    self.rest_signal(Some(&to)).await;
                }
            }
            (Act::Force(whom), Some(socket)) => {
                if let Some(peer) = shared.peer(whom) {
                    let asked = shared.moments.now();
                    self.wire.request(socket, "forceDisconnect", &json!({ "connectionId": peer })).await;
                    shared.history.forced(Forced { peer, asked, answered: u64::MAX });
                }
            }
            (Act::RestForce(whom), _) => {
                if let Some(peer) = shared.peer(whom) {
                    let (asked, session) = (shared.moments.now(), shared.session(self.n));
                    let path = format!("/connection/{peer}");
                    project::rest(&shared.world, "DELETE", session, &path, None).await;
                    shared.history.forced(Forced { peer, asked, answered: u64::MAX });
                }
            }
            _ => {}
        }
    }

    /// Begins a stream under an id of its own making, which an answer that was lost may be asked for again by.
    async fn publish(&mut self, socket: usize) {
        let Some(own) = self.shared.peer(self.n) else { return };
        let stream = format!("{:04}{:04}~{own}", self.n, self.streams.len());
        self.streams.push(stream.clone());
        self.shared.mutes.published(self.n, &stream);
        let data = json!({ "streamId": stream });
        let first = self.wire.send(socket, "publish", &data);
        let again = self.shared.world.draw(|fate| fate.random_bool(0.3));
        let second = again.then(|| self.wire.send(socket, "publish", &data));
        let mut answers = vec![self.wire.answer(socket, &first).await];
        if let Some(second) = second {
            answers.push(self.wire.answer(socket, &second).await);
        }
        for answer in answers {
            let done = answer.as_ref().map(word_of) == Some("published");
            let answered = if done { self.shared.moments.now() } else { u64::MAX };
            self.shared.mutes.sound(Sound { stream: stream.clone(), publishes: true, answered });
        }
    }

    /// Leaves, and joins again.
    async fn comes_back(&mut self, socket: usize) {
        if self.leave(socket).await {
            self.join().await;
        }
    }

    /// Switches the mute of the session: on a socket, or by REST.
    async fn switch_mute(&mut self, excluded: Option<Vec<String>>, on: Option<(usize, &str, Value)>) {
        let shared = Arc::clone(&self.shared);
        let (session, asked) = (self.person().session, shared.moments.now());
        let done = if let Some((socket, action, data)) = on {
            let answer = self.wire.request(socket, action, &data).await;
            match answer.as_ref().map(word_of) {
                Some("ack") => Some(true),
                Some("forbidden") => None,
                _ => Some(false),
            }
        } else {
            let body = json!({ "active": excluded.is_some() });
            let answer =
                project::rest(&shared.world, "POST", shared.session(self.n), "/mute", Some(body)).await;
            Some(answer.0 == 200)
        };
        if let Some(done) = done {
            let answered = if done { shared.moments.now() } else { u64::MAX };
            shared.mutes.switched(Switched { session, excluded, asked, answered });
        }
    }

    async fn unpublish(&mut self, socket: usize) {
        let of = self.streams.len();
        if of > 0 {
            let stream = self.shared.world.draw(|fate| fate.random_range(0..of));
            let data = json!({ "streamId": self.streams[stream] });
            self.wire.request(socket, "unpublish", &data).await;
        }
    }

    async fn update_stream(&mut self, socket: usize) {
        let Some(stream) = self.streams.last() else { return };
        let on = self.shared.world.draw(|fate| fate.random_bool(0.5));
        let data = |sound: bool| json!({ "streamId": stream, "hasAudio": sound });
        let first = self.wire.send(socket, "updateStream", &data(on));
        let second = self.wire.send(socket, "updateStream", &data(!on));
        let stream = stream.clone();
        for (request, sound) in [(first, on), (second, !on)] {
            let done = self.wire.answer(socket, &request).await.as_ref().map(word_of) == Some("ack");
            if sound {
                let answered = if done { self.shared.moments.now() } else { u64::MAX };
                self.shared.mutes.sound(Sound { stream: stream.clone(), publishes: false, answered });
            }
        }
    }

    /// Sends signals concurrently and waits for the answers.
    async fn signals(&mut self, socket: usize, count: usize, to: Option<&String>) {
        let shared = Arc::clone(&self.shared);
        let mut sent = vec![];
        for _ in 0..count {
            let asked = shared.moments.now();
            let text = format!("{}/{socket}/{asked}", self.n);
            let mut data = json!({ "type": "chat", "data": text });
            if let Some(to) = to {
                data["to"] = json!(to);
            }
            sent.push((asked, text, self.wire.send(socket, "signal", &data)));
        }
        for (asked, text, request) in sent {
            let answer = self.wire.answer(socket, &request).await;
            shared.history.signal(Signal {
                text,
                from: Some(Sender { client: self.n, socket, left: self.left }),
                to: to.cloned(),
                asked,
                answered: shared.moments.now(),
                acknowledged: answer.is_some_and(|answer| answer["type"] == "ack"),
            });
        }
    }

    async fn rest_signal(&self, to: Option<&String>) {
        let shared = &self.shared;
        let asked = shared.moments.now();
        let text = format!("{}/rest/{asked}", self.n);
        let path = to.map_or_else(|| "/signal".into(), |to| format!("/connection/{to}/signal"));
        let body = json!({ "type": "chat", "data": text });
        let answer = project::rest(&shared.world, "POST", shared.session(self.n), &path, Some(body)).await;
        shared.history.signal(Signal {
            text,
            from: None,
            to: to.cloned(),
            asked,
            answered: shared.moments.now(),
            acknowledged: answer.0 == 204,
        });
    }
}
