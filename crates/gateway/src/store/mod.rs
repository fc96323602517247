//! The two DynamoDB tables, one method per access pattern (DESIGN §5).
//!
//! Every write that can race carries a condition, and answers with an outcome of [`model::outcome`]. No Scan and
//! no index: what is read decides nothing unless the write that follows is conditioned on it.

mod claims;
mod connections;
mod departures;
mod members;
mod pool;
mod read;
mod retry;
mod session_sfus;
mod sessions;
mod sfus;
mod signals;
mod slots;
mod write;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

use crate::failure::Failure;
use crate::{aws, config};

pub use departures::Ending;
pub use members::Join;
pub use read::{Occupants, Receiver, Route};
pub(crate) use retry::Pauses;
pub use sessions::Enter;
pub use sfus::Serve;
pub use signals::Raise;
pub use slots::Limits;

type Item = HashMap<String, AttributeValue>;

/// How often a write is tried again after it has lost a race and the loser's next move is to look again. Each
/// loss means that somebody else won, so that this many in a row is a storm, or a defect.
const ROUNDS: usize = 8;

/// The tables.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    connections: String,
    rooms: String,
}

impl Store {
    /// Takes the names of the tables.
    #[must_use]
    pub fn new(config: &SdkConfig, connections: String, rooms: String) -> Self {
        Self { client: Client::new(config), connections, rooms }
    }

    /// Reads `CONNECTIONS_TABLE` and `ROOMS_TABLE`.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Failure> {
        Ok(Self::new(config, config::text("CONNECTIONS_TABLE")?, config::text("ROOMS_TABLE")?))
    }

    /// Opens the connection to DynamoDB, in Init. A function that has no right to this read opens it all the same.
    pub async fn warm_up(&self) {
        let retries = aws_sdk_dynamodb::config::Config::builder().retry_config(aws::no_retries());
        let key = AttributeValue::S("init".into());
        let read = self.client.get_item().table_name(&self.connections).key("connectionId", key);
        aws::warm_up(read.customize().config_override(retries).send()).await;
    }

    /// The failure of a write that lost [`ROUNDS`] races in a row.
    fn lost_every_round(operation: &'static str) -> Failure {
        Failure::new(operation, format!("lost {ROUNDS} races in a row"))
    }
}
