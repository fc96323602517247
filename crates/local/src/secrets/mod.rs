//! The secrets of the template and those that calls have made, with their values. They are kept in the data folder, so
//! that tokens and projects survive a restart.

pub(crate) mod file;
mod generate;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use file::{Entries, Entry, Version};

use crate::sync::lock;
use crate::template::names;
use crate::template::stack::{Secret, SecretSource};

/// The staging label of the value that is in use.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The staging label of the value before it.
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";

/// All secrets.
pub(crate) struct Secrets {
    known: Mutex<Vec<Known>>,
    /// Where changes are kept; `None`: in memory only.
    folder: Option<PathBuf>,
}

struct Known {
    /// Of the template's own.
    logical: Option<String>,
    name: String,
    arn: String,
    current: Version,
    previous: Option<Version>,
}

/// One value of a secret.
pub(crate) struct Value {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) stage: &'static str,
}

/// Why a call is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such secret.
    Unknown,
    /// No value has this staging label.
    NoStage(String),
    /// There is a secret of this name.
    Exists(String),
    /// There is another value with this version id.
    VersionExists(String),
    /// The data folder could not be written.
    NotKept(String),
}

impl Secrets {
    /// The secrets of a template and those made before, with their values: from `folder`, or generated now and written
    /// there. Later changes are written there too, unless `in_memory`.
    ///
    /// # Errors
    ///
    /// A sentence when the file cannot be read or written.
    pub(crate) fn open(secrets: &[Secret], folder: &Path, in_memory: bool) -> Result<Self, String> {
        let mut kept = file::read(folder)?;
        let (mut known, mut new) = (Vec::new(), Entries::new());
        for secret in secrets {
            let entry = kept.remove(&secret.logical).unwrap_or_else(|| {
                let entry = Entry::Text(generate::value(&secret.source));
                if matches!(secret.source, SecretSource::Generated { .. }) {
                    new.insert(secret.logical.clone(), entry.clone());
                }
                entry
            });
            let logical = Some(secret.logical.clone());
            known.push(Known::of(logical, secret.name.clone(), secret.arn.clone(), &entry));
        }
        for (arn, entry) in &kept {
            if let Some(name) = names::secret_name(arn) {
                known.push(Known::of(None, name.to_owned(), arn.clone(), entry));
            }
        }
        if !new.is_empty() {
            file::keep(folder, new)?;
        }
        Ok(Self { known: Mutex::new(known), folder: (!in_memory).then(|| folder.to_owned()) })
    }

    /// The value with a staging label, of the secret with this ARN, name or logical id.
    pub(crate) fn get(&self, id: &str, stage: &str) -> Result<Value, Refusal> {
        let known = lock(&self.known);
        let secret = known.iter().find(|secret| secret.is(id)).ok_or(Refusal::Unknown)?;
        let no_stage = || Refusal::NoStage(stage.to_owned());
        match stage {
            CURRENT => Ok(secret.value(&secret.current, CURRENT)),
            PREVIOUS => {
                let previous = secret.previous.as_ref().ok_or_else(no_stage)?;
                Ok(secret.value(previous, PREVIOUS))
            }
            _ => Err(no_stage()),
        }
    }

    /// Makes a secret. The same call again, by its version id, changes nothing: a client whose answer was lost repeats
    /// it.
    pub(crate) fn create(&self, name: &str, version: Version) -> Result<Value, Refusal> {
        let mut known = lock(&self.known);
        if let Some(secret) = known.iter().find(|secret| secret.name == name) {
            let repeated = secret.current == version;
            let exists = || Refusal::Exists(name.to_owned());
            return repeated.then(|| secret.value(&secret.current, CURRENT)).ok_or_else(exists);
        }
        let arn = names::made_secret_arn(name);
        let secret = Known { logical: None, name: name.to_owned(), arn, current: version, previous: None };
        self.keep(&secret)?;
        let value = secret.value(&secret.current, CURRENT);
        known.push(secret);
        Ok(value)
    }

    /// Gives a secret a new value: `AWSCURRENT` moves to it, `AWSPREVIOUS` to the one before.
    pub(crate) fn put(&self, id: &str, version: Version) -> Result<Value, Refusal> {
        let mut known = lock(&self.known);
        let secret = known.iter_mut().find(|secret| secret.is(id)).ok_or(Refusal::Unknown)?;
        let there = [(Some(&secret.current), CURRENT), (secret.previous.as_ref(), PREVIOUS)];
        for (known, stage) in there.into_iter().filter_map(|(known, stage)| Some((known?, stage))) {
            if *known == version {
                return Ok(secret.value(known, stage));
            }
            if known.id == version.id {
                return Err(Refusal::VersionExists(version.id));
            }
        }
        let changed = Known {
            logical: secret.logical.clone(),
            name: secret.name.clone(),
            arn: secret.arn.clone(),
            previous: Some(secret.current.clone()),
            current: version,
        };
        self.keep(&changed)?;
        *secret = changed;
        Ok(secret.value(&secret.current, CURRENT))
    }

    fn keep(&self, secret: &Known) -> Result<(), Refusal> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let key = secret.logical.as_ref().unwrap_or(&secret.arn).clone();
        let entry = Entry::Versions { current: secret.current.clone(), previous: secret.previous.clone() };
        file::keep(folder, [(key, entry)].into()).map_err(Refusal::NotKept)
    }
}

impl Known {
    fn of(logical: Option<String>, name: String, arn: String, entry: &Entry) -> Self {
        let (current, previous) = entry.versions();
        Self { logical, name, arn, current, previous }
    }

    fn is(&self, id: &str) -> bool {
        self.arn == id || self.name == id || self.logical.as_deref() == Some(id)
    }

    fn value(&self, version: &Version, stage: &'static str) -> Value {
        Value { arn: self.arn.clone(), name: self.name.clone(), version: version.clone(), stage }
    }
}

#[cfg(test)]
mod tests;
