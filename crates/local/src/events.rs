//! What happens, as it happens: one event a line in the terminal, and the same as JSON for the page.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock::now_ms;
use crate::sync::lock;

/// Events that a late reader can still have.
const KEPT: usize = 5_000;
/// Events that a slow reader may be behind before it misses some.
const BEHIND: usize = 4_096;

/// The route of a log line that only the page shows.
pub(crate) const DEBUG: &str = "debug";

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A socket asked to be let in.
    Connect,
    /// A frame from a client.
    Message,
    /// A frame to a client.
    Post,
    /// A socket is gone.
    Disconnect,
    /// A request to the HTTP API was answered.
    Http,
    /// A function has answered.
    Invoke,
    /// A function called AWS.
    Call,
    /// A task has started or ended.
    Task,
    /// Something has become of a message of a queue.
    Queue,
    /// Something has become of records of a stream.
    Stream,
    /// A fault has struck.
    Fault,
    /// A line that a function or task wrote.
    Log,
    /// The gateway itself has something to say.
    Gateway,
}

/// One event. Never a payload, a token or a query.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// Counted from 1.
    pub(crate) seq: u64,
    /// Epoch milliseconds.
    pub(crate) at: u64,
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_in: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_out: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Something is wrong: shown in red.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

impl Event {
    /// An event of this kind, now.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            seq: 0,
            at: now_ms(),
            kind,
            connection_id: None,
            route: None,
            function: None,
            ms: None,
            bytes_in: None,
            bytes_out: None,
            status: None,
            failed: false,
            text: None,
        }
    }

    pub(crate) fn connection(mut self, id: impl Into<String>) -> Self {
        self.connection_id = Some(id.into());
        self
    }

    pub(crate) fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    pub(crate) fn function(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    pub(crate) fn took(mut self, ms: f64) -> Self {
        self.ms = Some((ms * 1_000.0).round() / 1_000.0);
        self
    }

    pub(crate) fn bytes_in(mut self, bytes: usize) -> Self {
        self.bytes_in = Some(bytes);
        self
    }

    pub(crate) fn bytes_out(mut self, bytes: usize) -> Self {
        self.bytes_out = Some(bytes);
        self
    }

    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn failed(mut self, failed: bool) -> Self {
        self.failed = failed;
        self
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// Takes events and hands them to the terminal and to all that have subscribed.
pub(crate) struct Events {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Arc<Event>>,
    terminal: Option<SyncSender<Arc<Event>>>,
}

struct Kept {
    seq: u64,
    ring: VecDeque<Arc<Event>>,
}

impl Events {
    /// `terminal` is given every event; one that it cannot take at once is dropped, so that a terminal
    /// that is not read blocks nothing.
    pub(crate) fn new(terminal: Option<SyncSender<Arc<Event>>>) -> Self {
        let kept = Kept { seq: 0, ring: VecDeque::with_capacity(KEPT) };
        Self { kept: Mutex::new(kept), live: broadcast::channel(BEHIND).0, terminal }
    }

    pub(crate) fn emit(&self, mut event: Event) {
        let event = {
            let mut kept = lock(&self.kept);
            kept.seq += 1;
            event.seq = kept.seq;
            let event = Arc::new(event);
            if kept.ring.len() == KEPT {
                kept.ring.pop_front();
            }
            kept.ring.push_back(Arc::clone(&event));
            // Sent under the lock, so that events arrive in the order of their numbers. It never blocks,
            // and fails only when there is no subscriber.
            let _ = self.live.send(Arc::clone(&event));
            event
        };
        if let Some(terminal) = &self.terminal {
            let _ = terminal.try_send(event);
        }
    }

    /// The kept events after number `since`, and what follows them.
    pub(crate) fn subscribe(&self, since: u64) -> (Vec<Arc<Event>>, broadcast::Receiver<Arc<Event>>) {
        let kept = lock(&self.kept);
        let past = kept.ring.iter().filter(|event| event.seq > since).cloned().collect();
        (past, self.live.subscribe())
    }
}

/// `text` without the query of any URL in it, because a token may be there.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, url) = rest.split_at(start);
        out.push_str(before);
        let end = url.find(|c: char| c.is_whitespace() || c == '"' || c == '\'').unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        match url.split_once('?') {
            Some((address, _)) => {
                out.push_str(address);
                out.push_str("?…");
            }
            None => out.push_str(url),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_and_a_late_reader_gets_the_past() {
        let events = Events::new(None);
        for n in 0..3 {
            events.emit(Event::new(Kind::Post).bytes_out(n));
        }
        let (past, mut live) = events.subscribe(1);
        assert_eq!(past.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
        events.emit(Event::new(Kind::Fault));
        assert_eq!(live.try_recv().unwrap().seq, 4);
    }

    #[test]
    fn a_url_loses_its_query() {
        assert_eq!(redact("to ws://h/p?token=x now"), "to ws://h/p?… now");
        assert_eq!(redact("\"wss://h/p?token=x\" http://a/b"), "\"wss://h/p?…\" http://a/b");
        assert_eq!(redact("no url?"), "no url?");
    }
}
