//! What a run has done, for the checks and for whoever looks at one that failed.

use std::sync::Mutex;

use crate::heard::Moment;

/// From whom a signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sender {
    pub(crate) client: usize,
    pub(crate) socket: usize,
    /// How often it had left on this socket: what it counts begins again.
    pub(crate) left: usize,
}

/// A signal that somebody sent. Its text is its own.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) text: String,
    /// `None`: by REST.
    pub(crate) from: Option<Sender>,
    pub(crate) to: Option<String>,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
    pub(crate) acknowledged: bool,
}

/// Somebody was made to go, or may have been.
#[derive(Clone, Debug)]
pub(crate) struct Forced {
    pub(crate) peer: String,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
}

/// Somebody without the resume token was let in as somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) peer: String,
    pub(crate) asked: Moment,
    pub(crate) answered: Moment,
}

/// It was noticed that somebody's sockets are gone, and its place is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Away {
    pub(crate) client: usize,
    pub(crate) from: Moment,
}

/// The project's server gave a stream other layout classes, or may have.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    pub(crate) stream: String,
    pub(crate) classes: Vec<String>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct History {
    signals: Mutex<Vec<Signal>>,
    forced: Mutex<Vec<Forced>>,
    taken: Mutex<Vec<Taken>>,
    away: Mutex<Vec<Away>>,
    classes: Mutex<Vec<Classes>>,
    /// Answers that nothing in the run explains.
    surprises: Mutex<Vec<String>>,
}

impl History {
    pub(crate) fn signal(&self, signal: Signal) {
        self.signals.lock().unwrap().push(signal);
    }

    pub(crate) fn forced(&self, forced: Forced) {
        self.forced.lock().unwrap().push(forced);
    }

    pub(crate) fn taken(&self, taken: Taken) {
        self.taken.lock().unwrap().push(taken);
    }

    pub(crate) fn away(&self, away: Away) {
        self.away.lock().unwrap().push(away);
    }

    pub(crate) fn classes(&self, classes: Classes) {
        self.classes.lock().unwrap().push(classes);
    }

    pub(crate) fn surprise(&self, surprise: String) {
        self.surprises.lock().unwrap().push(surprise);
    }

    pub(crate) fn signals(&self) -> Vec<Signal> {
        self.signals.lock().unwrap().clone()
    }

    pub(crate) fn all_forced(&self) -> Vec<Forced> {
        self.forced.lock().unwrap().clone()
    }

    pub(crate) fn all_taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn all_away(&self) -> Vec<Away> {
        self.away.lock().unwrap().clone()
    }

    pub(crate) fn all_classes(&self) -> Vec<Classes> {
        self.classes.lock().unwrap().clone()
    }

    pub(crate) fn surprises(&self) -> Vec<String> {
        self.surprises.lock().unwrap().clone()
    }
}
