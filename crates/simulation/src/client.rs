//! A person of a session, with its sockets: it does what was drawn for it, and as long as it wants to be in the session
//! it comes back after every break.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::api::{self, ToClient};
use crate::heard::{Heard, Moments, Note};
use crate::history::{Forced, History, Sender, Signal};
use crate::plan::{Act, Person};
use crate::project;
use crate::queues::PROJECT;
use crate::view::View;
use crate::world::World;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the people of a run share.
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) history: History,
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
    /// The ids of its sockets by number; `None`: given up.
    sockets: Vec<Option<String>>,
    requests: usize,
    left: usize,
    wanted: bool,
    /// It has heard something.
    news: Arc<Notify>,
}

impl Client {
    pub(crate) fn new(n: usize, shared: &Arc<Shared>) -> Self {
        Self {
            n,
            shared: Arc::clone(shared),
            sockets: vec![],
            requests: 0,
            left: 0,
            wanted: false,
            news: Arc::default(),
        }
    }

    fn person(&self) -> &Person {
        &self.shared.people[self.n]
    }

    fn heard(&self) -> &Heard {
        &self.shared.logs[self.n]
    }

    fn note(&self, socket: usize, note: Note) {
        self.shared.world.note(|| format!("client {} socket {socket} {}", self.n, word(&note)));
        self.heard().note(socket, note);
    }

    /// Does its acts, with pauses in which it looks after its socket; goes on with that until the run is over.
    pub(crate) async fn live(mut self, acts: Vec<(u64, Act)>, end: Instant) {
        for (pause, act) in acts {
            self.looks_after(Instant::now() + Duration::from_millis(pause)).await;
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
                self.cut();
            }
            if self.wanted && self.there().is_none() {
                self.join().await;
                let pause = self.shared.world.draw(|fate| fate.random_range(200..=1_500));
                sleep_until(until.min(Instant::now() + Duration::from_millis(pause))).await;
            } else {
                let _ = timeout_at(until, self.news.notified()).await;
            }
        }
    }

    /// Whether a moderator has made it go from the socket that it is on.
    fn sent_away(&self) -> bool {
        let Some(newest) = self.sockets.len().checked_sub(1).filter(|newest| self.sockets[*newest].is_some())
        else {
            return false;
        };
        self.heard().entries().iter().any(|entry| match &entry.note {
            Note::Hears(message) => {
                entry.socket == newest
                    && message["type"] == "goAway"
                    && message["reason"] == "forceDisconnected"
            }
            Note::Asks | Note::Goes | Note::Ends => false,
        })
    }

    /// The newest socket, if it is open on both sides.
    fn socket(&self) -> Option<usize> {
        let newest = self.sockets.len().checked_sub(1)?;
        (self.sockets[newest].is_some() && !self.heard().ended(newest)).then_some(newest)
    }

    /// The socket that it is a member on.
    fn there(&self) -> Option<usize> {
        let socket = self.socket()?;
        let view = View::of(&self.heard().entries());
        view.present().filter(|presence| presence.socket == socket).map(|_| socket)
    }

    async fn open(&mut self) -> Option<usize> {
        let (id, mut receiver) = api::connect(&self.shared.world, None).await?;
        let socket = self.sockets.len();
        self.sockets.push(Some(id.clone()));
        let (heard, news, n) = (self.heard().clone(), Arc::clone(&self.news), self.n);
        let world = Arc::clone(&self.shared.world);
        spawn_local(async move {
            while let Some(said) = receiver.recv().await {
                let note = match said {
                    ToClient::Text(text) => Note::Hears(serde_json::from_str(&text).unwrap()),
                    ToClient::Closed => Note::Ends,
                };
                world.note(|| format!("client {n} socket {socket} {}", word(&note)));
                heard.note(socket, note);
                news.notify_one();
            }
        });
        self.shared.world.note(|| format!("client {} socket {socket} is {id}", self.n));
        Some(socket)
    }

    fn send(&mut self, socket: usize, action: &str, data: &Value) -> String {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        if action == "identify" {
            self.note(socket, Note::Asks);
        }
        let text = json!({ "action": action, "requestId": id, "data": data }).to_string();
        if let Some(to) = &self.sockets[socket] {
            self.shared.world.note(|| format!("client {} socket {socket} sends {action} {id}", self.n));
            api::send(&self.shared.world, to, text);
        }
        id
    }

    /// The answer to a request; `None`: there is none in time.
    async fn answer(&self, socket: usize, request: &str) -> Option<Value> {
        timeout(PATIENCE, self.heard().answer(socket, request)).await.ok().flatten()
    }

    async fn request(&mut self, socket: usize, action: &str, data: &Value) -> Option<Value> {
        let request = self.send(socket, action, data);
        self.answer(socket, &request).await
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
        let socket = match self.socket() {
            Some(socket) => socket,
            None => match self.open().await {
                Some(socket) => socket,
                None => return,
            },
        };
        self.identify(socket).await;
    }

    /// Identifies. Where that fails for good, or nobody knows what has come of it, all sockets are given up.
    async fn identify(&mut self, socket: usize) {
        let identity = self.identity();
        let answer = self.request(socket, "identify", &identity).await;
        match answer.as_ref().map(word_of) {
            Some("identified" | "peer_in_use") => {}
            // It holds nothing, and may ask again.
            Some("too_many_requests") if self.there().is_none() => {}
            Some("unauthorized" | "forbidden" | "bad_message" | "room_not_found") => {
                self.shared.history.surprise(format!("identify is answered {answer:?}"));
                self.cut();
            }
            _ => self.cut(),
        }
    }

    /// All sockets break.
    fn cut(&mut self) {
        for socket in 0..self.sockets.len() {
            if let Some(id) = self.sockets[socket].take() {
                if !self.heard().ended(socket) {
                    self.note(socket, Note::Goes);
                }
                api::cut(&self.shared.world, &id);
            }
        }
    }

    /// Leaves, and keeps the socket if that is known to be done.
    async fn leave(&mut self, socket: usize) -> bool {
        self.note(socket, Note::Goes);
        self.left += 1;
        let answer = self.request(socket, "leave", &json!({})).await;
        let done = matches!(answer.as_ref().map(word_of), Some("ack" | "connection_not_found"));
        if !done {
            self.cut();
        }
        done
    }

    async fn act(&mut self, act: Act) {
        let shared = Arc::clone(&self.shared);
        match (act, self.there()) {
            (Act::Join, _) => self.wanted = true,
            (Act::JoinAndSignal, None) => {
                self.wanted = true;
                let Some(socket) = self.open().await else { return };
                let identity = self.identity();
                let request = self.send(socket, "identify", &identity);
                self.signals(socket, 1, None).await;
                if self.answer(socket, &request).await.as_ref().map(word_of) != Some("identified") {
                    self.cut();
                }
            }
            (Act::JoinAndCut, None) => {
                let Some(socket) = self.open().await else { return };
                let identity = self.identity();
                self.send(socket, "identify", &identity);
                shared.world.wait(0, 200).await;
                self.cut();
            }
            (Act::Repeat, Some(socket)) => self.identify(socket).await,
            (Act::Reconnect, Some(_)) if self.person().resume_token.is_some() => {
                let Some(socket) = self.open().await else { return };
                self.identify(socket).await;
                if self.there().is_none() {
                    self.cut();
                }
            }
            (Act::Cut, _) => self.cut(),
            (Act::CutAndStay, _) => {
                self.wanted = false;
                self.cut();
            }
            (Act::Expire, Some(socket)) => {
                if let Some(id) = &self.sockets[socket] {
                    api::expire(&shared.world, id);
                }
            }
            (Act::Close, Some(socket)) => {
                self.wanted = false;
                if let Some(id) = self.sockets[socket].take() {
                    self.note(socket, Note::Goes);
                    api::close(&shared.world, &id);
                }
                self.cut();
            }
            (Act::Leave, Some(socket)) => {
                self.wanted = false;
                self.leave(socket).await;
            }
            (Act::LeaveAndJoin, Some(socket)) => {
                if self.leave(socket).await {
                    self.identify(socket).await;
                }
            }
            (Act::Signal(count), Some(socket)) => self.signals(socket, count, None).await,
            (Act::SignalTo(whom), Some(socket)) => {
                if let Some(to) = shared.peer(whom) {
                    self.signals(socket, 1, Some(&to)).await;
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
                    self.request(socket, "forceDisconnect", &json!({ "connectionId": peer })).await;
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
            sent.push((asked, text, self.send(socket, "signal", &data)));
        }
        for (asked, text, request) in sent {
            let answer = self.answer(socket, &request).await;
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

/// The type of an answer, or the code of an error.
fn word_of(answer: &Value) -> &str {
    let word = if answer["type"] == "error" { &answer["code"] } else { &answer["type"] };
    word.as_str().unwrap_or("none")
}

fn word(note: &Note) -> String {
    match note {
        Note::Hears(message) => format!("hears {message}"),
        Note::Asks | Note::Goes | Note::Ends => format!("{note:?}"),
    }
}
