//! The data channels: chat, and the features of each peer.

use std::time::Instant;

use serde_json::{Map, Value};
use str0m::channel::{ChannelData, ChannelId};

use super::Room;
use super::features::FeaturesMessage;
use super::ids::{Pair, PeerKey};
use super::limits::{MAX_CHANNEL_MESSAGE, MAX_CHANNEL_QUEUE};
use super::link::Link;
use super::peer::Peer;
use super::producer::{Channel, Channels};

impl Room {
    /// With the features channel a peer is brought up to date: it was sent nothing until now.
    pub(super) fn channel_opened(&mut self, key: PeerKey, channel: ChannelId) {
        let Some(producer) = self.peers.producer_mut(key) else { return };
        if producer.channels.features == channel {
            producer.channels.open = true;
            for source in self.peers.others(key) {
                let peer = self.peers.get(source).filter(|_| self.sees(Pair { source, receiver: key }));
                if let Some(message) = peer.and_then(Peer::features_message) {
                    self.send(key, Channel::Features, Value::Object(message).to_string());
                }
            }
        }
        self.flush(key);
    }

    /// Takes a peer's message. What does not parse is dropped.
    pub(super) fn channel_data(&mut self, now: Instant, key: PeerKey, data: &ChannelData) {
        let Some(peer) = self.peers.get_mut(key).filter(|_| data.data.len() <= MAX_CHANNEL_MESSAGE) else {
            return;
        };
        let Ok(message) = serde_json::from_slice::<Map<String, Value>>(&data.data) else { return };
        let allowed = peer.message_limit.take(now);
        let channel = peer.producer.as_ref().and_then(|producer| producer.channels.find(data.id));
        match channel {
            Some(Channel::Chat) if allowed => self.chat(key, message),
            Some(Channel::Features) => {
                let FeaturesMessage { features, connection_id, initial_connect } =
                    FeaturesMessage::read(&peer.id, message);
                peer.features = Some(features);
                peer.silent = false;
                // Features beyond the limit are broadcast a little later, so that the last ones are never
                // lost.
                peer.unsent_features = true;
                if allowed {
                    self.broadcast_features(key, initial_connect);
                }
                self.hint(now, key, connection_id.as_deref());
            }
            Some(Channel::Chat) | None => {}
        }
    }

    fn chat(&mut self, key: PeerKey, mut message: Map<String, Value>) {
        message.extend(self.peers.get(key).map(|peer| ("from".to_owned(), peer.id.as_str().into())));
        self.counters.chats += 1;
        let text = Value::Object(message).to_string();
        for other in self.peers.others(key) {
            self.send(other, Channel::Chat, text.clone());
        }
    }

    /// Sends a peer's features to the others.
    pub(super) fn broadcast_features(&mut self, key: PeerKey, initial_connect: Option<Value>) {
        let message = self.peers.get_mut(key).and_then(|peer| {
            peer.unsent_features = false;
            peer.features_message()
        });
        if let Some(mut message) = message {
            message.extend(initial_connect.map(|value| ("initialConnect".to_owned(), value)));
            self.broadcast_about(key, &Value::Object(message).to_string());
        }
    }

    /// Sends a peer its own features, for `speaking`. Original clients do not expect messages about
    /// themselves.
    pub(super) fn send_own_features(&mut self, key: PeerKey) {
        let peer = self.peers.get(key).filter(|_| self.knows_presence(key));
        if let Some(message) = peer.and_then(Peer::features_message) {
            self.send(key, Channel::Features, Value::Object(message).to_string());
        }
    }

    /// Sends all who are told of a peer a message about it.
    pub(super) fn broadcast_about(&mut self, key: PeerKey, text: &str) {
        for receiver in self.recipients(key) {
            self.send(receiver, Channel::Features, text.to_owned());
        }
    }

    /// Sends a message, or drops it if the peer's channels are not open yet.
    fn send(&mut self, key: PeerKey, channel: Channel, text: String) {
        if self.peers.producer(key).is_some_and(|producer| producer.channels.open) {
            self.enqueue(key, channel, text);
        }
    }

    /// Queues a message, and sends what the peer's channels take.
    pub(super) fn enqueue(&mut self, key: PeerKey, channel: Channel, text: String) {
        if let Some(producer) = self.peers.producer_mut(key) {
            let Channels { chat, features, queue, .. } = &mut producer.channels;
            let id = match channel {
                Channel::Chat => *chat,
                Channel::Features => *features,
            };
            queue.push_back((id, text));
            if queue.len() > MAX_CHANNEL_QUEUE {
                queue.pop_front();
            }
        }
        self.flush(key);
    }

    /// Sends what is queued for a peer's channels, as far as they take it.
    pub(super) fn flush(&mut self, key: PeerKey) {
        let producer = self.peers.producer_mut(key).filter(|producer| !producer.channels.queue.is_empty());
        if let Some(producer) = producer
            && let Some(link) = self.links.touch(producer.link)
        {
            drain(&mut producer.channels, link);
        }
    }
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
