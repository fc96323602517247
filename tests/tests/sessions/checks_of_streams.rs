//! What has to hold of the streams of a run that has settled, and of its mutes.

use crate::checks::Check;
use crate::mutes;
use crate::settling::Server;
use crate::stream_acts::SESSION;
use crate::streams::{self, Stream, Streams};

impl Check<'_> {
    /// Who is there knows the streams of the others, as they are, and has heard once of each of their changes.
    pub(crate) fn streams(&mut self, server: &Server, twice: bool) {
        let there = &server.streams;
        let listed = there.iter().map(|(id, stream)| (id.clone(), stream.classes.clone())).collect();
        if server.classes != listed {
            self.found.push(format!("the server lists the streams {:?}, and has {there:?}", server.classes));
        }
        for (id, stream) in there {
            if !server.members.iter().any(|(peer, _)| streams::is_of(id, peer)) {
                self.found.push(format!("{id} is nobody's"));
            }
            if !self.had_classes(id, &stream.classes) {
                self.found.push(format!("nobody has given {id} the classes {:?}", stream.classes));
            }
        }
        for n in 0..self.logs.len() {
            let log = &self.logs[n];
            for ended in streams::ended(log).iter().filter(|id| there.contains_key(*id)) {
                self.found.push(format!("client {n} has heard that {ended} has ended, which is there"));
            }
            let repeated = if twice { vec![] } else { streams::repeated(log) };
            self.found
                .extend(repeated.iter().map(|event| format!("client {n} has heard again that {event}")));
            let Some(present) = self.views[n].present() else { continue };
            let others = |mut all: Streams| {
                all.retain(|id, _| !streams::is_of(id, &present.own.0));
                all
            };
            let mut known = others(streams::known(log));
            for (id, stream) in &mut known {
                // Nobody is told of other classes.
                if self.had_classes(id, &stream.classes)
                    && let Some(there) = there.get(id)
                {
                    stream.classes.clone_from(&there.classes);
                }
            }
            let there = others(there.clone());
            if known != there {
                self.found.push(format!("client {n} knows the streams {known:?}, and there are {there:?}"));
            }
        }
    }

    /// Whether a stream has had such layout classes: those that it began with, or that the project's server gave it.
    fn had_classes(&self, id: &str, classes: &[String]) -> bool {
        let publisher = self.run.clients.iter().find(|client| client.streams.iter().any(|own| own == id));
        let first = publisher.is_some_and(|client| client.person.classes.split_whitespace().eq(classes));
        let given = self.run.history.all_classes();
        first || given.iter().any(|given| given.stream == id && given.classes == classes)
    }

    /// Who is there knows whether the session is muted, and which of its own streams are. What should be muted is.
    pub(crate) fn mutes(&mut self, server: &Server) {
        for n in 0..self.logs.len() {
            let Some(present) = self.views[n].present() else { continue };
            let known = mutes::known(&self.logs[n]);
            if known != server.mute {
                self.found.push(format!("client {n} knows the mute {known:?}, and it is {:?}", server.mute));
            }
            let own = server.streams.iter().filter(|(id, _)| streams::is_of(id, &present.own.0));
            for (id, Stream { has_audio, .. }) in own.filter(|(id, _)| !self.run.mutes.was_changed(id)) {
                let known = mutes::own_sound(&self.logs[n], id);
                if known.is_some_and(|known| known != *has_audio) {
                    self.found.push(format!("client {n} knows of its own {id} {known:?}, not {has_audio}"));
                }
            }
        }
        for (id, _) in server.streams.iter().filter(|(_, stream)| stream.has_audio) {
            if let Some(missed) = self.run.mutes.missed(SESSION, id) {
                self.found.push(format!("{id} has sound, which {missed:?} should have muted"));
            }
        }
    }
}
