//! Whom rates are counted for. A socket costs nothing to open, so what counts is what its bearer has proved: the token that it
//! was let in with. Where nobody proves anything (`AuthMode=open`) it is the socket after all.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::ConnectionId;
use crate::secret::SecretHash;
use crate::session::Rate;
use crate::time::{EpochMillis, EpochSeconds};

/// Between two joins of one person in the long run. A join costs everybody in a session two messages, once the leave is counted
/// that comes before the next.
pub const JOIN_INTERVAL: Duration = Duration::from_secs(6);
/// How many joins of one person may come at once, at the least: a network that breaks ten times within a minute is
/// still a network.
pub const JOIN_BURST: u32 = 10;
/// Between two issues that one person reports, in the long run, and how many at once.
pub const ISSUE_INTERVAL: Duration = Duration::from_mins(1);
/// See [`ISSUE_INTERVAL`].
pub const ISSUE_BURST: u32 = 3;

/// Names a person without telling anything of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(String);

impl PersonId {
    /// The bearer of a token, by the part of it that is signed: what is not signed could be written in many ways.
    #[must_use]
    pub fn of_token(signed: impl AsRef<[u8]>) -> Self {
        Self(format!("TOKEN#{}", SecretHash::of(signed).as_str()))
    }

    /// Whoever is on a socket.
    #[must_use]
    pub fn of_socket(connection: &ConnectionId) -> Self {
        Self(format!("SOCKET#{connection}"))
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who joins, as far as it is proved.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// On how many sockets at one time it may be a member.
    pub sockets: usize,
}

impl Person {
    /// How often it may join. Where many share one token on purpose, they may also come at once.
    #[must_use]
    pub fn joins(&self) -> Rate {
        let together = u32::try_from(self.sockets).unwrap_or(u32::MAX);
        Rate::every(JOIN_INTERVAL, together.max(JOIN_BURST))
    }
}

/// How often one person may report issues.
#[must_use]
pub fn issues() -> Rate {
    Rate::every(ISSUE_INTERVAL, ISSUE_BURST)
}

/// What is counted of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// From when on it owes nothing for its joins (see [`Rate`]). Each join raises it, which makes it the account's version.
    #[serde(default)]
    pub joins_at: Option<EpochMillis>,
    /// The sockets that it has joined on. Those that have gone since are in it until somebody looks.
    #[serde(default)]
    pub sockets: Vec<ConnectionId>,
    /// As `joins_at`, for signals, while it is on more than one socket.
    #[serde(default)]
    pub signals_at: Option<EpochMillis>,
    /// As `joins_at`, for issues.
    #[serde(default)]
    pub issues_at: Option<EpochMillis>,
    /// As `joins_at`, for handshakes to other clients.
    #[serde(default)]
    pub handshakes_at: Option<EpochMillis>,
    /// When nothing of it matters any more.
    pub expires_at: EpochSeconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_a_socket_are_never_the_same_person() {
        let socket = PersonId::of_socket(&ConnectionId::new("c=".into()));
        assert_eq!(socket.to_string(), "SOCKET#c=");
        let token = PersonId::of_token("a.b");
        assert!(token.to_string().starts_with("TOKEN#") && !token.to_string().contains("a.b"));
        assert_ne!(token, PersonId::of_token("a.c"));
    }

    #[test]
    fn as_many_may_come_at_once_as_may_be_there() {
        let rate = |sockets| Person { id: PersonId::of_token("t"), sockets }.joins();
        assert_eq!(rate(1), Rate::every(JOIN_INTERVAL, JOIN_BURST));
        assert_eq!(rate(50), Rate::every(JOIN_INTERVAL, 50));
    }
}
