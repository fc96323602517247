//! ICE servers, and credentials for a TURN server.
//!
//! The scheme is that of coturn's `use-auth-secret` (draft-uberti-behave-turn-rest): the server shares a secret with
//! us and keeps no list of users. A username says when it expires; its password is a MAC of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sha1::Sha1;

use crate::time::EpochMillis;

/// How long credentials are good: to make an allocation with. One that is there goes on with those that it was made
/// with (`docs/adr/0015`), but a new connection of a long call, and a restart of ICE, want good ones.
pub const CREDENTIALS_LAST: Duration = Duration::from_hours(1);
/// When a client should have others, counted from when it was given them. New ones come with every socket, so that is
/// when it should have a new one. The quarter of an hour that is left is for reconnects that take long, and for clocks
/// that differ.
const RENEW_AFTER: Duration = Duration::from_mins(45);

/// A TURN server, as the gateway knows it.
#[derive(Clone)]
pub struct Turn {
    /// Its URLs (RFC 7065).
    pub urls: Vec<String>,
    /// What it checks credentials with.
    pub secret: String,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// An `RTCIceServer` with credentials.
#[derive(Serialize)]
struct IceServer<'a> {
    urls: &'a [String],
    username: String,
    credential: String,
}

/// What clients are given for `RTCPeerConnection`.
#[derive(Clone, Debug)]
pub struct IceServers {
    /// Those of the configuration, as they stand there.
    configured: Vec<Box<RawValue>>,
    /// The one that wants credentials.
    turn: Option<Turn>,
}

impl IceServers {
    /// The servers of an `RTCConfiguration`, and a TURN server.
    #[must_use]
    pub fn new(configured: Vec<Box<RawValue>>, turn: Option<Turn>) -> Self {
        Self { configured, turn }
    }

    /// Whether a list for somebody holds credentials, which are not for everybody.
    #[must_use]
    pub fn have_credentials(&self) -> bool {
        self.turn.is_some()
    }

    /// When a client that is given a list at `now` should have another: at `latest`, or before its credentials end.
    #[must_use]
    pub fn renew_before(&self, now: EpochMillis, latest: EpochMillis) -> EpochMillis {
        if self.have_credentials() { latest.min(now.plus(RENEW_AFTER)) } else { latest }
    }

    /// The list without credentials, a JSON array.
    #[must_use]
    pub fn public(&self) -> Box<RawValue> {
        list(&self.configured)
    }

    /// The list for `user` (a peer's id, or the `sub` of a token): with credentials that last for
    /// [`CREDENTIALS_LAST`] if there is a TURN server.
    #[must_use]
    pub fn for_user(&self, user: &str, now: EpochMillis) -> Box<RawValue> {
        let mut servers = self.configured.clone();
        if let Some(Turn { urls, secret }) = &self.turn {
            let username = format!("{}:{user}", now.plus(CREDENTIALS_LAST).seconds().0);
            let credential = credential(secret, &username);
            servers.extend(to_raw_value(&IceServer { urls, username, credential }).ok());
        }
        list(&servers)
    }
}

/// Texts under string keys and raw values: nothing here can fail to serialise.
fn list(servers: &[Box<RawValue>]) -> Box<RawValue> {
    to_raw_value(servers).unwrap_or_default()
}

/// base64(HMAC-SHA1(secret, username)). SHA-1 is what TURN servers expect; an HMAC does not need a hash without
/// collisions.
fn credential(secret: &str, username: &str) -> String {
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(turn: Option<Turn>) -> IceServers {
        let stun = RawValue::from_string(r#"{"urls" : "stun:s", "x":1}"#.into()).unwrap();
        IceServers::new(vec![stun], turn)
    }

    fn turn() -> Turn {
        Turn {
            urls: vec!["turn:t?transport=udp".into(), "turn:t?transport=tcp".into()],
            secret: "secret".into(),
        }
    }

    /// `printf '1800003600:p' | openssl dgst -sha1 -hmac secret -binary | base64`
    #[test]
    fn credentials_are_those_that_coturn_computes() {
        let list = servers(Some(turn())).for_user("p", EpochMillis(1_800_000_000_999));
        assert_eq!(
            list.get(),
            concat!(
                r#"[{"urls" : "stun:s", "x":1},{"urls":["turn:t?transport=udp","turn:t?transport=tcp"],"#,
                r#""username":"1800003600:p","credential":"Qy6AQcLm4qOt0NyqH8l/t5WdN2E="}]"#
            )
        );
    }

    #[test]
    fn without_a_turn_server_everybody_gets_what_is_configured() {
        let list = servers(None);
        assert!(!list.have_credentials() && servers(Some(turn())).have_credentials());
        for list in [list.for_user("p", EpochMillis(1)), list.public(), servers(Some(turn())).public()] {
            assert_eq!(list.get(), r#"[{"urls" : "stun:s", "x":1}]"#);
        }
    }

    #[test]
    fn credentials_are_renewed_in_time_and_nothing_else_is() {
        let minute = |minute: u64| EpochMillis(minute * 60_000);
        assert_eq!(servers(None).renew_before(minute(2), minute(110)), minute(110));
        let with_turn = servers(Some(turn()));
        assert_eq!(with_turn.renew_before(minute(2), minute(110)), minute(47));
        assert_eq!(
            with_turn.renew_before(minute(100), minute(110)),
            minute(110),
            "a socket ends before that"
        );
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert!(!format!("{:?}", servers(Some(turn()))).contains("secret"));
    }
}
