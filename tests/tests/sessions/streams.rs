//! The streams as a client knows them, by the rules of PROTOCOL, and as the server has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::heard::{Entry, Note};

/// Streams by their ids.
pub(crate) type Streams = BTreeMap<String, Stream>;

/// What is looked at of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) has_audio: bool,
    pub(crate) has_video: bool,
    pub(crate) classes: Vec<String>,
}

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
    /// The properties of streams, each by the highest version that has said something of it.
    said: BTreeMap<(String, String), (u64, Value)>,
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
    picture.alive.iter().map(|id| (id.clone(), picture.stream(id))).collect()
}

/// The streams that have ended, as far as a client has heard.
pub(crate) fn ended(entries: &[Entry]) -> BTreeSet<String> {
    heard(entries).flat_map(ends).collect()
}

/// The events of streams that a client has heard more than once.
pub(crate) fn repeated(entries: &[Entry]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut again = vec![];
    let mut counts = |event: String| {
        if !seen.insert(event.clone()) {
            again.push(event);
        }
    };
    for message in heard(entries) {
        match message["type"].as_str().unwrap_or_default() {
            "streamCreated" => counts(format!("{} was created", message["stream"]["streamId"])),
            "streamPropertyChanged" => {
                counts(format!("{} has changed to {}", message["stream"]["streamId"], message["version"]));
            }
            "muteForced" if message["muteVersion"].is_u64() => {
                counts(format!("the mute is {}", message["muteVersion"]));
            }
            _ => ends(message).for_each(|id| counts(format!("{id} has ended"))),
        }
    }
    again
}

/// The streams of a session's items.
pub(crate) fn stored(items: &[Value]) -> Streams {
    let streams = items.iter().filter_map(|item| item["streams"]["M"].as_object()).flatten();
    let stream = |(id, item): (&String, &Value)| {
        let item = &item["M"];
        let classes = item["layoutClassList"]["L"].as_array().into_iter().flatten();
        let stream = Stream {
            has_audio: item["hasAudio"]["BOOL"] == true,
            has_video: item["hasVideo"]["BOOL"] == true,
            classes: classes.map(|class| text(&class["S"])).collect(),
        };
        (id.clone(), stream)
    };
    streams.map(stream).collect()
}

/// Whether a stream is somebody's.
pub(crate) fn is_of(id: &str, peer: &str) -> bool {
    id.split_once('~').is_some_and(|(_, publisher)| publisher == peer)
}

fn heard(entries: &[Entry]) -> impl Iterator<Item = &Value> {
    entries.iter().filter_map(|entry| match &entry.note {
        Note::Hears(message) => Some(message),
        Note::Asks | Note::Goes | Note::Breaks | Note::Ends => None,
    })
}

/// The streams whose end a message tells.
fn ends(message: &Value) -> impl Iterator<Item = String> {
    let ids = match message["type"].as_str() {
        Some("streamDestroyed") => &message["streamIds"],
        Some("connectionDestroyed") => &message["streams"],
        _ => &Value::Null,
    };
    ids.as_array().into_iter().flatten().map(text)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
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
                let id = self.describes(&message["stream"], &message["version"]);
                if !self.ended.contains(&id) {
                    if socket >= self.asking {
                        self.since.insert(id.clone());
                    }
                    self.alive.insert(id);
                }
            }
            "streamPropertyChanged" => {
                let id = text(&message["stream"]["streamId"]);
                for change in message["changes"].as_array().into_iter().flatten() {
                    self.says(
                        &id,
                        &text(&change["changedProperty"]),
                        &message["version"],
                        &change["newValue"],
                    );
                }
            }
            "muteForced" => {
                for stream in message["streams"].as_array().into_iter().flatten() {
                    self.says(
                        &text(&stream["streamId"]),
                        "hasAudio",
                        &stream["version"],
                        &Value::Bool(false),
                    );
                }
            }
            _ => {
                for id in ends(message) {
                    self.alive.remove(&id);
                    self.since.remove(&id);
                    self.ended.insert(id);
                }
            }
        }
    }

    fn lists(&mut self, message: &Value) {
        for stream in message["streams"].as_array().into_iter().flatten() {
            let id = self.describes(stream, &stream["version"]);
            self.listed.insert(id);
        }
    }

    /// Takes all properties of a stream; answers with its id.
    fn describes(&mut self, stream: &Value, version: &Value) -> String {
        let id = text(&stream["streamId"]);
        for property in ["hasAudio", "hasVideo", "layoutClassList"] {
            self.says(&id, property, version, &stream[property]);
        }
        id
    }

    fn says(&mut self, stream: &str, property: &str, version: &Value, value: &Value) {
        let said = (version.as_u64().unwrap(), value.clone());
        let known = self.said.entry((stream.to_owned(), property.to_owned())).or_insert_with(|| said.clone());
        if said.0 > known.0 {
            *known = said;
        }
    }

    fn stream(&self, id: &str) -> Stream {
        let property = |name: &str| self.said.get(&(id.to_owned(), name.to_owned())).map(|(_, value)| value);
        let classes = property("layoutClassList").and_then(Value::as_array).into_iter().flatten();
        Stream {
            has_audio: property("hasAudio").is_some_and(|value| *value == true),
            has_video: property("hasVideo").is_some_and(|value| *value == true),
            classes: classes.map(text).collect(),
        }
    }
}
