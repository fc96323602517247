//! Secrets Manager, over the wire.

use serde_json::{Value, json};

use super::Gateway;

async fn call(gateway: &Gateway, operation: &str, body: Value) -> (u16, Value) {
    let call = reqwest::Client::new()
        .post(gateway.url("secretsUrl"))
        .header("x-amz-target", format!("secretsmanager.{operation}"))
        .body(body.to_string());
    let answer = call.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// The text at a stage, or the name of the error.
async fn text(gateway: &Gateway, id: &str, stage: &str) -> Value {
    let body = json!({ "SecretId": id, "VersionStage": stage });
    let (status, answer) = call(gateway, "GetSecretValue", body).await;
    answer[if status == 200 { "SecretString" } else { "__type" }].clone()
}

#[tokio::test]
async fn a_secret_that_a_call_has_made_is_rotated_and_survives_a_restart() {
    let mut gateway = Gateway::start("secrets", &[]).await;
    let create = json!({ "Name": "a/b", "SecretString": "1", "ClientRequestToken": "t1" });
    let (_, made) = call(&gateway, "CreateSecret", create.clone()).await;
    assert_eq!((&made["Name"], &made["VersionId"]), (&json!("a/b"), &json!("t1")));
    assert_eq!(call(&gateway, "CreateSecret", create).await, (200, made.clone()), "the same call again");
    let (status, other) = call(&gateway, "CreateSecret", json!({ "Name": "a/b", "SecretString": "1" })).await;
    assert_eq!((status, &other["__type"]), (400, &json!("ResourceExistsException")));
    assert_eq!(other["message"], "The operation failed because the secret a/b already exists.");

    let arn = made["ARN"].as_str().unwrap();
    let put = json!({ "SecretId": arn, "SecretString": "2" });
    assert_eq!(call(&gateway, "PutSecretValue", put).await.1["VersionStages"], json!(["AWSCURRENT"]));
    let folder = gateway.folder.clone();
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let again = Gateway::start_in(folder, &[]).await;
    for id in [arn, "a/b"] {
        assert_eq!(text(&again, id, "AWSCURRENT").await, "2");
        assert_eq!(text(&again, id, "AWSPREVIOUS").await, "1");
        assert_eq!(text(&again, id, "AWSPENDING").await, "ResourceNotFoundException");
    }
    assert_eq!(text(&again, "a/c", "AWSCURRENT").await, "ResourceNotFoundException");
}

#[tokio::test]
async fn what_is_not_here_is_refused() {
    let gateway = Gateway::start("secrets-refused", &["--in-memory"]).await;
    for (operation, body, kind) in [
        ("PutSecretValue", json!({ "SecretId": "a", "SecretString": "1" }), "ResourceNotFoundException"),
        ("CreateSecret", json!({ "Name": "a b", "SecretString": "1" }), "ValidationException"),
        ("CreateSecret", json!({ "Name": "a" }), "InvalidRequestException"),
        ("GetSecretValue", json!({ "SecretId": "a", "VersionId": "1" }), "InvalidRequestException"),
        ("DeleteSecret", json!({ "SecretId": "a" }), "UnknownOperationException"),
    ] {
        let (status, answer) = call(&gateway, operation, body).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(kind)), "{answer}");
    }
    let pending = json!({ "SecretId": "a", "SecretString": "1", "VersionStages": ["AWSPENDING"] });
    let (_, answer) = call(&gateway, "PutSecretValue", pending).await;
    assert_eq!(answer["__type"], "InvalidParameterException");
}
