//! DynamoDB Streams, as far as Lambda reads them: functions that take the records of tables.

pub(crate) mod batch;
mod checkpoints;
pub(crate) mod filter;
pub(crate) mod retention;
mod shard;
pub(crate) mod source;

use std::path::Path;
use std::sync::Arc;

use dynoxide::Database;
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::template::stack::{Stack, StreamSource};
use checkpoints::Checkpoints;
use shard::Shard;
use source::Reader;

/// All sources of a template.
pub(crate) struct Streams {
    readers: Vec<Arc<Reader>>,
    /// Changes with every write to any table.
    written: watch::Sender<()>,
}

impl Streams {
    /// `folder` is where the sources' checkpoints are kept; `None`: nowhere.
    ///
    /// # Errors
    ///
    /// A sentence: the checkpoints or a stream cannot be read.
    pub(crate) fn open(stack: &Stack, database: &Database, folder: Option<&Path>) -> Result<Self, String> {
        let checkpoints = Arc::new(Checkpoints::open(folder)?);
        let mut readers = Vec::new();
        for source in &stack.stream_sources {
            let Some(table) = stack.tables.iter().find(|table| table.logical == source.table) else {
                continue;
            };
            let source = Arc::new(source.clone());
            for lane in 0..source.lanes {
                let shard = Shard::new(database.clone(), &table.name);
                readers.push(Reader::open(Arc::clone(&source), lane, shard, Arc::clone(&checkpoints))?);
            }
        }
        Ok(Self { readers, written: watch::Sender::new(()) })
    }

    /// Tells the readers that something may have been written. Costs one comparison when there are none.
    pub(crate) fn wrote(&self) {
        if !self.readers.is_empty() {
            self.written.send_replace(());
        }
    }

    /// Each reader, with what wakes it.
    pub(crate) fn readers(&self) -> impl Iterator<Item = (Arc<Reader>, watch::Receiver<()>)> {
        self.readers.iter().map(|reader| (Arc::clone(reader), self.written.subscribe()))
    }

    /// All sources, for the admin API.
    pub(crate) fn list(&self) -> Json {
        let of = |source: &Arc<StreamSource>| {
            let lanes = || self.readers.iter().filter(|reader| Arc::ptr_eq(&reader.source, source));
            json!({
                "table": source.table,
                "function": source.function,
                "waiting": lanes().map(|reader| reader.waiting()).sum::<usize>(),
                "failures": lanes().map(|reader| reader.failures()).max(),
            })
        };
        self.readers.iter().filter(|reader| reader.lane == 0).map(|reader| of(&reader.source)).collect()
    }
}
