//! `secrets.json` in the data folder: the values that outlive the gateway.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The version id of a value that the gateway has generated.
const FIRST: &str = "00000000-0000-4000-8000-000000000000";

/// A value that a secret has or had.
#[derive(Clone, Deserialize, Serialize, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) text: String,
}

/// What is kept of a secret: a text while it is as it was generated, else `AWSCURRENT` and `AWSPREVIOUS`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Text(String),
    Versions {
        current: Version,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Version>,
    },
}

impl Entry {
    /// `AWSCURRENT` and `AWSPREVIOUS`.
    pub(crate) fn versions(&self) -> (Version, Option<Version>) {
        match self {
            Self::Text(text) => (Version { id: FIRST.to_owned(), text: text.clone() }, None),
            Self::Versions { current, previous } => (current.clone(), previous.clone()),
        }
    }
}

/// A secret of the template by its logical id, one that a call has made by its ARN.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// The values of the template's secrets by logical id, in which there is no colon.
///
/// # Errors
///
/// As [`read`].
pub(crate) fn of_template(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let entries = read(folder)?.into_iter().filter(|(key, _)| !key.contains(':'));
    Ok(entries.map(|(key, entry)| (key, entry.versions().0.text)).collect())
}

/// Everything that is kept; nothing when there is no file.
///
/// # Errors
///
/// A sentence when there is a file that cannot be read.
pub(super) fn read(folder: &Path) -> Result<Entries, String> {
    let file = path(folder);
    match std::fs::read(&file) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}; delete it", file.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Entries::new()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Keeps `new` beside what is there already; the file changes whole or not at all.
///
/// # Errors
///
/// A sentence when the file cannot be read or written.
pub(super) fn keep(folder: &Path, new: Entries) -> Result<(), String> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut entries = read(folder)?;
    entries.extend(new);
    let (file, part) = (path(folder), folder.join("secrets.json.part"));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut out =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        out.write_all(&serde_json::to_vec_pretty(&entries)?)?;
        std::fs::rename(&part, &file)
    };
    write().map_err(|error| format!("{}: {error}", file.display()))
}

fn path(folder: &Path) -> PathBuf {
    folder.join("secrets.json")
}
