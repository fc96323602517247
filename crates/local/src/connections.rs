//! Connections, and what can be done to one from outside.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::{Notify, mpsc};

use crate::clock::now_ms;
use crate::ids;
use crate::sync::{read, write};

/// The largest frame, in bytes (API Gateway's quota).
pub(crate) const FRAME: usize = 32 * 1024;
/// The largest message, in bytes (API Gateway's quota).
pub(crate) const MESSAGE: usize = 128 * 1024;
/// Messages that may wait for a slow client, before posts are refused.
const WAITING: usize = 1_024;

const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// What goes out on a socket.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Message(Bytes),
    Close(u16, &'static str),
}

/// Why a post was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PostError {
    Gone,
    Full,
    TooLarge,
    NotText,
}

/// One connection, from its `$connect` to its `$disconnect`.
pub(crate) struct Connection {
    pub(crate) id: String,
    /// Epoch milliseconds.
    pub(crate) connected_at: u64,
    pub(crate) source_ip: String,
    pub(crate) user_agent: String,
    /// Epoch milliseconds of the last message in either direction.
    last_active: AtomicU64,
    state: AtomicU8,
    outbox: mpsc::Sender<Outgoing>,
    /// Wakes the socket's task to end it with no close frame.
    pub(crate) cut: Notify,
    /// Messages in and out, for the page.
    messages_in: AtomicU64,
    messages_out: AtomicU64,
}

impl Connection {
    pub(crate) fn new(source_ip: String, user_agent: String) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        Self::restored(ids::connection(), now_ms(), source_ip, user_agent)
    }

    /// A connection that has an id already.
    pub(crate) fn restored(
        id: String,
        connected_at: u64,
        source_ip: String,
        user_agent: String,
    ) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (outbox, receiver) = mpsc::channel(WAITING);
        let connection = Self {
            id,
            connected_at,
            source_ip,
            user_agent,
            last_active: AtomicU64::new(connected_at),
            state: AtomicU8::new(CONNECTING),
            outbox,
            cut: Notify::new(),
            messages_in: AtomicU64::new(0),
            messages_out: AtomicU64::new(0),
        };
        (Arc::new(connection), receiver)
    }

    /// `$connect` has let it in: posts reach it from now on.
    pub(crate) fn open(&self) {
        self.state.store(OPEN, Ordering::Release);
    }

    /// No post reaches it any more.
    pub(crate) fn end(&self) {
        self.state.store(CLOSED, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    /// Sends `message` to the client.
    pub(crate) fn post(&self, message: &Bytes) -> Result<(), PostError> {
        if message.len() > MESSAGE {
            return Err(PostError::TooLarge);
        }
        if !self.is_open() {
            return Err(PostError::Gone);
        }
        if std::str::from_utf8(message).is_err() {
            return Err(PostError::NotText);
        }
        self.outbox.try_send(Outgoing::Message(message.clone())).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PostError::Full,
            mpsc::error::TrySendError::Closed(_) => PostError::Gone,
        })?;
        self.messages_out.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Ok(())
    }

    /// Closes the socket, after what has been posted before.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        self.end();
        if self.outbox.try_send(Outgoing::Close(code, reason)).is_err() {
            self.cut.notify_one();
        }
    }

    /// Notes that a message has come.
    pub(crate) fn received(&self) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
        self.touch();
    }

    fn touch(&self) {
        self.last_active.store(now_ms(), Ordering::Relaxed);
    }

    /// Epoch milliseconds.
    pub(crate) fn last_active(&self) -> u64 {
        self.last_active.load(Ordering::Relaxed)
    }
}

/// The connections that are not gone.
#[derive(Default)]
pub(crate) struct Connections(RwLock<HashMap<String, Arc<Connection>>>);

impl Connections {
    pub(crate) fn add(&self, connection: &Arc<Connection>) {
        write(&self.0).insert(connection.id.clone(), Arc::clone(connection));
    }

    pub(crate) fn remove(&self, id: &str) {
        write(&self.0).remove(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        read(&self.0).get(id).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        read(&self.0).values().cloned().collect()
    }

    /// Cuts one socket, or all, with no close frame; answers how many.
    pub(crate) fn cut(&self, id: Option<&str>) -> usize {
        let chosen: Vec<_> =
            self.all().into_iter().filter(|connection| id.is_none_or(|id| id == connection.id)).collect();
        for connection in &chosen {
            connection.end();
            connection.cut.notify_one();
        }
        chosen.len()
    }

    /// How many are on their way in, or out.
    pub(crate) fn passing(&self) -> usize {
        read(&self.0).values().filter(|connection| !connection.is_open()).count()
    }

    /// For the admin API: those that are open, oldest first.
    pub(crate) fn list(&self) -> Json {
        let mut open: Vec<_> = self.all().into_iter().filter(|connection| connection.is_open()).collect();
        open.sort_by(|a, b| (a.connected_at, &a.id).cmp(&(b.connected_at, &b.id)));
        open.iter()
            .map(|connection| {
                json!({
                    "connectionId": connection.id,
                    "connectedAt": connection.connected_at,
                    "lastActiveAt": connection.last_active(),
                    "sourceIp": connection.source_ip,
                    "userAgent": connection.user_agent,
                    "messagesIn": connection.messages_in.load(Ordering::Relaxed),
                    "messagesOut": connection.messages_out.load(Ordering::Relaxed),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn posts_reach_a_connection_only_between_connect_and_close() {
        let (connection, mut outbox) = Connection::new("127.0.0.1".into(), String::new());
        let message = Bytes::from_static(b"hi");
        assert_eq!(connection.post(&message), Err(PostError::Gone));
        connection.open();
        assert_eq!(connection.post(&message), Ok(()));
        assert_eq!(connection.post(&Bytes::from(vec![b'x'; MESSAGE + 1])), Err(PostError::TooLarge));
        assert_eq!(connection.post(&Bytes::from_static(&[0xff])), Err(PostError::NotText));
        connection.close(1000, "");
        assert_eq!(connection.post(&message), Err(PostError::Gone));
        assert!(matches!(outbox.recv().await, Some(Outgoing::Message(_))));
        assert!(matches!(outbox.recv().await, Some(Outgoing::Close(1000, _))));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_full_in_the_end() {
        let (connection, _outbox) = Connection::new("127.0.0.1".into(), String::new());
        connection.open();
        let full = (0..=WAITING).map(|_| connection.post(&Bytes::from_static(b"x"))).find(Result::is_err);
        assert_eq!(full, Some(Err(PostError::Full)));
    }
}
