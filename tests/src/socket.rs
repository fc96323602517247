//! A WebSocket of a client or of an SFU.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::DEADLINE;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the gateway said while something else was waited for.
    early: Vec<Value>,
    requests: usize,
}

impl Socket {
    /// Opens a socket at `url`.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let (stream, _) = connect_async(url).await?;
        Ok(Self { stream, early: vec![], requests: 0 })
    }

    /// Opens a socket with a request of the test's own making.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub async fn open_with(request: Request) -> Result<Self, Error> {
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream, early: vec![], requests: 0 })
    }

    /// Sends a text as it is.
    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the socket takes a message");
    }

    /// Sends any frame.
    pub async fn send_frame(&mut self, message: Message) {
        self.stream.send(message).await.expect("the socket takes a frame");
    }

    /// The next message as it came.
    pub async fn next_text(&mut self) -> String {
        loop {
            match self.next_frame().await {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// The next frame.
    pub async fn next_frame(&mut self) -> Message {
        match tokio::time::timeout(DEADLINE, self.stream.next()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => panic!("the socket broke: {error}"),
            Ok(None) => panic!("the socket ended"),
            Err(_) => panic!("no message within {DEADLINE:?}"),
        }
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        if self.early.is_empty() { self.receive().await } else { self.early.remove(0) }
    }

    async fn receive(&mut self) -> Value {
        serde_json::from_str(&self.next_text().await).expect("JSON")
    }

    /// The next message of a type; others stay for later.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        self.next_where(|message| message["type"] == kind).await
    }

    async fn next_where(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.early.iter().position(&wanted) {
            return self.early.remove(at);
        }
        loop {
            let message = self.receive().await;
            if wanted(&message) {
                return message;
            }
            self.early.push(message);
        }
    }

    /// Sends a request and waits for its answer: `ack`, `identified`, `pong` or `error`.
    pub async fn request(&mut self, action: &str, data: Value) -> Value {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        self.send(&json!({ "action": action, "requestId": id, "data": data }).to_string()).await;
        self.next_where(|message| message["requestId"] == id).await
    }

    /// Identifies as a client.
    pub async fn identify(&mut self, room: &str, peer: &str) -> Value {
        let answer = self.request("identify", json!({ "type": "client", "id": peer, "roomId": room })).await;
        assert_eq!(answer["type"], "identified", "{answer}");
        answer
    }

    /// Everything that had come before a ping was answered.
    pub async fn heard(&mut self) -> Vec<Value> {
        let pong = self.request("ping", json!({})).await;
        assert_eq!(pong["type"], "pong", "{pong}");
        std::mem::take(&mut self.early)
    }

    /// Everything up to a `goAway` or an `error`; ends with the socket if it is closed before.
    pub async fn told_or_closed(&mut self) -> Vec<Value> {
        let mut told = std::mem::take(&mut self.early);
        while !told.iter().any(|one| one["type"] == "goAway" || one["type"] == "error") {
            match self.next_frame().await {
                Message::Text(text) => told.push(serde_json::from_str(&text).expect("JSON")),
                Message::Close(_) => break,
                _ => {}
            }
        }
        told
    }

    /// Closes with a code and waits for the end.
    pub async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.stream.send(Message::Close(Some(frame))).await.expect("the close is sent");
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    /// Lets the connection break, with no close frame.
    pub fn cut(self) {
        drop(self);
    }

    /// Waits for the close frame; answers with its code.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match tokio::time::timeout(DEADLINE, self.stream.next()).await {
                Ok(Some(Ok(Message::Close(frame)))) => return frame.map(|frame| frame.code.into()),
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.early.push(serde_json::from_str(&text).expect("JSON"));
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => return None,
                Err(_) => panic!("the socket is still open after {DEADLINE:?}"),
            }
        }
    }
}
