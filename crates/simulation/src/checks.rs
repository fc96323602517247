//! What has to hold of a run at rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Shared;
use crate::heard::{Entry, Heard, Note};
use crate::history::{Forced, Signal};
use crate::mutes;
use crate::streams::{self, Streams};
use crate::view::{Presence, Stay, View};

/// A session as the server has it at the end.
pub(crate) struct Server {
    /// What REST lists: status and body.
    pub(crate) listed: (u16, Value),
    /// The items of its partition.
    pub(crate) items: Vec<Value>,
}

/// What does not hold, in sentences.
pub(crate) fn failures(shared: &Shared, servers: &[Server]) -> Vec<String> {
    let logs: Vec<_> = shared.logs.iter().map(Heard::entries).collect();
    let views: Vec<_> = logs.iter().map(|log| View::of(log)).collect();
    let mut check = Check { shared, logs, views, found: shared.history.surprises() };
    for (n, server) in servers.iter().enumerate() {
        check.session(n, server);
    }
    check.rows();
    check.signals();
    check.kept();
    check.found
}

struct Check<'a> {
    shared: &'a Shared,
    logs: Vec<Vec<Entry>>,
    views: Vec<View>,
    found: Vec<String>,
}

impl Check<'_> {
    fn session(&mut self, session: usize, server: &Server) {
        let items = &server.items;
        let own = items.iter().find(|item| item["sk"]["S"] == "SESSION").unwrap();
        let count: usize = own["connections"]["N"].as_str().unwrap().parse().unwrap();
        let members: BTreeSet<Stay> = items
            .iter()
            .filter_map(|item| {
                let peer = item["sk"]["S"].as_str()?.strip_prefix("PEER#")?;
                Some((peer.to_owned(), item["joinedAt"]["N"].as_str()?.parse().ok()?))
            })
            .collect();
        let listed = server.listed.1["items"].as_array().into_iter().flatten();
        let listed: BTreeSet<Stay> = listed
            .map(|one| (one["connectionId"].as_str().unwrap().into(), one["createdAt"].as_u64().unwrap()))
            .collect();
        if members != listed || members.len() != count {
            self.found
                .push(format!("session {session} has {members:?}, lists {listed:?} and counts {count}"));
        }
        let people: Vec<_> =
            (0..self.views.len()).filter(|n| self.shared.people[*n].session == session).collect();
        // Nobody lost, nobody doubled, no ghost.
        let present: Vec<_> =
            people.iter().filter_map(|n| Some(self.views[*n].present()?.own.clone())).collect();
        if present.iter().cloned().collect::<BTreeSet<_>>() != members || present.len() != members.len() {
            self.found.push(format!("session {session} has {members:?}, and there think to be {present:?}"));
        }
        let streams = streams::stored(items);
        for id in streams.keys().filter(|id| !members.iter().any(|(peer, _)| streams::is_of(id, peer))) {
            self.found.push(format!("session {session} has the stream {id} of nobody"));
        }
        for n in people {
            self.told(n, &members);
            self.told_of_streams(n, &streams);
            self.told_of_mutes(n, &streams, mutes::stored(items));
        }
        for (id, _) in streams.iter().filter(|(_, stream)| stream.has_audio) {
            if let Some(missed) = self.shared.mutes.missed(session, id) {
                self.found.push(format!("{id} has sound, which {missed:?} should have muted"));
            }
        }
        // Nothing owed.
        for item in items.iter().filter(|item| item["sk"]["S"].as_str().unwrap().starts_with("OWED#")) {
            self.found.push(format!("session {session} is owed {item}"));
        }
    }

    /// Everybody told: who is there knows who is.
    fn told(&mut self, n: usize, members: &BTreeSet<Stay>) {
        let (view, suppressed) = (&self.views[n], self.shared.people[n].suppressed);
        if let Some(present) = view.present() {
            let mut others = members.clone();
            others.retain(|stay| stay.0 != present.own.0 && !suppressed);
            if present.known != others {
                self.found.push(format!("client {n} knows {:?}, and there are {others:?}", present.known));
            }
        }
        if suppressed && !(view.created.is_empty() && view.destroyed.is_empty()) {
            let (created, destroyed) = (&view.created, &view.destroyed);
            self.found
                .push(format!("client {n} wants to hear nothing, and heard of {created:?} {destroyed:?}"));
        }
        for stay in view.destroyed.keys().filter(|stay| members.contains(*stay)) {
            self.found.push(format!("client {n} has heard that {stay:?} is gone, who is there"));
        }
    }

    /// Who is there knows the streams of the others, as they are.
    fn told_of_streams(&mut self, n: usize, there: &Streams) {
        let Some(present) = self.views[n].present() else { return };
        let others = |streams: &Streams| {
            let mut streams = streams.clone();
            streams.retain(|id, _| !streams::is_of(id, &present.own.0));
            streams
        };
        let (known, there) = (others(&streams::known(&self.logs[n])), others(there));
        if known != there {
            self.found.push(format!("client {n} knows the streams {known:?}, and there are {there:?}"));
        }
    }

    /// Who is there knows whether its session is muted, and which of its own streams are.
    fn told_of_mutes(&mut self, n: usize, there: &Streams, mute: (u64, bool)) {
        let Some(present) = self.views[n].present() else { return };
        let known = mutes::known(&self.logs[n]);
        if known != mute {
            self.found.push(format!("client {n} knows the mute {known:?}, and it is {mute:?}"));
        }
        let own = there.iter().filter(|(id, _)| streams::is_of(id, &present.own.0));
        for (id, stream) in own.filter(|(id, _)| !self.shared.mutes.was_changed(id)) {
            let known = mutes::own_sound(&self.logs[n], id);
            if known.is_some_and(|known| known != stream.has_audio) {
                self.found.push(format!("client {n} knows of its own {id} {known:?}, and it is {stream:?}"));
            }
        }
    }

    /// A connection's row says that it is a member if, and only if, that member is on that connection.
    fn rows(&mut self) {
        let tables = &self.shared.world.tables;
        let text = |item: &Value, name: &str| item[name]["S"].as_str().map(str::to_owned);
        let places: BTreeSet<_> = tables
            .items(None)
            .iter()
            .filter_map(|item| {
                let (room, peer) = (text(item, "pk")?, text(item, "sk")?);
                let (room, peer) =
                    (room.strip_prefix("ROOM#")?.to_owned(), peer.strip_prefix("PEER#")?.to_owned());
                Some((text(item, "connectionId")?, room, peer))
            })
            .collect();
        let rows: BTreeSet<_> = tables
            .connections()
            .iter()
            .filter(|row| row["kind"]["S"] == "client")
            .filter_map(|row| Some((text(row, "connectionId")?, text(row, "roomId")?, text(row, "peerId")?)))
            .collect();
        for place in places.difference(&rows) {
            self.found.push(format!("the place {place:?} has no row"));
        }
        for row in rows.difference(&places) {
            self.found.push(format!("the row {row:?} has no place"));
        }
    }

    fn signals(&mut self) {
        let faults = &self.shared.world.faults;
        let (signals, forced) = (self.shared.history.signals(), self.shared.history.all_forced());
        // A call whose answer was lost is made again; one that is refused too often is not.
        let repeats = faults.hang > 0.0 || faults.post_fails > 0.0 || faults.exceeds_patience();
        let misses = repeats || faults.busy > 0.0 || faults.full > 0.0 || faults.outages != [(0, 0); 2];
        let mut numbers: BTreeMap<_, &str> = BTreeMap::new();
        for signal in &signals {
            for n in 0..self.logs.len() {
                let heard = heard(&self.logs[n], &signal.text);
                let owed = self.hears_of(n, signal)
                    && (self.views[n].presences.iter().any(|one| owed(one, signal, &forced))
                        || self.away(n).iter().any(|one| owed(one, signal, &forced)));
                if owed && signal.acknowledged && heard.is_empty() && !misses {
                    self.found.push(format!("client {n} has not heard {signal:?}"));
                }
                if heard.len() > 1 {
                    self.found.push(format!("client {n} has heard {} times: {signal:?}", heard.len()));
                }
                if !heard.is_empty() {
                    self.addressed(n, signal, &heard);
                }
            }
            let numbered = signal.to.is_none().then_some(signal.from).flatten();
            for (sender, heard) in numbered.iter().flat_map(|sender| {
                self.logs.iter().flat_map(|log| heard(log, &signal.text)).map(move |heard| (sender, heard))
            }) {
                // A number that was taken for an answer that was lost may be left out, and is never given twice.
                let other = numbers.insert((*sender, heard.0), &signal.text);
                if let Some(other) = other.filter(|other| *other != signal.text) {
                    self.found.push(format!("{:?} of {sender:?} is {} and {other}", heard.0, signal.text));
                }
            }
        }
    }

    /// What was kept comes in the order in which it was said: after what had been acknowledged before.
    fn kept(&mut self) {
        let signals: BTreeMap<_, _> =
            self.shared.history.signals().into_iter().map(|signal| (signal.text.clone(), signal)).collect();
        for (n, log) in self.logs.iter().enumerate() {
            for message in log.iter().filter_map(|entry| match &entry.note {
                Note::Hears(message) if message["type"] == "kept" => Some(message),
                Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
            }) {
                let kept = message["signals"].as_array().into_iter().flatten();
                let kept: Vec<_> = kept.filter_map(|one| signals.get(one["data"].as_str()?)).collect();
                for (at, signal) in kept.iter().enumerate() {
                    let late = |before: &&&Signal| signal.acknowledged && signal.answered < before.asked;
                    if let Some(before) = kept[..at].iter().find(late) {
                        self.found.push(format!("client {n} has heard {before:?} before {signal:?}"));
                    }
                }
            }
        }
    }

    /// The times for which a client was away, from when that was noticed, and then back in the same stay: what was said then
    /// is kept for it. What is posted before goes to a socket that nobody reads.
    fn away(&self, n: usize) -> Vec<Presence> {
        let (ids, noticed) =
            (&self.shared.world.ids.lock().unwrap(), &self.shared.world.noticed.lock().unwrap());
        let noticed = |socket| ids.get(&(format!("client {n}"), socket)).and_then(|id| noticed.get(id));
        let pairs = self.views[n].presences.windows(2).filter(|pair| pair[0].own == pair[1].own);
        pairs
            .filter_map(|pair| {
                let from = (0..pair[1].socket).map(noticed).try_fold(0, |last, at| Some(last.max(*at?)))?;
                (from < pair[1].from).then(|| Presence { from, ..pair[1].clone() })
            })
            .collect()
    }

    /// Whether somebody is in the session that a signal is for.
    fn hears_of(&self, n: usize, signal: &Signal) -> bool {
        // Those that the project's server sends have the sender's number in front.
        let sender = signal.text.split('/').next().and_then(|n| n.parse::<usize>().ok()).unwrap();
        self.shared.people[n].session == self.shared.people[sender].session
    }

    /// Nothing misdelivered.
    fn addressed(&mut self, n: usize, signal: &Signal, heard: &[(Option<u64>, Option<String>)]) {
        let (people, presences) = (&self.shared.people, &self.views[n].presences);
        if signal.to.as_ref().is_some_and(|to| !presences.iter().any(|one| one.own.0 == *to)) {
            self.found.push(format!("client {n} has heard what was not for it: {signal:?}"));
        }
        if !self.hears_of(n, signal) {
            self.found.push(format!("client {n} has heard what was said in another session: {signal:?}"));
        }
        let Some(sender) = signal.from else { return };
        let known: BTreeSet<_> = self.views[sender.client].presences.iter().map(|one| &one.own.0).collect();
        for (_, from) in heard {
            // A sender that never heard that it had come in does not know its own name.
            if let Some(from) = from
                && !known.contains(from)
                && people[sender.client].id.as_ref().is_some_and(|id| id != from)
            {
                self.found.push(format!("client {n} has heard from {from}: {signal:?}"));
            }
        }
    }
}

/// The numbers and the senders with which a signal was heard: one that comes again, under the same id, is dropped.
fn heard(log: &[Entry], text: &str) -> Vec<(Option<u64>, Option<String>)> {
    let signals = log.iter().flat_map(|entry| match &entry.note {
        Note::Hears(message) if message["type"] == "signal" => std::slice::from_ref(&message["signal"]),
        Note::Hears(message) if message["type"] == "kept" => message["signals"].as_array().unwrap(),
        Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks | Note::Ends => &[],
    });
    let mut ids = BTreeSet::new();
    let said = signals.filter(|signal| signal["data"] == text && ids.insert(signal["id"].to_string()));
    said.map(|signal| (signal["seq"].as_u64(), signal["from"].as_str().map(str::to_owned))).collect()
}

/// Whether somebody was there from before a signal was sent until after it was acknowledged, and nobody made it go
/// meanwhile.
fn owed(presence: &Presence, signal: &Signal, forced: &[Forced]) -> bool {
    let there = presence.from < signal.asked && presence.until.is_none_or(|until| until > signal.answered);
    let meant = signal.to.as_ref().is_none_or(|to| *to == presence.own.0);
    let made_to_go = forced
        .iter()
        .any(|one| one.peer == presence.own.0 && one.asked < signal.answered && one.answered > presence.from);
    there && meant && !made_to_go
}
