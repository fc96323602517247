//! What a token says, and what that grants.

use std::time::Duration;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as UnknownName;

use super::lifetime::Lifetime;
use super::refused::Refused;
use crate::id::{PeerId, RoomId};
use crate::session::id;
use crate::session::project::ApiKey;
use crate::session::role::Role;
use crate::time::EpochMillis;

/// The scope of a token that admits to a session.
pub const SCOPE: &str = "session.connect";
/// The longest connection data, in characters (Unicode scalar values). `OpenTok` documents 1000. npm `opentok` makes
/// tokens with up to 1024 UTF-16 units, Python's `opentok` with up to 1000 characters; 1024 characters hold both.
pub const MAX_DATA_CHARS: usize = 1024;
/// The longest list of layout classes, joined by blanks, counted in the same way.
pub const MAX_CLASSES_CHARS: usize = 1024;
/// How long a token may be good.
pub const LONGEST: Duration = Duration::from_hours(30 * 24);

/// How a JWT is signed. It decides which claim names the project, and which of its keys is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// HS256, by the project's secret: `OpenTok`'s. `iss` names the project.
    BySecret,
    /// RS256, by the project's private key: Vonage's. `application_id` names the project.
    ByPrivateKey,
}

/// What a token says, whatever its form. Its signature has been verified.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The project that made it.
    pub api_key: Option<String>,
    /// What it is for.
    pub scope: Option<String>,
    /// The session that it admits to.
    pub session_id: Option<String>,
    /// The bearer's role.
    pub role: Option<String>,
    /// The connection's data.
    pub connection_data: String,
    /// The one peer that the bearer may be.
    pub peer_id: Option<String>,
    /// The layout classes, joined by blanks.
    pub layout_classes: String,
    /// When it is good.
    pub lifetime: Lifetime,
}

/// What a token grants its bearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The role in the session.
    pub role: Role,
    /// The connection's data, which everybody in the session may read.
    pub data: String,
    /// The one peer that the bearer may be; any, if absent.
    pub peer: Option<PeerId>,
    /// The classes that its streams begin with.
    pub layout_classes: Vec<String>,
}

impl Claims {
    /// What the token grants somebody who wants to enter `session` of the project `api_key` at `now`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn grant(self, api_key: &ApiKey, session: &RoomId, now: EpochMillis) -> Result<Grant, Refused> {
        if self.api_key.as_deref() != Some(api_key.as_str()) {
            return Err(Refused::Project);
        }
        if self.scope.as_deref() != Some(SCOPE) {
            return Err(Refused::Scope);
        }
        // A project signs what it likes, also another project's session.
        let of_another = id::api_key_of(session).is_some_and(|owner| owner != *api_key);
        if of_another || self.session_id.as_deref() != Some(session.as_str()) {
            return Err(Refused::Session);
        }
        self.lifetime.check(LONGEST, now)?;
        let role = match self.role {
            None => Role::default(),
            Some(name) => Role::deserialize(name.as_str().into_deserializer())
                .map_err(|_: UnknownName| Refused::Role)?,
        };
        if self.connection_data.chars().count() > MAX_DATA_CHARS {
            return Err(Refused::Data);
        }
        if self.layout_classes.chars().count() > MAX_CLASSES_CHARS {
            return Err(Refused::Classes);
        }
        let peer = self.peer_id.map(PeerId::try_from).transpose().map_err(|_| Refused::Peer)?;
        let classes = self.layout_classes.split(' ').filter(|class| !class.is_empty());
        let layout_classes = classes.map(str::to_owned).collect();
        Ok(Grant { role, data: self.connection_data, peer, layout_classes })
    }
}

impl std::fmt::Debug for Claims {
    /// Claims are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}
