//! What a function works with.

use std::time::Duration;

use aws_config::SdkConfig;
use model::codec::Codecs;
use model::codec::json::Json;

use crate::clock::Clock;
use crate::config;
use crate::failure::Failure;
use crate::sockets::Sockets;
use crate::store::Store;
use crate::timers::Timers;

/// The tables, the sockets, and what the rooms' rules depend on.
#[derive(Clone, Debug)]
pub struct App {
    /// The tables.
    pub store: Store,
    /// The open sockets.
    pub sockets: Sockets,
    /// What their clients speak.
    pub codecs: Codecs,
    /// `SfuGraceSeconds`, which clients are told.
    pub sfu_grace: Duration,
    /// How long a lost place is kept, and what is due later.
    pub timers: Timers,
    /// The time.
    pub clock: Clock,
}

impl App {
    /// Reads the settings and opens the connections to DynamoDB and API Gateway.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        let app = Self {
            store: Store::from_env(config)?,
            sockets: Sockets::new(config),
            codecs: Codecs::new(&[&Json]),
            sfu_grace: config::sfu_grace()?,
            timers: Timers::from_env(config)?,
            clock: Clock::System,
        };
        futures::join!(app.store.warm_up(), app.sockets.warm_up(), app.timers.warm_up());
        Ok(app)
    }
}
