//! What has to hold of a run that has settled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::{Entry, Note};
use crate::history::{Forced, Sender, Signal, Taken};
use crate::run::Run;
use crate::settling::Server;
use crate::view::{Presence, Stay, View, stay};

/// What does not hold, in sentences.
pub(crate) fn failures(run: &Run<'_>, server: &Server, lossy: bool) -> Vec<String> {
    let mut check = Check {
        run,
        logs: run.clients.iter().map(|client| client.heard.entries()).collect(),
        views: vec![],
        found: vec![],
    };
    check.views = check.logs.iter().map(|log| View::of(log)).collect();
    check.server(server);
    check.lists(server);
    check.events(server, lossy);
    check.signals(lossy);
    check.numbers(lossy);
    check.places();
    // Where a function is killed API Gateway answers, and a place stays taken until somebody posts to it.
    if !lossy {
        check.found.extend(run.history.surprises());
    }
    check.found
}

struct Check<'a> {
    run: &'a Run<'a>,
    logs: Vec<Vec<Entry>>,
    views: Vec<View>,
    found: Vec<String>,
}

impl Check<'_> {
    /// Table, REST list and count say the same, and the members are exactly those who think that they are.
    fn server(&mut self, server: &Server) {
        let Server { listed, members, count } = server;
        if listed != members || *count != members.len() as u64 {
            self.found.push(format!("the server disagrees with itself: {server:?}"));
        }
        let present: BTreeSet<Stay> =
            self.views.iter().filter_map(|view| Some(view.present()?.own.clone())).collect();
        if present != *members {
            self.found.push(format!("the members are {members:?}, and who thinks to be one: {present:?}"));
        }
    }

    fn lists(&mut self, server: &Server) {
        for (n, view) in self.views.iter().enumerate() {
            let Some(present) = view.present() else { continue };
            let mut others = server.members.clone();
            others.retain(|stay| stay.0 != present.own.0);
            if self.run.clients[n].person.suppressed {
                others.clear();
            }
            if present.known != others {
                self.found.push(format!("client {n} knows {:?}, the server {others:?}", present.known));
            }
        }
    }

    /// A function that is killed after it has told of a change, and before it could note that, leaves it to be told again.
    fn events(&mut self, server: &Server, lossy: bool) {
        for (n, view) in self.views.iter().enumerate() {
            for (what, counts) in [("created", &view.created), ("destroyed", &view.destroyed)] {
                for (stay, count) in counts.iter().filter(|(_, count)| **count > 1 && !lossy) {
                    self.found.push(format!("client {n} has heard {count} times that {stay:?} was {what}"));
                }
                if self.run.clients[n].person.suppressed && !counts.is_empty() {
                    self.found.push(format!("client {n} wants to hear nothing, and heard of {counts:?}"));
                }
            }
            for stay in view.destroyed.keys().filter(|stay| server.members.contains(*stay)) {
                self.found.push(format!("client {n} has heard that {stay:?} is gone, who is there"));
            }
        }
    }

    /// Whom a resume token was given for, and who neither left nor was sent away, is nobody else. Only who brings it has come
    /// back.
    fn places(&mut self) {
        let forced = self.run.history.all_forced();
        for taken in self.run.history.all_taken() {
            let whose = |n: &usize| {
                let person = &self.run.clients[*n].person;
                person.resume_token.is_some() && person.id.as_ref() == Some(&taken.peer)
            };
            let Some(owner) = (0..self.logs.len()).find(whose) else { continue };
            let presences = self.views[owner].presences.iter().rev();
            let Some(presence) = presences.clone().find(|presence| presence.from < taken.asked) else {
                continue;
            };
            let left = |entry: &Entry| matches!(entry.note, Note::Goes) && entry.at < taken.answered;
            let left = self.logs[owner].iter().any(|entry| entry.at > presence.from && left(entry));
            let sent_away = forced.iter().any(|one| {
                one.peer == taken.peer && one.asked < taken.answered && one.answered > presence.from
            });
            if !left && !sent_away {
                self.found.push(format!("{taken:?} is another's, who was there from {}", presence.from));
            }
        }
        for (n, log) in self.logs.iter().enumerate() {
            for entry in log {
                let Note::Hears(message) = &entry.note else { continue };
                let id = message["connection"]["connectionId"].as_str();
                let proved =
                    self.run.clients.iter().any(|client| {
                        client.person.resume_token.is_some() && client.person.id.as_deref() == id
                    });
                if message["resumed"] == true && !proved {
                    self.found.push(format!("client {n} has heard that nobody came back: {message}"));
                }
            }
        }
    }

    fn signals(&mut self, lossy: bool) {
        let (signals, forced) = (self.run.history.signals(), self.run.history.all_forced());
        for signal in &signals {
            for n in 0..self.logs.len() {
                let heard = heard(&self.logs[n], &signal.text);
                let owed = self.views[n].presences.iter().any(|one| owed(one, signal, &forced));
                let once = if owed && signal.acknowledged && !lossy { 1..=1 } else { 0..=1 };
                if !once.contains(&heard.len()) {
                    self.found.push(format!("client {n} has heard {} times: {signal:?}", heard.len()));
                }
                if let Some(to) = &signal.to
                    && !heard.is_empty()
                    && !self.views[n].presences.iter().any(|one| one.own.0 == *to)
                {
                    self.found.push(format!("client {n} has heard what was not for it: {signal:?}"));
                }
            }
        }
    }

    /// The numbers of the signals to all that came from one socket.
    fn numbers(&mut self, lossy: bool) {
        let signals = self.run.history.signals();
        let mut sockets: BTreeMap<Sender, Vec<&Signal>> = BTreeMap::new();
        for signal in signals.iter().filter(|signal| signal.to.is_none()) {
            if let Some(from) = signal.from {
                sockets.entry(from).or_default().push(signal);
            }
        }
        for (sender, signals) in sockets {
            let mut numbers = BTreeMap::new();
            for signal in &signals {
                let said: BTreeSet<_> = self.logs.iter().flat_map(|log| heard(log, &signal.text)).collect();
                for seq in said {
                    if let Some(other) = numbers.insert(seq, &signal.text) {
                        self.found.push(format!("{seq:?} of {sender:?} is {} and {other}", signal.text));
                    }
                }
            }
            let all = signals.iter().all(|signal| signal.acknowledged);
            let complete = numbers.len() == signals.len();
            let right = numbers.keys().copied().eq((1..=signals.len() as u64).map(Some));
            if all && complete && !right && !lossy {
                self.found.push(format!("the numbers of {sender:?} are {:?}", numbers.keys()));
            }
        }
    }
}

/// The numbers with which a signal was heard.
fn heard(log: &[Entry], text: &str) -> Vec<Option<u64>> {
    let signals = log.iter().filter_map(|entry| match &entry.note {
        Note::Hears(message) if message["type"] == "signal" => Some(&message["signal"]),
        Note::Hears(_) | Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
    });
    signals.filter(|signal| signal["data"] == text).map(|signal| signal["seq"].as_u64()).collect()
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

/// A run for somebody who wants to know what happened.
pub(crate) fn story(run: &Run<'_>) -> String {
    let mut lines: Vec<(u64, String)> = vec![];
    for (n, client) in run.clients.iter().enumerate() {
        for Entry { at, socket, note } in client.heard.entries() {
            let what = match note {
                Note::Hears(message) => format!("hears {}", short(&message)),
                Note::Asks | Note::Goes | Note::Breaks | Note::Ends => format!("{note:?}"),
            };
            lines.push((at, format!("{at:5} client {n} socket {socket} {what}")));
        }
    }
    for signal in run.history.signals() {
        lines.push((signal.asked, format!("{:5} {signal:?}", signal.asked)));
    }
    for forced in run.history.all_forced() {
        lines.push((forced.asked, format!("{:5} {forced:?}", forced.asked)));
    }
    for Taken { peer, asked, answered } in run.history.all_taken() {
        lines.push((asked, format!("{asked:5} somebody else became {peer} by {answered}")));
    }
    lines.sort();
    let people = run.plan.people.iter().enumerate().map(|(n, person)| format!("client {n}: {person:?}"));
    let rounds = run.plan.rounds.iter().enumerate().map(|(n, round)| format!("round {n}: {round:?}"));
    let lines = lines.into_iter().map(|(_, line)| line);
    people.chain(rounds).chain(lines).collect::<Vec<_>>().join("\n")
}

fn short(message: &Value) -> String {
    match message["type"].as_str() {
        Some("identified") => {
            let list: Vec<_> = message["connections"].as_array().into_iter().flatten().map(stay).collect();
            format!("identified {:?} {list:?}", stay(&message["connection"]))
        }
        _ => message.to_string(),
    }
}
