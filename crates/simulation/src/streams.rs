//! The streams as a client knows them, by the rules of PROTOCOL, and as the server has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::{Entry, Note};

/// Streams, and whether they have sound.
pub(crate) type Streams = BTreeMap<String, bool>;

/// A client's notes, replayed.
#[derive(Debug, Default)]
struct Picture {
    alive: BTreeSet<String>,
    /// No later message brings them back.
    ended: BTreeSet<String>,
    /// What has been created since the last identify was sent, as heard on its socket.
    since: BTreeSet<String>,
    /// That socket.
    asking: usize,
    /// The list that comes with `identified`, and before it.
    listed: BTreeSet<String>,
    /// Whether a stream has sound, by the highest version that has said so.
    sound: BTreeMap<String, (u64, bool)>,
}

/// The streams that a client knows at the end of its notes.
pub(crate) fn known(entries: &[Entry]) -> Streams {
    let mut picture = Picture::default();
    for entry in entries {
        match &entry.note {
            Note::Asks => {
                picture.since.clear();
                picture.listed.clear();
                picture.asking = entry.socket;
            }
            Note::Hears(message) => picture.hears(message, entry.socket),
            Note::Goes | Note::Breaks | Note::Ends => {}
        }
    }
    let sound = |id: &String| picture.sound.get(id).is_some_and(|(_, sound)| *sound);
    picture.alive.iter().map(|id| (id.clone(), sound(id))).collect()
}

/// The streams of a session's items.
pub(crate) fn stored(items: &[Value]) -> Streams {
    let streams = items.iter().filter_map(|item| item["streams"]["M"].as_object()).flatten();
    streams.map(|(id, stream)| (id.clone(), stream["M"]["hasAudio"]["BOOL"] == true)).collect()
}

/// Whether a stream is somebody's.
pub(crate) fn is_of(id: &str, peer: &str) -> bool {
    id.split_once('~').is_some_and(|(_, publisher)| publisher == peer)
}

fn id(value: &Value) -> String {
    value.as_str().expect("a stream's id").to_owned()
}

impl Picture {
    fn hears(&mut self, message: &Value, socket: usize) {
        match message["type"].as_str().unwrap_or_default() {
            "connections" => self.lists(message),
            "identified" => {
                self.lists(message);
                self.alive = std::mem::take(&mut self.listed);
                self.alive.extend(self.since.iter().cloned());
                self.alive.retain(|id| !self.ended.contains(id));
            }
            "streamCreated" => {
                let stream = id(&message["stream"]["streamId"]);
                self.says(&stream, &message["version"], &message["stream"]["hasAudio"]);
                if !self.ended.contains(&stream) {
                    if socket >= self.asking {
                        self.since.insert(stream.clone());
                    }
                    self.alive.insert(stream);
                }
            }
            "streamPropertyChanged" => {
                let stream = id(&message["stream"]["streamId"]);
                for change in message["changes"].as_array().into_iter().flatten() {
                    assert_eq!(change["changedProperty"], "hasAudio", "{message}");
                    self.says(&stream, &message["version"], &change["newValue"]);
                }
            }
            "muteForced" => {
                for stream in message["streams"].as_array().into_iter().flatten() {
                    self.says(&id(&stream["streamId"]), &stream["version"], &Value::Bool(false));
                }
            }
            "streamDestroyed" => self.end(&message["streamIds"]),
            "connectionDestroyed" => self.end(&message["streams"]),
            _ => {}
        }
    }

    fn lists(&mut self, message: &Value) {
        for stream in message["streams"].as_array().into_iter().flatten() {
            let listed = id(&stream["streamId"]);
            self.says(&listed, &stream["version"], &stream["hasAudio"]);
            self.listed.insert(listed);
        }
    }

    fn says(&mut self, stream: &str, version: &Value, sound: &Value) {
        let said = (version.as_u64().expect("a version"), *sound == true);
        let known = self.sound.entry(stream.to_owned()).or_insert(said);
        if said.0 > known.0 {
            *known = said;
        }
    }

    fn end(&mut self, ids: &Value) {
        for stream in ids.as_array().into_iter().flatten().map(id) {
            self.alive.remove(&stream);
            self.since.remove(&stream);
            self.ended.insert(stream);
        }
    }
}
