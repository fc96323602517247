//! What a client's token says, in its three forms: T1 ([`t1`]), and JWTs that the project's secret (HS256) or its private
//! key (RS256) signed ([`jwt`]). Whatever the form, a token ends as [`Claims`], and [`Claims::grant`] judges them.
//! What servers show instead is a [`credential`].
//!
//! The rules are those of `OpenTok`'s documents on tokens, and of what its server SDKs make and take.

pub mod credential;
pub mod jwt;
pub mod lifetime;
pub mod t1;

use std::time::Duration;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as UnknownName;

use self::lifetime::Lifetime;
use super::id;
use super::project::ApiKey;
use super::role::Role;
use crate::id::RoomId;
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
    /// The classes that its streams begin with.
    pub layout_classes: Vec<String>,
}

/// Why a token that was signed by its project grants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It names another project, or none.
    #[error("the token is another project's")]
    Project,
    /// It is for another session, or the session is another project's.
    #[error("the token is for another session")]
    Session,
    /// It is for something else.
    #[error("the token is for something else")]
    Scope,
    /// Its role is none of the four.
    #[error("the token's role is unknown")]
    Role,
    /// It does not say when it ends, or when it was made although that is needed.
    #[error("the token does not say when it is good")]
    Endless,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is from the future")]
    Early,
    /// It is good for longer than tokens may be.
    #[error("the token is good for too long")]
    Lasting,
    /// Its connection data is longer than [`MAX_DATA_CHARS`].
    #[error("the token's connection data is too long")]
    Data,
    /// Its layout classes are longer than [`MAX_CLASSES_CHARS`].
    #[error("the token's layout classes are too long")]
    Classes,
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
        let classes = self.layout_classes.split(' ').filter(|class| !class.is_empty());
        Ok(Grant { role, data: self.connection_data, layout_classes: classes.map(str::to_owned).collect() })
    }
}

impl std::fmt::Debug for Claims {
    /// Claims are never logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims(…)")
    }
}

#[cfg(test)]
mod tests;
