//! The list of connections as PROTOCOL tells clients to keep it: merged by `(connectionId, creationTime)`, removal
//! wins.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::{Entry, Moment, Note};

/// One stay of a connection in a session.
pub(crate) type Stay = (String, u64);

/// Reads a stay.
pub(crate) fn stay(connection: &Value) -> Stay {
    let id = connection["connectionId"].as_str().unwrap_or_else(|| panic!("no connection: {connection}"));
    (id.to_owned(), connection["creationTime"].as_u64().unwrap())
}

/// A time for which a client was a member as far as it knows, without a break.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    pub(crate) own: Stay,
    pub(crate) from: Moment,
    /// It went, or its socket was ended; `None`: it is still there.
    pub(crate) until: Option<Moment>,
    /// The socket that it was last identified on.
    pub(crate) socket: usize,
    pub(crate) known: BTreeSet<Stay>,
}

/// A client's notes, replayed.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) presences: Vec<Presence>,
    removed: BTreeSet<Stay>,
    /// What has been created since the last identify was sent, as heard on its socket. What came on an older one was read before
    /// that had the place, and is in the list if it has not ended.
    since: BTreeSet<Stay>,
    /// The socket of the last identify.
    asking: usize,
    /// The parts of a long list that come before `identified`.
    listed: BTreeSet<Stay>,
    replaced: BTreeSet<usize>,
    /// Sockets on which the client went, or that have ended.
    gone: BTreeSet<usize>,
    pub(crate) created: BTreeMap<Stay, usize>,
    pub(crate) destroyed: BTreeMap<Stay, usize>,
}

impl View {
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut view = Self::default();
        for entry in entries {
            match &entry.note {
                Note::Asks => {
                    view.since.clear();
                    view.listed.clear();
                    view.asking = entry.socket;
                    view.gone.remove(&entry.socket);
                }
                Note::Goes | Note::Breaks => view.goes(entry, false),
                Note::Ends => view.goes(entry, true),
                Note::Hears(message) => view.hears(entry, message),
            }
        }
        view
    }

    /// The present stay, if there is one.
    pub(crate) fn present(&self) -> Option<&Presence> {
        self.presences.last().filter(|presence| presence.until.is_none())
    }

    fn goes(&mut self, entry: &Entry, ended: bool) {
        self.gone.insert(entry.socket);
        // A socket that was replaced ends without an end of the stay: the newer one has the place.
        if ended && self.replaced.contains(&entry.socket) {
            return;
        }
        if let Some(presence) = self.presences.last_mut()
            && presence.until.is_none()
            && presence.socket == entry.socket
        {
            presence.until = Some(entry.at);
        }
        self.gone_unanswered(entry);
    }

    /// A newer socket took the place over, of which the older one was told, and went before it heard that it had it.
    fn gone_unanswered(&mut self, entry: &Entry) {
        if let Some(presence) = self.presences.last_mut()
            && presence.until.is_none()
            && self.replaced.contains(&presence.socket)
            && self.gone.last().is_some_and(|newest| *newest > presence.socket)
        {
            presence.until = Some(entry.at);
        }
    }

    fn hears(&mut self, entry: &Entry, message: &Value) {
        let list = |message: &Value| -> Vec<Stay> {
            message["connections"].as_array().into_iter().flatten().map(stay).collect()
        };
        match message["type"].as_str().unwrap_or_default() {
            "connections" => self.listed.extend(list(message)),
            // It was said of a stay that the client has ended since, or is said twice.
            "identified" if self.gone.contains(&entry.socket) => {}
            "identified" => {
                self.listed.extend(list(message));
                self.identified(entry, stay(&message["connection"]));
            }
            "connectionCreated" => {
                let stay = stay(&message["connection"]);
                *self.created.entry(stay.clone()).or_default() += 1;
                if !self.removed.contains(&stay) {
                    if entry.socket >= self.asking {
                        self.since.insert(stay.clone());
                    }
                    self.change(|known| known.insert(stay));
                }
            }
            "connectionDestroyed" => {
                let stay = stay(&message["connection"]);
                *self.destroyed.entry(stay.clone()).or_default() += 1;
                self.since.remove(&stay);
                self.change(|known| known.remove(&stay));
                self.removed.insert(stay);
            }
            "goAway" if message["reason"] == "replaced" => {
                self.replaced.insert(entry.socket);
                self.gone_unanswered(entry);
            }
            _ => {}
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut BTreeSet<Stay>) -> bool) {
        if let Some(presence) = self.presences.last_mut() {
            change(&mut presence.known);
        }
    }

    /// The list is as new as the question: only what was created since then is added to it.
    fn identified(&mut self, entry: &Entry, own: Stay) {
        let mut known: BTreeSet<_> = std::mem::take(&mut self.listed);
        known.extend(self.since.iter().cloned());
        known.retain(|stay| !self.removed.contains(stay));
        match self.presences.last_mut() {
            Some(presence) if presence.own == own && presence.until.is_none() => {
                presence.known = known;
                presence.socket = entry.socket;
            }
            _ => self.presences.push(Presence {
                own,
                from: entry.at,
                until: None,
                socket: entry.socket,
                known,
            }),
        }
    }
}
