//! A place whose socket is lost: for a while its member may have it again, and nobody else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::Identity;
use crate::departure::Departure;
use crate::outcome::Ended;
use crate::resumption::Resumption;
use crate::room::CONNECTION_LEASE;
use crate::stamp::Stamp;
use crate::time::{EpochMillis, EpochSeconds};

/// How long a place is held from the moment that its loss is noticed.
pub const HELD: Duration = Duration::from_mins(5);

/// What a stay leaves behind when its socket is lost. It is no member: no list has it, no count counts it, nothing is sent
/// to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The connection that the stay ended with.
    #[serde(flatten)]
    pub stamp: Stamp,
    /// Whom it is held for.
    #[serde(flatten)]
    pub resumption: Resumption,
    /// Until when.
    pub held_until: EpochMillis,
    /// The same for DynamoDB, whose TTL is late by days.
    pub expires_at: EpochSeconds,
}

impl Held {
    /// What is left of a stay: something if its socket was lost and its member gave a resume token. Who left, or was sent
    /// away, has no place to come back to; nor has who was lost for so long that API Gateway has cut the socket since.
    #[must_use]
    pub fn after(ended: &Ended) -> Option<Self> {
        let Identity::Client { resumption: Some(resumption), .. } = &ended.identity else { return None };
        let long_gone = ended.stamp.connected_at.plus(CONNECTION_LEASE) <= ended.at;
        let held_until = ended.at.plus(HELD);
        (ended.reason == Departure::Lost && !long_gone).then(|| Self {
            stamp: ended.stamp.clone(),
            resumption: resumption.clone(),
            held_until,
            expires_at: held_until.seconds(),
        })
    }

    /// Whether it is held no more.
    #[must_use]
    pub fn is_over(&self, now: EpochMillis) -> bool {
        self.held_until <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ConnectionId, PeerId, RoomId};
    use crate::secret::SecretHash;

    fn ended(resumption: Option<Resumption>, reason: Departure, at: EpochMillis) -> Ended {
        let identity = Identity::Client {
            peer_id: PeerId::try_from("p".to_owned()).unwrap(),
            room_id: RoomId::try_from("r".to_owned()).unwrap(),
            session: None,
            resumption,
        };
        let stamp = Stamp { connected_at: EpochMillis(1_000), connection_id: ConnectionId::new("c".into()) };
        Ended { stamp, identity, reason, at, streams: vec![] }
    }

    #[test]
    fn only_a_loss_with_a_resume_token_leaves_something() {
        let at = EpochMillis(9_000);
        let token = || Some(Resumption { resume_hash: SecretHash::of("token"), signed: None });
        let held = Held::after(&ended(token(), Departure::Lost, at)).unwrap();
        assert_eq!((held.held_until, held.expires_at), (EpochMillis(309_000), EpochSeconds(309)));
        assert!(!held.is_over(EpochMillis(308_999)) && held.is_over(EpochMillis(309_000)));
        assert_eq!(Held::after(&ended(None, Departure::Lost, at)), None);
        assert_eq!(Held::after(&ended(token(), Departure::Left, at)), None);
        assert_eq!(Held::after(&ended(token(), Departure::Forced, at)), None);
        let found_late = EpochMillis(1_000).plus(CONNECTION_LEASE);
        assert_eq!(Held::after(&ended(token(), Departure::Lost, found_late)), None);
    }
}
