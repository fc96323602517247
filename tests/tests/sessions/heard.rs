//! What a client has done and heard, in the order in which it did and heard it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::watch;

/// A moment of a run: anything that is noted has one of its own.
pub(crate) type Moment = u64;

/// The clock of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments(Arc<AtomicU64>);

impl Moments {
    pub(crate) fn now(&self) -> Moment {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Something that a client notes.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// It is about to identify.
    Asks,
    /// It is about to leave, or to close its socket.
    Goes,
    /// Its socket is about to break.
    Breaks,
    Hears(Value),
    /// The gateway has closed the socket, or it broke.
    Ends,
}

/// A note, and the number of the socket that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Moment,
    pub(crate) socket: usize,
    pub(crate) note: Note,
}

impl Entry {
    /// The request that the gateway answers with this, and its socket. What API Gateway says names no request of ours.
    fn answers(&self) -> Option<(usize, &str)> {
        let Note::Hears(message) = &self.note else { return None };
        message["type"].as_str()?;
        Some((self.socket, message["requestId"].as_str()?))
    }
}

/// All notes of a client, over all its sockets.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    moments: Moments,
    entries: Arc<Mutex<Vec<Entry>>>,
    news: watch::Sender<()>,
}

impl Heard {
    pub(crate) fn new(moments: Moments) -> Self {
        Self { moments, entries: Arc::default(), news: watch::Sender::default() }
    }

    pub(crate) fn note(&self, socket: usize, note: Note) -> Moment {
        let mut entries = self.entries.lock().unwrap();
        let at = self.moments.now();
        entries.push(Entry { at, socket, note });
        drop(entries);
        self.news.send_replace(());
        at
    }

    /// All notes. A client takes the first answer to a request: a post whose answer was lost is made again, and may say
    /// late what is out of date by then.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.lock().unwrap().clone();
        let mut answered = BTreeSet::new();
        entries.retain(|entry| {
            entry.answers().is_none_or(|(socket, request)| answered.insert((socket, request.to_owned())))
        });
        entries
    }

    /// Whether the gateway has ended a socket.
    pub(crate) fn ended(&self, socket: usize) -> bool {
        let entries = self.entries.lock().unwrap();
        entries.iter().any(|entry| entry.socket == socket && matches!(entry.note, Note::Ends))
    }

    /// How many messages have come on a socket.
    pub(crate) fn count(&self, socket: usize) -> usize {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|entry| entry.socket == socket && matches!(entry.note, Note::Hears(_))).count()
    }

    /// The answer to a request; `None`: the socket ended before it came.
    pub(crate) async fn answer(&self, socket: usize, request: &str) -> Option<Value> {
        let mut news = self.news.subscribe();
        loop {
            news.mark_unchanged();
            {
                let entries = self.entries.lock().unwrap();
                for entry in entries.iter().filter(|entry| entry.socket == socket) {
                    match &entry.note {
                        Note::Hears(message) if message["requestId"] == request => {
                            return Some(message.clone());
                        }
                        // What API Gateway says when a function dies names no request of ours.
                        Note::Hears(message) if message["message"] == "Internal server error" => {
                            return Some(message.clone());
                        }
                        Note::Ends => return None,
                        Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks => {}
                    }
                }
            }
            news.changed().await.unwrap();
        }
    }
}
