//! `identify`: a connection says who it is.

use crate::id::{PeerId, RoomId};
use crate::secret::SecretHash;
use crate::session::project::ApiKey;

/// How many features an SFU may announce.
pub const MAX_FEATURES: usize = 32;
/// The longest name of a feature, in bytes.
pub const MAX_FEATURE_BYTES: usize = 64;
/// The longest bearer token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// Who a connection says it is. What it says is not yet believed.
#[derive(Debug)]
pub enum Identify {
    /// A participant.
    Client(ClientIdentify),
    /// A client of a session: its message has an `apiKey`.
    Session(Box<SessionIdentify>),
    /// The media process of the room that has its id.
    Sfu(SfuIdentify),
}

/// `{type: "client", id, roomId, token?, resumeToken?}`
pub struct ClientIdentify {
    /// The peer that the client wants to be.
    pub peer: PeerId,
    /// The room that it wants to enter.
    pub room: RoomId,
    /// A JWT (with `AuthMode=token`), at most [`MAX_TOKEN_BYTES`].
    pub token: Option<String>,
    /// The hash of the token that lets a newer connection take this one's place.
    pub resume_hash: Option<SecretHash>,
}

impl std::fmt::Debug for ClientIdentify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentify")
            .field("peer", &self.peer)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// `{type: "client", roomId, apiKey, token, id?, resumeToken?, connectionEventsSuppressed?, e2eeReady?}`
pub struct SessionIdentify {
    /// The session.
    pub session: RoomId,
    /// The project that made the token.
    pub api_key: ApiKey,
    /// The token, at most [`MAX_TOKEN_BYTES`].
    pub token: String,
    /// The peer that the client was before, or wants to be.
    pub peer: Option<PeerId>,
    /// The hash of the token that lets a newer connection take this one's place.
    pub resume_hash: Option<SecretHash>,
    /// It wants to hear nothing of others who come and go.
    pub suppressed: bool,
    /// It has a secret for end-to-end encryption.
    pub e2ee_ready: bool,
}

impl std::fmt::Debug for SessionIdentify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionIdentify").field("session", &self.session).finish_non_exhaustive()
    }
}

/// `{type: "sfu", id, features?}`
#[derive(Debug)]
pub struct SfuIdentify {
    /// The room that the SFU serves: its own id.
    pub room: RoomId,
    /// What it can do, e.g. `candidates`: at most [`MAX_FEATURES`] names of at most [`MAX_FEATURE_BYTES`].
    pub features: Vec<String>,
}
