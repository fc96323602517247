//! The records of a table's stream. It has one shard: the embedded DynamoDB never splits it.

use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::{GetRecordsRequest, Record as Stored};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::{Database, streams};
use serde_json::Value as Json;

use crate::template::names;

/// The shard of one table.
pub(crate) struct Shard {
    database: Database,
    /// The name of the table.
    table: String,
    arn: String,
}

/// What a function is given of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// 21 digits: in order as a text, too.
    pub(crate) sequence: String,
    /// Epoch seconds.
    pub(crate) created_at: u64,
    /// The record as JSON.
    pub(crate) text: String,
}

/// What a read of the shard has come to.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Those that were wanted.
    pub(crate) records: Vec<Record>,
    /// The last that was read, wanted or not.
    pub(crate) last: Option<String>,
    /// There may be more.
    pub(crate) full: bool,
}

impl Shard {
    pub(crate) fn new(database: Database, table: &str) -> Self {
        Self { database, table: table.to_owned(), arn: names::stream_arn(table) }
    }

    pub(crate) fn id(&self) -> String {
        streams::shard_id(&self.table)
    }

    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The sequence number of the newest record.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(crate) fn latest(&self) -> Result<Option<String>, String> {
        let request = DescribeStreamRequest { stream_arn: self.arn.clone(), ..Default::default() };
        let answer = self.database.describe_stream(request).map_err(|error| error.to_string())?;
        let shard = answer.stream_description.shards.into_iter().next();
        Ok(shard.and_then(|shard| shard.sequence_number_range.ending_sequence_number))
    }

    /// Reads up to `most` records, at most 1 000, that follow `after`; `None`: from the oldest.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub(crate) fn read(
        &self,
        after: Option<&str>,
        most: usize,
        wanted: impl Fn(&Json) -> bool,
    ) -> Result<Page, String> {
        let kind = if after.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let from = GetShardIteratorRequest {
            stream_arn: self.arn.clone(),
            shard_id: self.id(),
            shard_iterator_type: kind.into(),
            sequence_number: after.map(str::to_owned),
        };
        let iterator = self.database.get_shard_iterator(from).map_err(|error| error.to_string())?;
        let most = most.min(1_000);
        let request = GetRecordsRequest {
            shard_iterator: iterator.shard_iterator.unwrap_or_default(),
            limit: Some(most),
        };
        let stored = self.database.get_records(request).map_err(|error| error.to_string())?.records;
        let last = stored.last().map(|record| record.dynamodb.sequence_number.clone());
        let full = stored.len() == most;
        let records = stored.iter().filter_map(|record| self.record(record, &wanted)).collect();
        Ok(Page { records, last, full })
    }

    /// As Lambda hands it over, if it is wanted.
    fn record(&self, stored: &Stored, wanted: impl Fn(&Json) -> bool) -> Option<Record> {
        let change = &stored.dynamodb;
        if change.new_image.is_some() && change.new_image == change.old_image {
            // DynamoDB writes no record of a write that changes nothing, the embedded one does. Where a record lacks
            // one of the images it cannot be told.
            return None;
        }
        let mut json = serde_json::to_value(stored).ok()?;
        let members = json.as_object_mut()?;
        members.insert("awsRegion".into(), names::REGION.into());
        members.insert("eventSourceARN".into(), self.arn.clone().into());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds since 1970"
        )]
        let created_at = stored.dynamodb.approximate_creation_date_time as u64;
        // A whole number in Lambda's events; here it is read as 1.7e9 or 1700000000.0.
        members
            .get_mut("dynamodb")?
            .as_object_mut()?
            .insert("ApproximateCreationDateTime".into(), created_at.into());
        let sequence = stored.dynamodb.sequence_number.clone();
        wanted(&json).then(|| Record { sequence, created_at, text: json.to_string() })
    }
}
