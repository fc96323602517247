//! `streams.json` in the data folder: how far each source has come, so that it goes on there after a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::sync::lock;

/// The last sequence number that is dealt with, by source; empty: none yet.
pub(crate) struct Checkpoints {
    /// `None`: in memory alone.
    file: Option<PathBuf>,
    entries: Mutex<BTreeMap<String, String>>,
}

impl Checkpoints {
    /// # Errors
    ///
    /// A sentence when there is a file that cannot be read.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, String> {
        let file = folder.map(|folder| folder.join("streams.json"));
        let entries = match file.as_ref().map(std::fs::read) {
            Some(Ok(text)) => serde_json::from_slice(&text).map_err(|error| error.to_string()),
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
            Some(Err(_)) | None => Ok(BTreeMap::new()),
        };
        let name = || file.as_deref().unwrap_or(Path::new("")).display();
        let entries = entries.map_err(|error| format!("{}: {error}", name()))?;
        Ok(Self { file, entries: Mutex::new(entries) })
    }

    pub(crate) fn get(&self, source: &str) -> Option<String> {
        lock(&self.entries).get(source).cloned()
    }

    /// # Errors
    ///
    /// The file cannot be written; in memory the checkpoint is moved all the same.
    pub(crate) fn set(&self, source: &str, sequence: &str) -> std::io::Result<()> {
        let mut entries = lock(&self.entries);
        if entries.get(source).is_some_and(|known| known == sequence) {
            return Ok(());
        }
        entries.insert(source.to_owned(), sequence.to_owned());
        let Some(file) = &self.file else { return Ok(()) };
        // Whole or not at all: a gateway that is killed must not leave half a file.
        let new = file.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(&*entries).unwrap_or_default())?;
        std::fs::rename(new, file)
    }
}
