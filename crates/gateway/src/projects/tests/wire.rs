//! Secrets Manager, as it is at the wire: it answers `GetSecretValue` and keeps what it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// The versions of secrets, newest first; a question is a secret's name and a version's stage.
#[derive(Clone, Default)]
pub(super) struct Wire {
    secrets: Arc<Mutex<HashMap<String, Vec<String>>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Wire {
    /// Puts a version of a secret: what was current becomes the previous one.
    pub(super) fn put(&self, name: &str, value: &(impl ToString + ?Sized)) {
        self.secrets.lock().unwrap().entry(name.to_owned()).or_default().insert(0, value.to_string());
    }

    /// Deletes a secret.
    pub(super) fn delete(&self, name: &str) {
        self.secrets.lock().unwrap().remove(name);
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The stages that were asked for since the last time.
    pub(super) fn stages(&self) -> Vec<String> {
        self.asked().into_iter().map(|(_, stage)| stage).collect()
    }

    /// Listens, for as long as the test runs.
    pub(super) async fn listen(&self) -> SdkConfig {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let credentials = Credentials::new("a", "b", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }
}

async fn answer(State(wire): State<Wire>, body: String) -> impl IntoResponse {
    let request: Value = serde_json::from_str(&body).unwrap();
    let (name, stage) = (request["SecretId"].as_str().unwrap(), request["VersionStage"].as_str().unwrap());
    wire.asked.lock().unwrap().push((name.to_owned(), stage.to_owned()));
    let secrets = wire.secrets.lock().unwrap();
    let version = usize::from(stage == "AWSPREVIOUS");
    match secrets.get(name).and_then(|versions| versions.get(version)).map(String::as_str) {
        Some("broken") => (StatusCode::BAD_REQUEST, json!({"__type": "AccessDeniedException"}).to_string()),
        Some("deleted") => {
            (StatusCode::BAD_REQUEST, json!({"__type": "InvalidRequestException"}).to_string())
        }
        Some(value) => (StatusCode::OK, json!({"Name": name, "SecretString": value}).to_string()),
        None => (StatusCode::BAD_REQUEST, json!({"__type": "ResourceNotFoundException"}).to_string()),
    }
}
