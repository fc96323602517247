//! What has to hold of a run that has settled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::{Entry, Moment, Note};
use crate::history::{Away, Forced, Sender, Signal, Taken};
use crate::run::Run;
use crate::settling::Server;
use crate::view::{Presence, Stay, View, stay};

/// What does not hold, in sentences. `twice`: a change may have been told again by others, because it was told late, or by
/// somebody who was killed.
pub(crate) fn failures(run: &Run<'_>, server: &Server, lossy: bool, twice: bool) -> Vec<String> {
    let mut check = Check {
        run,
        logs: run.clients.iter().map(|client| client.heard.entries()).collect(),
        views: vec![],
        found: vec![],
    };
    check.views = check.logs.iter().map(|log| View::of(log)).collect();
    check.server(server);
    check.lists(server);
    check.events(server, twice);
    check.streams(server, twice);
    check.mutes(server);
    check.signals(lossy);
    check.kept();
    check.numbers(lossy);
    check.places();
    // Where a function is killed API Gateway answers, and a place stays taken until somebody posts to it.
    if !lossy {
        check.found.extend(run.history.surprises());
    }
    check.found
}

pub(crate) struct Check<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) logs: Vec<Vec<Entry>>,
    pub(crate) views: Vec<View>,
    pub(crate) found: Vec<String>,
}

/// A time for which somebody was away, from when that was noticed, and then back in the same stay.
struct Absence {
    /// It ends with that of its return.
    presence: Presence,
    back: Moment,
}

impl Check<'_> {
    /// Table, REST list and count say the same, and the members are exactly those who think that they are.
    fn server(&mut self, server: &Server) {
        let Server { listed, members, count, .. } = server;
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

    fn events(&mut self, server: &Server, twice: bool) {
        for (n, view) in self.views.iter().enumerate() {
            for (what, counts) in [("created", &view.created), ("destroyed", &view.destroyed)] {
                for (stay, count) in counts.iter().filter(|(_, count)| **count > 1 && !twice) {
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
        for n in 0..self.logs.len() {
            let absences = self.absences(n);
            let mut missed = vec![];
            for signal in &signals {
                let heard = heard(&self.logs[n], &signal.text);
                let mut there = self.views[n].presences.iter();
                let owed_there = signal.acknowledged && there.any(|one| owed(one, signal, &forced));
                let mut away = absences.iter().filter(|one| owed(&one.presence, signal, &forced));
                let owed_away = away.next().filter(|_| signal.acknowledged);
                if heard.len() > 1 || (heard.is_empty() && owed_there && !lossy) {
                    self.found.push(format!("client {n} has heard {} times: {signal:?}", heard.len()));
                } else if let (true, Some(absence)) = (heard.is_empty() && !owed_there, owed_away) {
                    missed.push((signal, absence));
                }
                if let Some(to) = &signal.to
                    && !heard.is_empty()
                    && !self.views[n].presences.iter().any(|one| one.own.0 == *to)
                {
                    self.found.push(format!("client {n} has heard what was not for it: {signal:?}"));
                }
            }
            let told = told_missed(&self.logs[n]);
            if missed.len() as u64 > told && !lossy {
                let missed: Vec<_> = missed.iter().map(|(signal, _)| signal).collect();
                self.found.push(format!("client {n} was told that {told} are missing, which are {missed:?}"));
            }
            for (missed, absence) in missed {
                let after = |signal: &&Signal| signal.asked > missed.answered && signal.asked < absence.back;
                let kept = kept(&self.logs[n]).flatten();
                for later in kept.filter_map(|text| signals.iter().find(|one| one.text == text)).filter(after)
                {
                    self.found.push(format!("client {n} has missed {missed:?}, and {later:?} was kept"));
                }
            }
        }
    }

    /// What was kept comes in its order.
    fn kept(&mut self) {
        let signals = self.run.history.signals();
        for (n, log) in self.logs.iter().enumerate() {
            for kept in kept(log) {
                let kept: Vec<_> =
                    kept.filter_map(|text| signals.iter().find(|one| one.text == text)).collect();
                for pair in kept.windows(2).filter(|pair| pair[1].answered < pair[0].asked) {
                    self.found.push(format!("client {n} has heard {:?} before {:?}", pair[0], pair[1]));
                }
            }
        }
    }

    /// What is posted before somebody's loss was noticed goes to a socket that nobody reads.
    fn absences(&self, n: usize) -> Vec<Absence> {
        let away = self.run.history.all_away();
        let pairs = self.views[n].presences.windows(2).filter(|pair| pair[0].own == pair[1].own);
        pairs
            .filter_map(|pair| {
                let between =
                    |from: &Moment| pair[0].until.is_some_and(|until| until < *from) && *from < pair[1].from;
                let from = away.iter().filter(|away| away.client == n).map(|away| away.from).find(between)?;
                Some(Absence { presence: Presence { from, ..pair[1].clone() }, back: pair[1].from })
            })
            .collect()
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

/// The numbers with which a signal was heard. What was kept comes again with each identify, under the same id.
fn heard(log: &[Entry], text: &str) -> Vec<Option<u64>> {
    let messages = |kind: &'static str| messages(log).filter(move |message| message["type"] == kind);
    let live = messages("signal").map(|message| &message["signal"]);
    let mut heard: Vec<_> = live.filter(|signal| signal["data"] == text).collect();
    let kept = messages("kept").flat_map(|message| message["signals"].as_array().unwrap());
    for signal in kept.filter(|signal| signal["data"] == text) {
        if heard.iter().all(|before| before["id"] != signal["id"]) {
            heard.push(signal);
        }
    }
    heard.into_iter().map(|signal| signal["seq"].as_u64()).collect()
}

/// The texts of each mailbox that was delivered.
fn kept(log: &[Entry]) -> impl Iterator<Item = impl Iterator<Item = &str>> {
    let kept = messages(log).filter(|message| message["type"] == "kept");
    kept.map(|message| message["signals"].as_array().unwrap().iter().filter_map(|one| one["data"].as_str()))
}

/// How many signals are missing, by what somebody was told.
fn told_missed(log: &[Entry]) -> u64 {
    let kept = messages(log).filter(|message| message["type"] == "kept");
    let mailboxes: BTreeMap<_, _> = kept
        .map(|message| {
            (message["signals"][0]["id"].to_string(), message["missed"].as_u64().unwrap_or_default())
        })
        .collect();
    mailboxes.values().sum()
}

pub(crate) fn messages(log: &[Entry]) -> impl Iterator<Item = &Value> {
    log.iter().filter_map(|entry| match &entry.note {
        Note::Hears(message) => Some(message),
        Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
    })
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
    for Away { client, from } in run.history.all_away() {
        lines.push((from, format!("{from:5} client {client} is away")));
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
