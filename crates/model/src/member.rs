//! A member: a peer's place in a room, and who may take it over.

use serde::{Deserialize, Serialize};

use crate::connection::{Identity, Socket};
use crate::encoding::Encoding;
use crate::id::{PeerId, RoomId};
use crate::resumption::{Claimant, Resumption};
use crate::secret::SecretHash;
use crate::session::mailbox::ClosedMailbox;
use crate::session::member::{InSession, SessionConnection, SessionMember, Stay};
use crate::session::stream::Streams;
use crate::stamp::Stamp;
use crate::time::{EpochMillis, EpochSeconds};

/// A peer's place in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The connection that has the place, or had it when the member went away: the place's fence.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// What its client speaks.
    #[serde(default, skip_serializing_if = "Encoding::is_json")]
    pub encoding: Encoding,
    /// What lets a newer socket take the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_hash: Option<SecretHash>,
    /// When it identified.
    pub joined_at: EpochMillis,
    /// In a session: what its token says, and what it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionMember>,
    /// In a session: its streams.
    #[serde(flatten)]
    pub streams: Streams,
    /// In a session: what was kept for it while it was away, and it may not have heard yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mailboxes: Vec<ClosedMailbox>,
    /// Its socket is gone, and until then the place is kept for it and nobody is told (`ReconnectGraceSeconds`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_until: Option<EpochMillis>,
    /// The connection's own end. In a session DynamoDB must not delete the item by itself, for its counter would not know:
    /// there the attribute is `leaseEndsAt`, and whoever comes across it later frees the place.
    #[serde(alias = "leaseEndsAt")]
    pub expires_at: EpochSeconds,
}

/// Somebody who has a place that somebody else wants.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its connection, as the place was seen.
    pub stamp: Stamp,
    /// As [`Member::away_until`].
    pub away_until: Option<EpochMillis>,
    /// Who it is.
    pub identity: Identity,
}

/// Where messages for a member go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To this socket.
    Socket(Socket),
    /// Nowhere: the member is away.
    None,
}

impl Member {
    /// Where messages for it go.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self.away_until {
            Some(_) => Reach::None,
            None => Reach::Socket(Socket { stamp: self.stamp.clone(), encoding: self.encoding.clone() }),
        }
    }

    /// Whether it has been away for longer than its grace. Its stay is over then, and whoever reads this ends it.
    #[must_use]
    pub fn is_overdue(&self, now: EpochMillis) -> bool {
        self.away_until.is_some_and(|until| until <= now)
    }

    /// Who has the place of `peer` in `room`.
    #[must_use]
    pub fn holder(&self, peer: &PeerId, room: &RoomId) -> Holder {
        Holder { stamp: self.stamp.clone(), away_until: self.away_until, identity: self.identity(peer, room) }
    }

    /// Who its connection is.
    #[must_use]
    pub fn identity(&self, peer: &PeerId, room: &RoomId) -> Identity {
        let session = self.session.as_ref();
        Identity::Client {
            peer_id: peer.clone(),
            room_id: room.clone(),
            session: session.map(|session| InSession { role: session.role, since: self.joined_at }),
            resumption: self.resumption(),
        }
    }

    /// What lets it have its place again when its socket is lost.
    #[must_use]
    pub fn resumption(&self) -> Option<Resumption> {
        let signed = self.session.as_ref().and_then(SessionMember::signed);
        self.resume_hash.clone().map(|resume_hash| Resumption { resume_hash, signed })
    }

    /// The member as its session's others see it; `None` in a room that is no session.
    #[must_use]
    pub fn in_session(&self, peer: &PeerId) -> Option<SessionConnection> {
        let session = self.session.as_ref()?;
        let stay = Stay { connection_id: peer.clone(), creation_time: self.joined_at };
        Some(SessionConnection { stay, data: session.data.clone() })
    }
}

/// What a newcomer may do about the member that has its peer's place.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// The place is this very connection's: identify again changes nothing.
    Own,
    /// The place may be taken.
    Replace,
    /// The place may be taken by another client of the same user's, while its member is away. It knows nothing of the stay.
    Succeed,
    /// The member is somebody else.
    PeerInUse,
    /// The member is the same somebody, by a newer connection.
    Superseded,
}

impl Member {
    /// The rule of PROTOCOL, "identify": a place is taken only when it has expired, or by the holder of its resume token on a
    /// newer connection (on any, while the member is away); while the member is away also by whom its server names as the same
    /// user. Without a token a stranger could end anybody's call; without the order a slow older socket could push out the
    /// newer one.
    pub fn admits(&self, newcomer: &Stamp, claimant: &Claimant<'_>, now: EpochMillis) -> Admission {
        let away = self.away_until.is_some();
        if self.stamp == *newcomer {
            Admission::Own
        } else if self.expires_at.expired(now) {
            Admission::Replace
        } else if claimant.resume_hash.is_none() || self.resume_hash.as_ref() != claimant.resume_hash {
            let same_user = away && self.resumption().is_some_and(|resumption| resumption.admits(claimant));
            if same_user { Admission::Succeed } else { Admission::PeerInUse }
        } else if away || *newcomer > self.stamp {
            Admission::Replace
        } else {
            Admission::Superseded
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ConnectionId;
    use crate::session::role::Role;
    use crate::time::EpochSeconds;

    fn stamp(connected_at: u64, id: &str) -> Stamp {
        Stamp { connected_at: EpochMillis(connected_at), connection_id: ConnectionId::new(id.to_owned()) }
    }

    fn claimant<'a>(
        resume_hash: Option<&'a SecretHash>,
        signed: Option<&'a SecretHash>,
        bound: bool,
    ) -> Claimant<'a> {
        Claimant { resume_hash, signed, bound }
    }

    fn member(resume: Option<&str>) -> Member {
        Member {
            stamp: stamp(10, "m"),
            encoding: Encoding::JSON,
            resume_hash: resume.map(SecretHash::of),
            joined_at: EpochMillis(11),
            session: None,
            streams: Streams::default(),
            mailboxes: vec![],
            away_until: None,
            expires_at: EpochSeconds(100),
        }
    }

    #[test]
    fn a_place_is_taken_by_its_holder_on_a_newer_connection_only() {
        let now = EpochMillis(50_000);
        let admits = |member: Member, stamp: &Stamp, resume: Option<&str>| {
            let resume_hash = resume.map(SecretHash::of);
            // Whoever is there is not pushed out by what the server says of the newcomer.
            member.admits(stamp, &claimant(resume_hash.as_ref(), None, true), now)
        };
        assert_eq!(admits(member(None), &stamp(20, "n"), None), Admission::PeerInUse);
        assert_eq!(admits(member(None), &stamp(20, "n"), Some("t")), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &stamp(20, "n"), None), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &stamp(20, "n"), Some("u")), Admission::PeerInUse);
        assert_eq!(admits(member(Some("t")), &stamp(20, "n"), Some("t")), Admission::Replace);
        assert_eq!(admits(member(Some("t")), &stamp(5, "n"), Some("t")), Admission::Superseded);
        assert_eq!(admits(member(Some("t")), &stamp(10, "z"), Some("t")), Admission::Replace);
        assert_eq!(admits(member(Some("t")), &stamp(10, "a"), Some("t")), Admission::Superseded);
        assert_eq!(admits(member(None), &stamp(10, "m"), None), Admission::Own);
    }

    #[test]
    fn a_place_that_is_kept_is_its_holders_on_any_socket() {
        let away = Member { away_until: Some(EpochMillis(50_000)), ..member(Some("t")) };
        let admits = |stamp: &Stamp, token: &str| {
            away.admits(stamp, &claimant(Some(&SecretHash::of(token)), None, false), EpochMillis(40_000))
        };
        assert_eq!(admits(&stamp(5, "older"), "t"), Admission::Replace);
        assert_eq!(admits(&stamp(20, "newer"), "t"), Admission::Replace);
        assert_eq!(admits(&stamp(20, "newer"), "u"), Admission::PeerInUse);
        assert_eq!(
            (away.is_overdue(EpochMillis(49_999)), away.is_overdue(EpochMillis(50_000))),
            (false, true)
        );
    }

    #[test]
    fn a_place_that_is_kept_is_also_for_the_same_users_other_client() {
        let session = |data: &str| SessionMember {
            role: Role::Publisher,
            data: data.to_owned(),
            layout_classes: vec![],
            suppressed: false,
        };
        let away = Member {
            away_until: Some(EpochMillis(50_000)),
            session: Some(session("ann")),
            ..member(Some("t"))
        };
        let admits = |data: &str, token: Option<&str>, bound: bool| {
            let (token, signed) = (token.map(SecretHash::of), session(data).signed());
            let claimant = claimant(token.as_ref(), signed.as_ref(), bound);
            away.admits(&stamp(20, "n"), &claimant, EpochMillis(40_000))
        };
        assert_eq!(admits("ann", None, false), Admission::Succeed);
        assert_eq!(admits("ann", Some("u"), false), Admission::Succeed);
        assert_eq!(admits("ann", Some("t"), false), Admission::Replace, "the client itself goes on");
        assert_eq!(admits("eve", Some("u"), true), Admission::Succeed);
        assert_eq!(admits("eve", Some("u"), false), Admission::PeerInUse);
    }

    #[test]
    fn an_expired_place_is_anybodys() {
        let nobody = claimant(None, None, false);
        let admission = member(Some("t")).admits(&stamp(5, "n"), &nobody, EpochMillis(100_000));
        assert_eq!(admission, Admission::Replace);
    }
}
