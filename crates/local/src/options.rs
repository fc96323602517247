//! How to run a template.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;

use crate::template::stack::Limit;

/// Any error, as a sentence for the developer.
pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) template: PathBuf,
    /// The first of three, four with the demo; 0: any.
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    /// `Name=value …`.
    pub(crate) parameters: String,
    pub(crate) bin_dir: PathBuf,
    /// Command line by container.
    pub(crate) containers: BTreeMap<String, Vec<String>>,
    /// Folder of a built page.
    pub(crate) demo: Option<PathBuf>,
    pub(crate) in_memory: bool,
    pub(crate) limits: Limits,
    pub(crate) throttle: bool,
    /// What counts for a route of the WebSocket API in place of the template's throttle, by route key.
    pub(crate) route_throttles: BTreeMap<String, Limit>,
    /// Processes of one function, unless its template reserves a number.
    pub(crate) most_processes: u32,
    /// A process that is idle for longer is ended.
    pub(crate) keep_warm: Duration,
    pub(crate) faults: Vec<Json>,
    /// Events are written to the terminal.
    pub(crate) terminal: bool,
}

/// API Gateway's limits on a connection, settable so that tests need not wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) idle: Duration,
    pub(crate) lifetime: Duration,
}
