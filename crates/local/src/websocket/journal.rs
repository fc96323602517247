//! Which connections were open, on disk: a gateway that starts again sends `$disconnect` (1006) for them, as AWS would
//! have, however the last run ended.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use crate::sync::lock;

/// A connection of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) id: String,
    /// Epoch milliseconds.
    pub(crate) connected_at: u64,
}

/// A file with a line for every connection that opens (`+ id time`) and every one whose `$disconnect`
/// has been delivered (`- id`).
pub(crate) struct Journal {
    /// `None`: nothing outlives this run.
    file: Option<Mutex<File>>,
}

impl Journal {
    /// A journal that remembers nothing.
    pub(crate) fn none() -> Self {
        Self { file: None }
    }

    /// Opens the journal in `folder`, and answers with the connections of earlier runs.
    ///
    /// # Errors
    ///
    /// A sentence when the file cannot be read or written.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Left>), String> {
        let path = folder.join("connections.log");
        let fail = |error: std::io::Error| format!("{}: {error}", path.display());
        let past = match std::fs::read_to_string(&path) {
            Ok(past) => past,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fail(error)),
        };
        let left = left(&past);
        let mut file = File::create(&path).map_err(fail)?;
        for one in &left {
            writeln!(file, "+ {} {}", one.id, one.connected_at).map_err(fail)?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(fail)?;
        Ok((Self { file: Some(Mutex::new(file)) }, left))
    }

    pub(crate) fn opened(&self, id: &str, connected_at: u64) {
        self.write(&format!("+ {id} {connected_at}\n"));
    }

    pub(crate) fn disconnected(&self, id: &str) {
        self.write(&format!("- {id}\n"));
    }

    fn write(&self, line: &str) {
        if let Some(file) = &self.file {
            // A full disk costs a stale row after a restart, nothing now.
            let _ = lock(file).write_all(line.as_bytes());
        }
    }
}

fn left(past: &str) -> Vec<Left> {
    let mut open = BTreeMap::new();
    for line in past.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next().and_then(|time| time.parse().ok())) {
            (Some("+"), Some(id), Some(connected_at)) => {
                open.insert(id, connected_at);
            }
            (Some("-"), Some(id), _) => {
                open.remove(id);
            }
            // Cut off when the last run was killed.
            _ => {}
        }
    }
    open.into_iter().map(|(id, connected_at)| Left { id: id.to_owned(), connected_at }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_without_a_disconnect_are_left() {
        let expect = [Left { id: "b=".into(), connected_at: 2 }];
        assert_eq!(left("+ a= 1\n+ b= 2\n- a=\n+ c"), expect);
        let folder = std::env::temp_dir().join(format!("arbiter-local-{}", crate::ids::task()));
        std::fs::create_dir_all(&folder).unwrap();
        let (journal, past) = Journal::open(&folder).unwrap();
        assert!(past.is_empty());
        journal.opened("b=", 2);
        drop(journal);
        let (journal, past) = Journal::open(&folder).unwrap();
        assert_eq!(past, expect);
        journal.disconnected("b=");
        assert!(Journal::open(&folder).unwrap().1.is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
