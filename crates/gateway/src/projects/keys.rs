//! The keys of projects: read from Secrets Manager, kept for a while, read again when they do not fit.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use model::session::{ApiKey, Project};
use model::time::EpochMillis;
use tokio::sync::Mutex;

use crate::auth::Denied;
use crate::failure::Failure;
use crate::secrets::{READ, Secrets, Stage};

/// How long keys are used without asking whether they still are good.
const KEPT: Duration = Duration::from_mins(5);
/// Readings of one project, by one process, that wrong tokens cause: so many at once …
const READINGS: u32 = 20;
/// … and one more in each of these.
const PAUSE: Duration = Duration::from_secs(1);
/// How many wrong tokens of a project are remembered.
const MAX_WRONG: usize = 256;
/// How many projects are kept. Only such as exist are, so that made-up names take no memory.
const MAX_KEPT: usize = 256;

/// The keys of one version of a project's secret.
pub(super) struct Keys {
    secret: String,
    secret_key: DecodingKey,
    public_key: Option<DecodingKey>,
}

impl Keys {
    /// Takes the text of a secret.
    fn parse(api_key: &ApiKey, text: &str) -> Result<Self, Failure> {
        // The parser's own words might hold a piece of the secret.
        let project: Project = serde_json::from_str(text).map_err(|_| {
            Failure::new(READ, "a project must be a JSON object of apiKey, secret (32 bytes), publicKey?")
        })?;
        if project.api_key != *api_key {
            return Err(Failure::new(READ, "the project has another apiKey than its secret's name says"));
        }
        let public_key = project.public_key.map(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()));
        Ok(Self {
            secret_key: DecodingKey::from_secret(project.secret.as_bytes()),
            secret: project.secret,
            public_key: public_key
                .transpose()
                .map_err(|_| Failure::new(READ, "a project's publicKey must be an RSA public key in PEM"))?,
        })
    }

    /// What T1 tokens are signed with.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The same, for HS256.
    pub(super) fn secret_key(&self) -> &DecodingKey {
        &self.secret_key
    }

    /// What RS256 is checked with.
    pub(super) fn public_key(&self) -> Option<&DecodingKey> {
        self.public_key.as_ref()
    }
}

/// A project's keys, as they were.
struct Known {
    /// Newest first.
    keys: Vec<Keys>,
    read_at: EpochMillis,
    wrong: Wrong,
}

/// What wrong tokens have cost, and which they were.
#[derive(Default)]
struct Wrong {
    /// When the readings so far are worked off, at one in [`PAUSE`].
    due: Option<EpochMillis>,
    /// The hashes of tokens that none of the keys has signed.
    tokens: VecDeque<u64>,
}

impl Wrong {
    /// Whether the keys may be read for one more, which counts.
    fn may_read(&mut self, now: EpochMillis) -> bool {
        let due = self.due.map_or(now, |due| due.max(now));
        let may = due < now.plus(PAUSE * READINGS);
        if may {
            self.due = Some(due.plus(PAUSE));
        }
        may
    }

    fn remember(&mut self, token: u64) {
        if self.tokens.len() >= MAX_WRONG {
            self.tokens.pop_front();
        }
        self.tokens.push_back(token);
    }
}

impl Known {
    /// Whether the keys may be used at `now`. A clock that was put back makes them old.
    fn is_fresh(&self, now: EpochMillis) -> bool {
        self.read_at <= now && now < self.read_at.plus(KEPT)
    }
}

/// The keys of all projects.
pub(super) struct KeyRing {
    secrets: Secrets,
    hasher: RandomState,
    // A function has one call at a time, so that nobody waits for this lock while another reads.
    known: Mutex<HashMap<ApiKey, Known>>,
}

impl KeyRing {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets, hasher: RandomState::new(), known: Mutex::default() }
    }

    /// What `check` finds in `token` with keys of the project `api_key`.
    ///
    /// Known keys are tried first. If none fits, the current ones are read, and if they do not fit the previous ones, so
    /// that a key that was made a moment ago is never refused. A wrong token costs one such reading and no other time: it
    /// is remembered. Readings are limited: beyond the limit nobody knows whether a token that is new is wrong.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`] if no key fits, or there is no such project; [`Denied::Busy`] if that is not known now.
    pub(super) async fn verify<T>(
        &self,
        api_key: &ApiKey,
        token: &str,
        now: EpochMillis,
        check: impl Fn(&Keys) -> Option<T>,
    ) -> Result<T, Denied> {
        let hash = self.hasher.hash_one(token);
        let mut known = self.known.lock().await;
        if let Some(project) = known.get_mut(api_key).filter(|project| project.is_fresh(now)) {
            if let Some(found) = project.keys.iter().find_map(&check) {
                return Ok(found);
            }
            if project.wrong.tokens.contains(&hash) {
                return Err(Denied::Unauthorized);
            }
            // Also when the reading fails: otherwise wrong tokens would ask without end.
            if !project.wrong.may_read(now) {
                return Err(Denied::Busy);
            }
        }

        let Some(current) = self.read(api_key, Stage::Current).await? else {
            known.remove(api_key);
            return Err(Denied::Unauthorized);
        };
        let mut found = check(&current);
        let mut keys = vec![current];
        if found.is_none()
            && let Some(previous) = self.read(api_key, Stage::Previous).await?
        {
            found = check(&previous);
            keys.push(previous);
        }
        let mut wrong = known.remove(api_key).map(|project| project.wrong).unwrap_or_default();
        match &found {
            // Other keys than before: what they say of earlier tokens is not known.
            Some(_) => wrong.tokens.clear(),
            None => wrong.remember(hash),
        }
        keep(&mut known, api_key.clone(), Known { keys, read_at: now, wrong });
        found.ok_or(Denied::Unauthorized)
    }

    async fn read(&self, api_key: &ApiKey, stage: Stage) -> Result<Option<Keys>, Failure> {
        let text = self.secrets.read(api_key.as_str(), stage).await?;
        text.map(|text| Keys::parse(api_key, &text)).transpose()
    }
}

/// Keeps a project in the place of the one that was read longest ago, if there are too many.
fn keep(known: &mut HashMap<ApiKey, Known>, api_key: ApiKey, project: Known) {
    if known.len() >= MAX_KEPT && !known.contains_key(&api_key) {
        let oldest = known.iter().min_by_key(|(_, project)| project.read_at);
        if let Some(oldest) = oldest.map(|(api_key, _)| api_key.clone()) {
            known.remove(&oldest);
        }
    }
    known.insert(api_key, project);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ApiKey {
        ApiKey::try_from(format!("{number:08}")).unwrap()
    }

    fn read_at(ms: u64) -> Known {
        Known { keys: Vec::new(), read_at: EpochMillis(ms), wrong: Wrong::default() }
    }

    #[test]
    fn the_project_that_was_read_longest_ago_makes_room() {
        let mut known = HashMap::new();
        for number in 0..MAX_KEPT {
            keep(&mut known, key(number), read_at(if number == 7 { 1 } else { 2 }));
        }
        // One that is there already needs no room.
        keep(&mut known, key(0), read_at(3));
        assert!(known.len() == MAX_KEPT && known.contains_key(&key(7)));
        keep(&mut known, key(MAX_KEPT), read_at(3));
        assert!(known.len() == MAX_KEPT && !known.contains_key(&key(7)));
        assert!(known.contains_key(&key(0)) && known.contains_key(&key(MAX_KEPT)));
    }
}
