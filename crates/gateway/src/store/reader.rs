//! The calls that read, made without the SDK: every relay waits for one.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::aws::{Call, CallError, Service};

const GET: &str = "DynamoDB_20120810.GetItem";
const BATCH_GET: &str = "DynamoDB_20120810.BatchGetItem";
const QUERY: &str = "DynamoDB_20120810.Query";

/// DynamoDB, to read from. All reads are strongly consistent.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    service: Service,
}

/// What a batched read asks for, by table. What is left unprocessed is asked for again as it came.
pub(super) type Wanted = HashMap<String, Box<RawValue>>;

/// What a batched read answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    #[serde(default)]
    pub(super) responses: HashMap<String, Vec<Item>>,
    #[serde(default)]
    pub(super) unprocessed_keys: Wanted,
}

impl Reader {
    pub(super) fn new(config: &SdkConfig, http: SharedHttpConnector) -> Self {
        Self { service: Service::new(config, "DynamoDB", "dynamodb", http) }
    }

    /// Opens the connection: a read of one item, made once.
    pub(super) async fn warm_up(&self, table: &str, key: &Item) -> Result<(), CallError> {
        let headers = headers(GET);
        self.service.attempt(&call(&headers, &GetItem::new(table, key))?).await.map(drop)
    }

    pub(super) async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Got {
            item: Option<Item>,
        }
        let got: Got = self.ask(GET, &GetItem::new(table, key)).await?;
        Ok(got.item)
    }

    pub(super) async fn batch(&self, wanted: &Wanted) -> Result<Batch, CallError> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct BatchGetItem<'a> {
            request_items: &'a Wanted,
        }
        self.ask(BATCH_GET, &BatchGetItem { request_items: wanted }).await
    }

    /// All items of a partition.
    pub(super) async fn partition(&self, table: &str, pk: &str) -> Result<Vec<Item>, CallError> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Query<'a> {
            table_name: &'a str,
            key_condition_expression: &'static str,
            expression_attribute_values: Value,
            consistent_read: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            exclusive_start_key: Option<Box<RawValue>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Page {
            #[serde(default)]
            items: Vec<Item>,
            last_evaluated_key: Option<Box<RawValue>>,
        }
        let mut query = Query {
            table_name: table,
            key_condition_expression: "pk = :pk",
            expression_attribute_values: json!({ ":pk": { "S": pk } }),
            consistent_read: true,
            exclusive_start_key: None,
        };
        let mut found = Vec::new();
        loop {
            let page: Page = self.ask(QUERY, &query).await?;
            found.extend(page.items);
            query.exclusive_start_key = page.last_evaluated_key;
            if query.exclusive_start_key.is_none() {
                return Ok(found);
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        target: &'static str,
        question: &impl Serialize,
    ) -> Result<T, CallError> {
        let headers = headers(target);
        let answer = self.service.call(&call(&headers, question)?).await?;
        serde_json::from_slice(&answer).map_err(|_| CallError::NotUnderstood)
    }
}

/// The keys that a batched read asks one table for.
pub(super) fn wanted(keys: &[Item]) -> Result<Box<RawValue>, CallError> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Keys<'a> {
        consistent_read: bool,
        keys: &'a [Item],
    }
    let keys = serde_json::value::to_raw_value(&Keys { consistent_read: true, keys });
    keys.map_err(|_| CallError::NotBuilt)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetItem<'a> {
    table_name: &'a str,
    key: &'a Item,
    consistent_read: bool,
}

impl<'a> GetItem<'a> {
    fn new(table_name: &'a str, key: &'a Item) -> Self {
        Self { table_name, key, consistent_read: true }
    }
}

fn headers(target: &'static str) -> [(&'static str, &'static str); 2] {
    [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)]
}

fn call<'a>(
    headers: &'a [(&'static str, &'static str)],
    question: &impl Serialize,
) -> Result<Call<'a>, CallError> {
    let body = serde_json::to_vec(question).map_err(|_| CallError::NotBuilt)?.into();
    Ok(Call { headers, body, ..Call::new("POST", "/") })
}
