//! The data channels: chat, and who is there with what switched on.

use std::time::Instant;

use serde_json::{Map, Value, json};
use str0m::channel::{ChannelData, ChannelId};
use str0m::media::MediaKind;

use super::Room;
use super::limits::{MAX_CHANNEL_MESSAGE, MAX_CHANNEL_QUEUE};
use super::link::Link;
use super::peer::{Peer, PeerKey};
use super::producer::Channels;

/// Whether a peer can be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Here,
    /// Its signaling is gone; its media is kept for a while.
    Lost,
    /// It has been removed.
    Gone,
}

impl Room {
    /// A peer can be told of the others.
    pub(super) fn channel_opened(&mut self, key: PeerKey, channel: ChannelId) {
        let Some(producer) = self.peers.get_mut(&key).and_then(|peer| peer.producer.as_mut()) else { return };
        if producer.channels.features == channel {
            producer.channels.open = true;
            for other in self.others(key) {
                let peer = self.peers.get(&other).filter(|_| self.hears_of(key, other));
                if let Some(message) = peer.and_then(described) {
                    self.tell(key, Channel::Features, Value::Object(message).to_string());
                }
            }
        }
        self.flush(key);
    }

    /// A peer has said something on a channel. What does not parse is dropped.
    pub(super) fn channel_said(&mut self, now: Instant, key: PeerKey, data: &ChannelData) {
        if data.data.len() > MAX_CHANNEL_MESSAGE {
            return;
        }
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(producer) = peer.producer.as_ref() else { return };
        let (chat, features) = (producer.channels.chat, producer.channels.features);
        let Ok(message) = serde_json::from_slice::<Map<String, Value>>(&data.data) else { return };
        let may = peer.talk.take(now);
        if data.id == chat && may {
            self.chat(key, message);
        } else if data.id == features {
            self.take_features(now, key, message, may);
        }
    }

    fn chat(&mut self, key: PeerKey, mut message: Map<String, Value>) {
        let Some(peer) = self.peers.get(&key) else { return };
        message.insert("from".into(), peer.id.as_str().into());
        self.counters.chats += 1;
        let text = Value::Object(message).to_string();
        for other in self.others(key) {
            self.tell(other, Channel::Chat, text.clone());
        }
    }

    /// Keeps what a peer says of itself, and passes it on; a little later if it says too much.
    fn take_features(&mut self, now: Instant, key: PeerKey, mut message: Map<String, Value>, may: bool) {
        let connection = message.remove("connectionId").and_then(|id| id.as_str().map(str::to_owned));
        let Some(peer) = self.peers.get_mut(&key) else { return };
        message.insert("id".into(), peer.id.as_str().into());
        message.remove("presence");
        let greeting = message.remove("initialConnect");
        peer.features = Some(message);
        peer.silent = false;
        peer.untold = true;
        if may {
            self.tell_features(key, greeting);
        }
        self.heard_from(now, key, connection);
    }

    /// Says of a peer that says nothing what its media shows: clients of the original show nobody of whom they are not told.
    pub(super) fn speak_for(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(&key).filter(|peer| peer.silent && peer.connection_id.is_none())
        else {
            return;
        };
        let tracks = peer.producer.iter().flat_map(|producer| &producer.tracks);
        let kinds: Vec<MediaKind> = tracks.map(|track| track.kind).collect();
        if kinds.is_empty() && peer.features.is_none() {
            return;
        }
        let has = |kind| kinds.contains(&kind);
        let features = json!({ "audio": has(MediaKind::Audio), "video": has(MediaKind::Video) });
        let message =
            Map::from_iter([("id".to_owned(), peer.id.as_str().into()), ("features".to_owned(), features)]);
        peer.untold |= peer.features.as_ref() != Some(&message);
        peer.features = Some(message);
    }

    /// Tells the others what a peer last said of itself.
    pub(super) fn tell_features(&mut self, key: PeerKey, greeting: Option<Value>) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.untold = false;
        let Some(mut message) = described(peer) else { return };
        message.extend(greeting.map(|greeting| ("initialConnect".to_owned(), greeting)));
        self.tell_of(key, &Value::Object(message).to_string());
    }

    /// Tells a peer that it is heard to speak, or no longer. Clients of the original do not expect to hear of themselves.
    pub(super) fn tell_own_voice(&mut self, key: PeerKey) {
        if !self.knows_presence(key) {
            return;
        }
        if let Some(message) = self.peers.get(&key).and_then(described) {
            self.tell(key, Channel::Features, Value::Object(message).to_string());
        }
    }

    /// Tells the others that a peer can be reached, or no longer.
    pub(super) fn tell_presence(&mut self, key: PeerKey, presence: Presence) {
        let Some(peer) = self.peers.get(&key) else { return };
        let mut message = described(peer).unwrap_or_else(|| {
            let blank = json!({ "id": peer.id.as_str(), "features": {} });
            blank.as_object().cloned().unwrap_or_default()
        });
        let word = match presence {
            Presence::Here => "here",
            Presence::Lost => "lost",
            Presence::Gone => "gone",
        };
        message.insert("presence".into(), word.into());
        let text = Value::Object(message).to_string();
        if presence != Presence::Gone {
            return self.tell_of(key, &text);
        }
        // A newcomer may have been offered its media already, and nothing else will say that it is gone.
        for other in self.others(key) {
            if self.knows_presence(other) {
                self.put(other, Channel::Features, text.clone());
            }
        }
    }

    /// Whether a peer is one of our clients, which name their socket. One of the original takes whatever is said of
    /// somebody for a sign that they are there.
    pub(super) fn knows_presence(&self, key: PeerKey) -> bool {
        self.peers.get(&key).is_some_and(|peer| peer.connection_id.is_some())
    }

    /// Whether a peer is told of another, and offered its media. The gateway has told everybody that a lost one has gone.
    pub(super) fn hears_of(&self, key: PeerKey, other: PeerKey) -> bool {
        self.knows_presence(key) || self.peers.get(&other).is_some_and(|peer| peer.lost.is_none())
    }

    /// Who is told of a peer.
    pub(super) fn hearers(&self, key: PeerKey) -> Vec<PeerKey> {
        self.others(key).into_iter().filter(|other| self.hears_of(*other, key)).collect()
    }

    /// Tells the others something of a peer.
    fn tell_of(&mut self, key: PeerKey, text: &str) {
        for other in self.hearers(key) {
            self.tell(other, Channel::Features, text.to_owned());
        }
    }

    /// Tells a peer something. Until its channel is open it is told nothing: it is brought up to date then.
    fn tell(&mut self, key: PeerKey, channel: Channel, text: String) {
        let producer = self.peers.get(&key).and_then(|peer| peer.producer.as_ref());
        if producer.is_some_and(|producer| producer.channels.open) {
            self.put(key, channel, text);
        }
    }

    /// Puts a message into a peer's queue, and sends what its channels take.
    fn put(&mut self, key: PeerKey, channel: Channel, text: String) {
        let Some(producer) = self.peers.get_mut(&key).and_then(|peer| peer.producer.as_mut()) else { return };
        let channels = &mut producer.channels;
        let id = match channel {
            Channel::Chat => channels.chat,
            Channel::Features => channels.features,
        };
        channels.queue.push_back((id, text));
        if channels.queue.len() > MAX_CHANNEL_QUEUE {
            channels.queue.pop_front();
        }
        self.flush(key);
    }

    /// Sends what waits for a peer's channels, as far as they take it.
    pub(super) fn flush(&mut self, key: PeerKey) {
        let Some(producer) = self.peers.get_mut(&key).and_then(|peer| peer.producer.as_mut()) else { return };
        if producer.channels.queue.is_empty() {
            return;
        }
        if let Some(link) = self.links.touch(producer.link) {
            drain(&mut producer.channels, link);
        }
    }
}

#[derive(Clone, Copy)]
enum Channel {
    Chat,
    Features,
}

fn drain(channels: &mut Channels, link: &mut Link) {
    while let Some((id, text)) = channels.queue.front() {
        let taken = link.with(|rtc| {
            let mut channel = rtc.channel(*id)?;
            channel.write(false, text.as_bytes()).ok()
        });
        if taken.flatten() != Some(true) {
            break;
        }
        channels.queue.pop_front();
    }
}

/// A peer's last features, with what the room knows of it. That it is lost is said each time: what is not said is taken
/// back.
fn described(peer: &Peer) -> Option<Map<String, Value>> {
    let mut message = peer.features.clone()?;
    let features = message.entry("features").or_insert_with(|| json!({}));
    if let Some(features) = features.as_object_mut() {
        features.insert("speaking".into(), peer.voice.speaks().into());
    }
    if peer.lost.is_some() {
        message.insert("presence".into(), "lost".into());
    }
    Some(message)
}
