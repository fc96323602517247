//! The function of the gateway's own tests: it does what a message tells it to.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = reqwest::Client::new();
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| handle(&client, event.payload))).await
}

async fn handle(client: &reqwest::Client, event: Value) -> Result<Value, Error> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if event.pointer("/requestContext/http").is_some() {
        return Ok(
            json!({ "statusCode": 200, "body": event.to_string(), "headers": {"content-type": "application/json"} }),
        );
    }
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        return take(client, records).await;
    }
    match (text("/requestContext/eventType"), text("/body")) {
        ("CONNECT", _) if event.pointer("/queryStringParameters/refuse").is_some() => {
            return Ok(json!({ "statusCode": 401 }));
        }
        ("CONNECT" | "DISCONNECT", _) => {}
        (_, "fail") => return Err("told to fail".into()),
        (_, "exit") => std::process::exit(3),
        (_, "hang") => tokio::time::sleep(Duration::from_mins(1)).await,
        (_, "large") => post(client, text("/requestContext/connectionId"), "x".repeat(100_000)).await?,
        (_, body) => {
            put(client, text("/requestContext/connectionId")).await?;
            post(client, text("/requestContext/connectionId"), body.to_owned()).await?;
        }
    }
    Ok(json!({ "statusCode": 200 }))
}

/// Writes down the messages of a queue, or the changes of a table, but those that say `fail`, in the body or the key;
/// `crash` fails them all.
async fn take(client: &reqwest::Client, records: &[Value]) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for record in records {
        let (text, id) = match record.pointer("/dynamodb/SequenceNumber") {
            Some(sequence) => (record.pointer("/dynamodb/Keys/id/S"), sequence),
            None => (record.get("body"), &record["messageId"]),
        };
        match text.and_then(Value::as_str) {
            Some("crash") => return Err("told to crash".into()),
            Some("fail") => failures.push(json!({ "itemIdentifier": id })),
            _ => put(client, &record.to_string()).await?,
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn post(client: &reqwest::Client, id: &str, body: String) -> Result<(), Error> {
    let base = std::env::var("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")?;
    client.post(format!("{base}/@connections/{}", id.replace('=', "%3D"))).body(body).send().await?;
    Ok(())
}

async fn put(client: &reqwest::Client, id: &str) -> Result<(), Error> {
    let item = json!({ "TableName": std::env::var("TABLE")?, "Item": { "id": { "S": id } } });
    let request = client.post(std::env::var("AWS_ENDPOINT_URL_DYNAMODB")?);
    request.header("x-amz-target", "DynamoDB_20120810.PutItem").body(item.to_string()).send().await?;
    Ok(())
}
