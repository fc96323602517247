//! What moderators have muted, who has given streams their sound, and what follows from that.

use std::sync::Mutex;

use serde_json::Value;

use crate::heard::{Entry, Moment, Note};

/// A session's mute was switched, or may have been.
#[derive(Clone, Debug)]
pub(crate) struct Switched {
    pub(crate) session: usize,
    /// `None`: off. Else the streams that are left out.
    pub(crate) excluded: Option<Vec<String>>,
    pub(crate) asked: Moment,
    /// When that was acknowledged; `u64::MAX`: not.
    pub(crate) answered: Moment,
}

/// Somebody has asked for a stream with sound: published it, or switched the sound on.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    pub(crate) stream: String,
    pub(crate) publishes: bool,
    /// As [`Switched::answered`].
    pub(crate) answered: Moment,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Mutes {
    switched: Mutex<Vec<Switched>>,
    sounds: Mutex<Vec<Sound>>,
    /// The streams that were asked for, with who has.
    streams: Mutex<Vec<(usize, String)>>,
}

impl Mutes {
    pub(crate) fn switched(&self, switched: Switched) {
        self.switched.lock().unwrap().push(switched);
    }

    pub(crate) fn sound(&self, sound: Sound) {
        self.sounds.lock().unwrap().push(sound);
    }

    pub(crate) fn published(&self, n: usize, stream: &str) {
        self.streams.lock().unwrap().push((n, stream.to_owned()));
    }

    /// The stream that somebody has asked for last.
    pub(crate) fn newest_of(&self, n: usize) -> Option<String> {
        let streams = self.streams.lock().unwrap();
        streams.iter().rev().find(|(publisher, _)| *publisher == n).map(|(_, stream)| stream.clone())
    }

    /// Whether the publisher of a stream has ever changed its sound.
    pub(crate) fn was_changed(&self, stream: &str) -> bool {
        self.sounds.lock().unwrap().iter().any(|sound| sound.stream == stream && !sound.publishes)
    }

    /// The mute that has not muted a stream which has sound, and should have.
    pub(crate) fn missed(&self, session: usize, stream: &str) -> Option<Switched> {
        let (switched, sounds) = (self.switched.lock().unwrap(), self.sounds.lock().unwrap());
        let since = |moment: Moment, publishes: bool| {
            let own = sounds.iter().filter(|sound| sound.stream == stream && sound.publishes == publishes);
            own.clone().any(|sound| sound.answered > moment)
        };
        let here = switched.iter().filter(|one| one.session == session);
        let acknowledged = here.clone().filter(|one| one.answered < u64::MAX);
        let mut missed = acknowledged.filter(|mute| {
            let Some(excluded) = &mute.excluded else { return false };
            let switched_on = since(mute.asked, false);
            let began_after = here
                .clone()
                .any(|over| over.excluded.is_none() && over.answered > mute.asked && since(over.asked, true));
            !excluded.iter().any(|id| id == stream) && !switched_on && !began_after
        });
        missed.next_back().cloned()
    }
}

/// The session's mute as somebody knows it: the highest version that it has heard of, and whether that is on.
pub(crate) fn known(entries: &[Entry]) -> (u64, bool) {
    let heard = entries.iter().filter_map(|entry| {
        let Note::Hears(message) = &entry.note else { return None };
        let version = message["muteVersion"].as_u64()?;
        Some((version, message["active"] == true || message["muted"] == true))
    });
    heard.max().unwrap_or_default()
}

/// A session's mute, by its items.
pub(crate) fn stored(items: &[Value]) -> (u64, bool) {
    let item = items.iter().find(|item| item["sk"]["S"] == "MUTE");
    item.map_or((0, false), |item| {
        (item["version"]["N"].as_str().unwrap().parse().unwrap(), item["active"]["BOOL"] == true)
    })
}

/// Whether one's own stream has sound, by what one has heard of it.
pub(crate) fn own_sound(entries: &[Entry], stream: &str) -> Option<bool> {
    let mut known = None;
    for entry in entries {
        let Note::Hears(message) = &entry.note else { continue };
        let forced = message["type"] == "muteForced";
        let published = (message["type"] == "published").then_some(&message["stream"]);
        let listed = message["streams"].as_array().into_iter().flatten();
        for one in listed.chain(published).filter(|one| one["streamId"] == stream) {
            let version = one["version"].as_u64().or(message["version"].as_u64()).unwrap();
            let said = (version, !forced && one["hasAudio"] == true);
            if known.is_none_or(|(known, _)| known < said.0) {
                known = Some(said);
            }
        }
    }
    known.map(|(_, sound)| sound)
}
