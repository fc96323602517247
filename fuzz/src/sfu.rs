//! A room with two people in it, to be spoken to by a fuzzer.

use std::time::{Duration, Instant};

use arbiter_sfu::room::{Output, Room, Settings};
use model::id::RoomId;
use serde_json::json;

/// An offer as Chromium makes it.
const OFFER: &str = include_str!("../seeds/sfu_sdp/producer-offer-a");

/// A room, and its clock.
pub struct Sfu {
    /// The room.
    pub room: Room,
    /// Its clock: only the target moves it.
    pub now: Instant,
}

impl Sfu {
    /// A room with two people who have offered.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        let id = RoomId::try_from("room".to_owned()).unwrap();
        let mut sfu = Self { room: Room::new(Settings::new(id, vec!["127.0.0.1:3478".parse().unwrap()]), now), now };
        sfu.room.gateway_opened(now);
        for peer in ["anna", "ben"] {
            sfu.offer(peer, OFFER);
        }
        sfu
    }

    /// A client's offer.
    pub fn offer(&mut self, peer: &str, sdp: &str) {
        let description = json!({ "type": "offer", "sdp": sdp });
        let message = json!({ "type": "producer", "sender": peer, "roomId": "room", "description": description });
        self.room.handle_signal(self.now, &message.to_string());
    }

    /// Lets some time pass, and throws away what the room says meanwhile; what it says is JSON.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.room.handle_timeout(self.now);
        while let Some(output) = self.room.poll(self.now) {
            if let Output::Signal(text) = output {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
        }
    }
}

impl Default for Sfu {
    fn default() -> Self {
        Self::new()
    }
}

/// A panic inside of str0m ends its connection, which the room is built for; one of the room's own still ends the
/// process, because it leaves the target.
pub fn let_connections_fall() {
    std::panic::set_hook(Box::new(|info| eprintln!("fell over: {:?}", info.location())));
}
