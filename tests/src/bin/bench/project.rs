//! A project of a stack that is measured: its REST calls, and tokens that admit to its sessions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arbiter_tests::{Socket, Stack};
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Its name, and what it signs with: the gateway and all that it keeps end with the measurement.
const API_KEY: &str = "47000001";
const SECRET: &str = "kept-for-as-long-as-a-measurement-takes";
/// How long its tokens are good for.
const TOKEN_LIFE: Duration = Duration::from_mins(5);

/// What a client says of itself when it joins a session.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) id: &'a str,
    pub(crate) role: &'a str,
    /// It does not want to hear who comes and goes.
    pub(crate) suppressed: bool,
}

impl<'a> Who<'a> {
    /// Somebody who may publish and signal, and hears of the others.
    pub(crate) fn publisher(id: &'a str) -> Self {
        Self { id, role: "publisher", suppressed: false }
    }
}

/// The project.
pub(crate) struct Project<'a> {
    stack: &'a Stack,
    http: reqwest::Client,
}

impl<'a> Project<'a> {
    /// Makes it, as `make project` does: a secret under the prefix that the functions look under.
    pub(crate) async fn create(stack: &'a Stack) -> Self {
        let http = reqwest::Client::new();
        let value = json!({ "apiKey": API_KEY, "secret": SECRET }).to_string();
        let body = json!({
            "Name": format!("local/project/{API_KEY}"), "SecretString": value,
            "ClientRequestToken": "5f0c1f6e-9a53-4a0e-8c0b-6a5d1c2b3a4f",
        });
        let request =
            http.post(&stack.urls.secrets_url).header("x-amz-target", "secretsmanager.CreateSecret");
        let request = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string());
        let response = request.send().await.expect("Secrets Manager");
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        assert!(status.is_success(), "CreateSecret: {status} {text}");
        Self { stack, http }
    }

    /// Makes a routed session; answers with its id.
    pub(crate) async fn session(&self) -> String {
        let request = self.http.post(format!("{}/session/create", self.stack.urls.http_url));
        let request = request.header("accept", "application/json").header("x-opentok-auth", rest_token());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("p2p.preference=disabled").send().await.expect("the REST API");
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        assert_eq!(status, StatusCode::OK, "create a session: {text}");
        let sessions: Value = serde_json::from_str(&text).expect("JSON");
        let id = sessions.pointer("/0/session_id").and_then(Value::as_str);
        id.expect("a session_id").to_owned()
    }

    /// Calls something of a session: the part of the path after its id.
    pub(crate) async fn rest(
        &self,
        method: Method,
        session: &str,
        path: &str,
        body: Option<Value>,
    ) -> StatusCode {
        let url = format!("{}/v2/project/{API_KEY}/session/{session}{path}", self.stack.urls.http_url);
        let mut request = self.http.request(method, url).header("x-opentok-auth", rest_token());
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("the REST API").status()
    }

    /// Opens a socket and joins a session; answers with what `identified` said too.
    pub(crate) async fn join(&self, session: &str, who: Who<'_>) -> (Socket, Value) {
        let mut socket = self.stack.connect().await;
        let answer = socket.request("identify", identity(session, who)).await;
        assert_eq!(answer.get("type"), Some(&json!("identified")), "{answer}");
        (socket, answer)
    }
}

/// An identify's data.
fn identity(session: &str, who: Who<'_>) -> Value {
    json!({
        "type": "client", "id": who.id, "roomId": session, "apiKey": API_KEY, "token": token(session, who),
        "connectionEventsSuppressed": who.suppressed,
    })
}

/// Admits to a session, as server SDKs make it.
fn token(session: &str, who: Who<'_>) -> String {
    let now = now();
    sign(&json!({
        "iss": API_KEY, "ist": "project", "iat": now.as_secs(), "exp": (now + TOKEN_LIFE).as_secs(),
        "nonce": 0.25, "session_id": session, "role": who.role, "scope": "session.connect",
        "connection_data": format!("name={}", who.id), "initial_layout_class_list": "",
    }))
}

/// What REST calls are signed with.
fn rest_token() -> String {
    let now = now();
    sign(&json!({
        "iss": API_KEY, "ist": "project", "iat": now.as_secs(), "exp": (now + TOKEN_LIFE).as_secs(),
    }))
}

fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).expect("a token")
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
