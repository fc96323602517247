//! The sockets of a client or an SFU, one after the other, and what is said over them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use crate::api;
use crate::heard::{Heard, Note};
use crate::sockets::ToClient;
use crate::world::World;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) struct Wire {
    pub(crate) heard: Heard,
    /// Something has been heard.
    pub(crate) news: Arc<Notify>,
    world: Arc<World>,
    name: String,
    /// The ids of the sockets, by number; `None`: given up.
    ids: Vec<Option<String>>,
    requests: usize,
}

impl Wire {
    pub(crate) fn new(world: &Arc<World>, name: String, heard: Heard) -> Self {
        Self { heard, news: Arc::default(), world: Arc::clone(world), name, ids: vec![], requests: 0 }
    }

    pub(crate) fn note(&self, socket: usize, note: Note) {
        self.world.note(|| format!("{} socket {socket} {}", self.name, word(&note)));
        self.heard.note(socket, note);
    }

    /// Opens a socket; `None`: the upgrade was refused.
    pub(crate) async fn open(&mut self, token: Option<&str>) -> Option<usize> {
        let (id, mut receiver) = api::connect(&self.world, token).await?;
        let socket = self.ids.len();
        self.world.note(|| format!("{} socket {socket} is {id}", self.name));
        self.world.owners.lock().unwrap().insert(id.clone(), self.name.clone());
        self.world.ids.lock().unwrap().insert((self.name.clone(), socket), id.clone());
        self.ids.push(Some(id));
        let (heard, news) = (self.heard.clone(), Arc::clone(&self.news));
        let (world, name) = (Arc::clone(&self.world), self.name.clone());
        spawn_local(async move {
            while let Some(said) = receiver.recv().await {
                let note = match said {
                    ToClient::Text(text) => Note::Hears(serde_json::from_str(&text).unwrap()),
                    ToClient::Closed => Note::Ends,
                };
                world.note(|| format!("{name} socket {socket} {}", word(&note)));
                heard.note(socket, note);
                news.notify_one();
            }
        });
        Some(socket)
    }

    /// The newest socket, if it is open on both sides.
    pub(crate) fn socket(&self) -> Option<usize> {
        let newest = self.ids.len().checked_sub(1)?;
        (self.ids[newest].is_some() && !self.heard.ended(newest)).then_some(newest)
    }

    /// The newest socket, unless this side has given it up.
    pub(crate) fn newest(&self) -> Option<usize> {
        self.ids.len().checked_sub(1).filter(|newest| self.ids[*newest].is_some())
    }

    /// What API Gateway calls a socket.
    pub(crate) fn id(&self, socket: usize) -> Option<&String> {
        self.ids[socket].as_ref()
    }

    /// Sends a request; answers with its name.
    pub(crate) fn send(&mut self, socket: usize, action: &str, data: &Value) -> String {
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        if action == "identify" {
            self.note(socket, Note::Asks);
        }
        if let Some(id) = &self.ids[socket] {
            let text = json!({ "action": action, "requestId": request, "data": data }).to_string();
            self.world.note(|| format!("{} socket {socket} sends {action} {request}", self.name));
            api::send(&self.world, id, text);
        }
        request
    }

    /// The answer to a request; `None`: there is none in time. What API Gateway itself says names no request.
    pub(crate) async fn answer(&self, socket: usize, request: &str) -> Option<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            for entry in self.heard.entries().iter().rev().filter(|entry| entry.socket == socket) {
                match &entry.note {
                    Note::Hears(message) if message["requestId"] == request => return Some(message.clone()),
                    Note::Ends => return None,
                    Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks => {}
                }
            }
            timeout_at(until, self.news.notified()).await.ok()?;
        }
    }

    pub(crate) async fn request(&mut self, socket: usize, action: &str, data: &Value) -> Option<Value> {
        let request = self.send(socket, action, data);
        self.answer(socket, &request).await
    }

    /// All sockets break.
    pub(crate) fn cut(&mut self) {
        self.give_up(&Note::Breaks, api::cut);
    }

    /// All sockets are closed with 1000.
    pub(crate) fn close(&mut self) {
        self.give_up(&Note::Goes, api::close);
    }

    fn give_up(&mut self, note: &Note, how: fn(&Arc<World>, &str)) {
        for socket in 0..self.ids.len() {
            if let Some(id) = self.ids[socket].take() {
                if !self.heard.ended(socket) {
                    self.note(socket, note.clone());
                }
                how(&self.world, &id);
            }
        }
    }
}

/// The type of an answer, or the code of an error.
pub(crate) fn word_of(answer: &Value) -> &str {
    let word = if answer["type"] == "error" { &answer["code"] } else { &answer["type"] };
    word.as_str().unwrap_or("none")
}

fn word(note: &Note) -> String {
    match note {
        Note::Hears(message) => format!("hears {message}"),
        Note::Asks | Note::Goes | Note::Breaks | Note::Ends => format!("{note:?}"),
    }
}
