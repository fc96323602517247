//! What lets a socket open (`ConnectTickets=yes`): a JWT, HS256, in the URL. A URL is written down in many places, so that a
//! ticket is good for minutes and for one room only, and is no token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::RoomId;
use crate::path::UrlPath;
use crate::time::EpochMillis;

/// How long a client's ticket may be good.
pub const LONGEST: Duration = Duration::from_mins(10);
/// The longest text that is looked at, in bytes.
pub const MAX_TICKET_BYTES: usize = 4096;

/// What a ticket says. Its signature has been verified, and its `exp`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketClaims {
    /// When it ends, in seconds since the epoch.
    pub exp: u64,
    /// To which room it admits.
    #[serde(flatten)]
    pub admits: Admits,
}

/// The one room that a ticket admits to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Admits {
    /// That of a page.
    Path(UrlPath),
    /// A session.
    Session(RoomId),
    /// The room whose SFU bears it. An SFU reconnects for as long as its room is there, with what it was started with.
    Sfu(RoomId),
}

impl TicketClaims {
    /// Whether a ticket may be good for so long; of an SFU's see [`Admits::Sfu`].
    #[must_use]
    pub fn is_short(&self, now: EpochMillis) -> bool {
        matches!(self.admits, Admits::Sfu(_)) || self.exp <= now.plus(LONGEST).seconds().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Option<TicketClaims> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn a_ticket_names_one_room() {
        assert!(matches!(claims(r#"{"exp":9,"path":"/a"}"#).unwrap().admits, Admits::Path(_)));
        assert!(matches!(claims(r#"{"exp":9,"iat":1,"session":"s"}"#).unwrap().admits, Admits::Session(_)));
        for other in
            [r#"{"exp":9}"#, r#"{"path":"/a"}"#, r#"{"exp":9,"session":""}"#, r#"{"exp":9,"path":7}"#]
        {
            assert!(claims(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_clients_ticket_is_good_for_minutes() {
        let now = EpochMillis(1_000_000);
        assert!(claims(r#"{"exp":1600,"path":"/a"}"#).unwrap().is_short(now));
        assert!(!claims(r#"{"exp":1601,"path":"/a"}"#).unwrap().is_short(now));
        assert!(claims(r#"{"exp":99999999,"sfu":"r"}"#).unwrap().is_short(now));
    }
}
