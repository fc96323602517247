//! The sockets that API Gateway holds.

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::sync::mpsc;

#[derive(Default)]
pub(crate) struct Api {
    pub(crate) sockets: Mutex<BTreeMap<String, Socket>>,
}

/// A socket, open or gone.
pub(crate) struct Socket {
    pub(crate) connected_at: u64,
    pub(crate) open: bool,
    /// It takes no more before.
    pub(crate) full_until: u64,
    /// `None`: nobody is there any more, noticed or not.
    pub(crate) client: Option<mpsc::UnboundedSender<ToClient>>,
}

/// What comes out of a socket at its client.
#[derive(Debug)]
pub(crate) enum ToClient {
    Text(String),
    Closed,
}

impl Api {
    /// Whether API Gateway takes a socket for an open one.
    pub(crate) fn is_open(&self, id: &str) -> bool {
        self.sockets.lock().unwrap().get(id).is_some_and(|socket| socket.open)
    }

    pub(crate) fn connected_at(&self, id: &str) -> u64 {
        self.sockets.lock().unwrap()[id].connected_at
    }

    pub(crate) fn deliver(&self, id: &str, text: String) {
        if let Some(client) = &self.sockets.lock().unwrap()[id].client {
            let _ = client.send(ToClient::Text(text));
        }
    }
}
