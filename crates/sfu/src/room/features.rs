//! The features of a peer: what it is called and has switched on. Unknown members are passed on unchanged.

use model::id::PeerId;
use serde_json::{Map, Value, json};

use super::members::Kinds;

#[derive(Clone)]
pub(crate) struct Features {
    message: Map<String, Value>,
    /// The stream that is a shared screen: typed, because every audio packet asks for it.
    screen: Option<String>,
    /// The media that it was derived from, for a peer that sends no features.
    media: Option<Kinds>,
}

/// A message on the features channel.
pub(crate) struct FeaturesMessage {
    pub(crate) features: Features,
    /// The socket that the peer says it has now.
    pub(crate) connection_id: Option<String>,
    /// `initialConnect`: passed on once, and not to those who come later.
    pub(crate) initial_connect: Option<Value>,
}

impl FeaturesMessage {
    /// Reads a peer's own message. Its id and presence are set by the SFU, whatever the peer sends.
    pub(crate) fn read(id: &PeerId, mut message: Map<String, Value>) -> Self {
        let connection_id = message.remove("connectionId").and_then(|id| id.as_str().map(str::to_owned));
        message.insert("id".into(), id.as_str().into());
        message.remove("presence");
        let initial_connect = message.remove("initialConnect");
        let screen = message.get("features").and_then(|features| features.get("screen")?.as_str());
        let screen = screen.map(str::to_owned);
        Self { features: Features { message, screen, media: None }, connection_id, initial_connect }
    }
}

impl Features {
    /// The features of a peer that sends this media and no features.
    pub(crate) fn of_media(id: &PeerId, media: Kinds) -> Self {
        let features = json!({ "audio": media.audio, "video": media.video });
        let message = Map::from_iter([("id".into(), id.as_str().into()), ("features".into(), features)]);
        Self { message, screen: None, media: Some(media) }
    }

    /// The features of a peer of which nothing is known.
    pub(crate) fn unknown(id: &PeerId) -> Map<String, Value> {
        Map::from_iter([("id".into(), id.as_str().into()), ("features".into(), json!({}))])
    }

    pub(crate) fn is_screen(&self, stream: &str) -> bool {
        self.screen.as_deref() == Some(stream)
    }

    pub(crate) fn media(&self) -> Option<Kinds> {
        self.media
    }

    /// The message for other peers. That a peer is lost is repeated each time: receivers take what is left
    /// out for withdrawn.
    pub(crate) fn message(&self, speaking: bool, lost: bool) -> Map<String, Value> {
        let mut message = self.message.clone();
        let features = message.entry("features").or_insert_with(|| json!({}));
        if let Some(features) = features.as_object_mut() {
            features.insert("speaking".into(), speaking.into());
        }
        if lost {
            message.insert("presence".into(), "lost".into());
        }
        message
    }
}
