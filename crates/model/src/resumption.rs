//! What shows that somebody is who has lost a place.

use serde::{Deserialize, Serialize};

use crate::secret::SecretHash;

/// What shows that somebody is who has lost a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resumption {
    /// The hash of the resume token that the member gave.
    pub resume_hash: SecretHash,
    /// In a session: the hash of what its token signs of it ([`SessionMember::signed`]).
    ///
    /// [`SessionMember::signed`]: crate::session::SessionMember::signed
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SecretHash>,
}

/// Who wants a place that is held.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    /// The hash of its resume token.
    pub resume_hash: Option<&'a SecretHash>,
    /// As [`Resumption::signed`], by its own token.
    pub signed: Option<&'a SecretHash>,
    /// Its token names the place's peer as the one that its bearer may be.
    pub bound: bool,
}

impl Resumption {
    /// Whether this claimant is meant, on whichever socket: any of the three proofs is enough.
    #[must_use]
    pub fn admits(&self, claimant: &Claimant<'_>) -> bool {
        claimant.bound
            || claimant.resume_hash == Some(&self.resume_hash)
            || (self.signed.is_some() && claimant.signed == self.signed.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_held_for_who_proves_to_be_its_member() {
        let admits = |own: Option<&str>, resume: Option<&str>, signed: Option<&str>, bound| {
            let [own, resume, signed] = [own, resume, signed].map(|text| text.map(SecretHash::of));
            let resumption = Resumption { resume_hash: SecretHash::of("token"), signed: own };
            resumption.admits(&Claimant { resume_hash: resume.as_ref(), signed: signed.as_ref(), bound })
        };
        assert!(admits(None, Some("token"), None, false));
        assert!(admits(Some("ann"), Some("token"), Some("eve"), false));
        assert!(admits(Some("ann"), Some("other"), Some("ann"), false));
        assert!(admits(Some("ann"), None, None, true));
        assert!(!admits(Some("ann"), None, None, false));
        assert!(!admits(Some("ann"), Some("other"), Some("eve"), false));
        assert!(!admits(None, Some("other"), None, false), "nothing signed is nobody's identity");
    }
}
