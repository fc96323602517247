//! The two tables, and the client that reads and writes them.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, config as client};

use super::reader::Reader;
use crate::failure::Failure;
use crate::{aws, config};

pub(super) type Item = HashMap<String, AttributeValue>;

/// How often a write is tried again after it has lost a race and the loser's next move is to look again. Each
/// loss means that somebody else won, so that this many in a row is a storm, or a defect.
pub(super) const ROUNDS: usize = 8;

/// The tables.
#[derive(Clone, Debug)]
pub struct Store {
    /// For writes.
    pub(super) client: Client,
    /// For reads.
    pub(super) reader: Reader,
    pub(super) connections: String,
    pub(super) rooms: String,
}

impl Store {
    /// Takes the names of the tables.
    #[must_use]
    pub fn new(config: &SdkConfig, connections: String, rooms: String) -> Self {
        let http = aws::connector();
        let client = client::Builder::from(config).http_client(aws::http_client(http.clone())).build();
        Self { client: Client::from_conf(client), reader: Reader::new(config, http), connections, rooms }
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
        let key = HashMap::from([("connectionId".into(), AttributeValue::S("init".into()))]);
        aws::warm_up(self.reader.warm_up(&self.connections, &key.into())).await;
    }

    /// The failure of a write that lost [`ROUNDS`] races in a row.
    pub(super) fn lost_every_round(operation: &'static str) -> Failure {
        Failure::new(operation, format!("lost {ROUNDS} races in a row"))
    }
}
