//! Somebody's sockets.

use std::time::Duration;

use arbiter_tests::{DEADLINE, Project, Stack};
use futures::stream::SplitSink;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::heard::{Heard, Moments, Note};
use crate::plan::Person;
use crate::streams;
use crate::view::View;

/// How long an answer is waited for that cannot be lost, beside all the other runs.
const ANSWERED: Duration = Duration::from_mins(1);

type Sink = SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>;

/// A socket that this side has not given up.
struct Open {
    sink: Sink,
    reader: JoinHandle<()>,
}

/// A person with its sockets.
pub(crate) struct Client {
    pub(crate) person: Person,
    pub(crate) heard: Heard,
    /// By number; `None`: given up.
    sockets: Vec<Option<Open>>,
    requests: usize,
    /// The streams that it has asked for, whatever has become of them.
    pub(crate) streams: Vec<String>,
    /// How often it has left, and kept its socket.
    pub(crate) left: usize,
    /// How long it waits for an answer, where one may be lost.
    patience: Option<Duration>,
}

impl Client {
    pub(crate) fn new(person: Person, moments: Moments, patience: Option<Duration>) -> Self {
        Self {
            person,
            heard: Heard::new(moments),
            sockets: vec![],
            requests: 0,
            streams: vec![],
            left: 0,
            patience,
        }
    }

    /// The newest stream of who it is now.
    pub(crate) fn newest_stream(&self) -> Option<String> {
        let view = View::of(&self.heard.entries());
        let own = &view.present()?.own.0;
        self.streams.iter().rev().find(|stream| streams::is_of(stream, own)).cloned()
    }

    /// Opens a socket; answers with its number.
    pub(crate) async fn open(&mut self, stack: &Stack) -> Option<usize> {
        // A `$connect` that is killed refuses the upgrade.
        let (stream, _) = connect_async(&stack.urls.signal_url).await.ok()?;
        let (sink, mut stream) = stream.split();
        let (socket, heard) = (self.sockets.len(), self.heard.clone());
        let reader = tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message {
                    heard.note(socket, Note::Hears(serde_json::from_str(&text).unwrap()));
                }
            }
            heard.note(socket, Note::Ends);
        });
        self.sockets.push(Some(Open { sink, reader }));
        Some(socket)
    }

    /// The newest socket, if it is open on both sides.
    pub(crate) fn socket(&self) -> Option<usize> {
        let newest = self.sockets.len().checked_sub(1)?;
        (self.sockets[newest].is_some() && !self.heard.ended(newest)).then_some(newest)
    }

    /// The sockets that are open on both sides.
    pub(crate) fn open_sockets(&self) -> Vec<usize> {
        (0..self.sockets.len())
            .filter(|socket| self.sockets[*socket].is_some() && !self.heard.ended(*socket))
            .collect()
    }

    /// Sends a request; answers with its name. That it cannot be sent is seen by the answer that does not come.
    pub(crate) async fn send(&mut self, socket: usize, action: &str, data: &Value) -> String {
        self.requests += 1;
        let id = format!("{action}-{}", self.requests);
        if action == "identify" {
            self.heard.note(socket, Note::Asks);
        }
        let text = json!({ "action": action, "requestId": id, "data": data }).to_string();
        if let Some(open) = &mut self.sockets[socket] {
            let _ = open.sink.send(Message::text(text)).await;
        }
        id
    }

    /// The answer to a request; `None`: there will be none.
    pub(crate) async fn answer(&self, socket: usize, request: &str) -> Option<Value> {
        let answer = self.heard.answer(socket, request);
        match (tokio::time::timeout(self.patience.unwrap_or(ANSWERED), answer).await, self.patience) {
            (Ok(answer), _) => answer,
            (Err(_), Some(_)) => None,
            (Err(_), None) => {
                let (person, entries) = (&self.person, self.heard.entries());
                panic!(
                    "no answer to {request} on socket {socket} within {ANSWERED:?}: {person:?} {entries:#?}"
                )
            }
        }
    }

    pub(crate) async fn request(&mut self, socket: usize, action: &str, data: &Value) -> Option<Value> {
        let request = self.send(socket, action, data).await;
        self.answer(socket, &request).await
    }

    /// What it identifies with.
    pub(crate) fn identity(&self, project: &Project<'_>, session: &str) -> Value {
        let claims = json!({ "role": self.person.role, "initial_layout_class_list": self.person.classes });
        let token = project.token(session, &claims);
        let mut more = json!({ "connectionEventsSuppressed": self.person.suppressed });
        if let Some(id) = &self.person.id {
            more["id"] = json!(id);
        }
        if let Some(resume_token) = &self.person.resume_token {
            more["resumeToken"] = json!(resume_token);
        }
        project.identity(session, &token, &more)
    }

    /// Leaves, and keeps the socket.
    pub(crate) async fn leave(&mut self, socket: usize) -> Option<Value> {
        self.heard.note(socket, Note::Goes);
        self.left += 1;
        self.request(socket, "leave", &json!({})).await
    }

    /// All sockets break.
    pub(crate) fn cut(&mut self) {
        for socket in 0..self.sockets.len() {
            if let Some(open) = self.sockets[socket].take() {
                self.heard.note(socket, Note::Breaks);
                open.reader.abort();
            }
        }
    }

    /// Closes with 1000, and waits for the end of the newest socket.
    pub(crate) async fn close(&mut self, socket: usize) {
        self.heard.note(socket, Note::Goes);
        if let Some(mut open) = self.sockets[socket].take() {
            let frame = CloseFrame { code: 1000.into(), reason: "".into() };
            let _ = open.sink.send(Message::Close(Some(frame))).await;
            tokio::time::timeout(DEADLINE, open.reader).await.unwrap().unwrap();
        }
    }
}
