//! The keys of projects: read from Secrets Manager, kept for a while, read again when they do not fit.

use std::collections::HashMap;
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
/// The least time between two readings of one project, by one process, that wrong tokens cause.
const PAUSE: Duration = Duration::from_secs(1);
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
    /// When they were last asked for, which may have failed.
    asked_at: EpochMillis,
}

impl Known {
    /// Whether the keys may be used at `now`. A clock that was put back makes them old.
    fn is_fresh(&self, now: EpochMillis) -> bool {
        self.read_at <= now && now < self.read_at.plus(KEPT)
    }

    /// How long to wait before asking again.
    fn pause(&self, now: EpochMillis) -> Duration {
        PAUSE.saturating_sub(Duration::from_millis(now.0.saturating_sub(self.asked_at.0)))
    }
}

/// The keys of all projects.
pub(super) struct KeyRing {
    secrets: Secrets,
    // A function has one call at a time, so that nobody waits for this lock while another reads or pauses.
    known: Mutex<HashMap<ApiKey, Known>>,
}

impl KeyRing {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self { secrets, known: Mutex::default() }
    }

    /// What `check` finds with keys of the project `api_key`.
    ///
    /// Known keys are tried first. If none fits, the current ones are read, and if they do not fit the previous ones.
    /// Wrong tokens cause at most one such reading a second: within it, the rest of the second is waited, and then the
    /// keys are read all the same, so that a key that was made a moment ago is never refused.
    ///
    /// # Errors
    /// [`Denied::Unauthorized`] if no key fits, or there is no such project.
    pub(super) async fn verify<T>(
        &self,
        api_key: &ApiKey,
        mut now: EpochMillis,
        check: impl Fn(&Keys) -> Option<T>,
    ) -> Result<T, Denied> {
        let mut known = self.known.lock().await;
        if let Some(project) = known.get_mut(api_key).filter(|project| project.is_fresh(now)) {
            if let Some(found) = project.keys.iter().find_map(&check) {
                return Ok(found);
            }
            let pause = project.pause(now);
            tokio::time::sleep(pause).await;
            now = now.plus(pause);
            // Also when the reading fails: the next wrong token must not ask again at once.
            project.asked_at = now;
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
        keep(&mut known, api_key.clone(), Known { keys, read_at: now, asked_at: now });
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
        Known { keys: Vec::new(), read_at: EpochMillis(ms), asked_at: EpochMillis(ms) }
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
