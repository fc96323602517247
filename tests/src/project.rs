//! A project of a stack: its REST calls, and the tokens that admit to its sessions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{Socket, Stack};

/// Where the local gateway's functions look for projects.
const PREFIX: &str = "local/project/";
/// How long its tokens are good for.
const TOKEN_LIFE: Duration = Duration::from_mins(4);

/// The number of the next token.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A project, made as `make project` does.
#[derive(Debug)]
pub struct Project<'a> {
    stack: &'a Stack,
    http: Client,
    /// Its name.
    pub api_key: String,
    /// What it signs with.
    pub secret: String,
}

impl<'a> Project<'a> {
    /// Makes one of a stack.
    pub async fn create(stack: &'a Stack) -> Self {
        Self::named(stack, "47000001").await
    }

    /// Makes one with this key.
    pub async fn named(stack: &'a Stack, api_key: &str) -> Self {
        let secret = format!("secret-of-{api_key}-0123456789abcdef");
        let value = json!({ "apiKey": api_key, "secret": secret }).to_string();
        let body = json!({ "Name": format!("{PREFIX}{api_key}"), "SecretString": value });
        let http = Client::new();
        let request =
            http.post(&stack.urls.secrets_url).header("x-amz-target", "secretsmanager.CreateSecret");
        let response = request.body(body.to_string()).send().await.expect("Secrets Manager");
        let status = response.status();
        assert!(status.is_success(), "{status} {}", response.text().await.unwrap_or_default());
        Self { stack, http, api_key: api_key.into(), secret }
    }

    /// Makes a session with these form fields; answers with its id.
    pub async fn session(&self, form: &str) -> String {
        let url = format!("{}/session/create", self.stack.urls.http_url);
        let request = self.http.post(url).header("accept", "application/json");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let request = request.header("x-opentok-auth", self.credential()).body(form.to_owned());
        let response = request.send().await.expect("the REST API");
        let sessions: Value = response.json().await.expect("JSON");
        sessions[0]["session_id"].as_str().unwrap_or_else(|| panic!("{sessions}")).to_owned()
    }

    /// A session whose media is routed.
    pub async fn routed(&self) -> String {
        self.session("p2p.preference=disabled").await
    }

    /// Calls something of a session: `path` is what follows its id. Answers with the status and the JSON body, if there
    /// is one.
    pub async fn rest(&self, method: Method, session: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/v2/project/{}/session/{session}{path}", self.stack.urls.http_url, self.api_key);
        let mut request = self.http.request(method, url).header("x-opentok-auth", self.credential());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the REST API");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    /// What REST calls are signed with.
    #[must_use]
    pub fn credential(&self) -> String {
        self.sign(&json!({}))
    }

    /// A token that admits to a session, with more claims than the usual ones.
    #[must_use]
    pub fn token(&self, session: &str, more: &Value) -> String {
        let mut claims = json!({ "session_id": session, "role": "publisher", "scope": "session.connect" });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        // Each token is somebody else, as those of real servers are.
        claims["jti"] = json!(NEXT.fetch_add(1, Ordering::Relaxed));
        self.sign(&claims)
    }

    fn sign(&self, claims: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut all = json!({
            "iss": self.api_key, "ist": "project",
            "iat": now.as_secs(), "exp": (now + TOKEN_LIFE).as_secs(),
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        encode(&Header::default(), &all, &key).expect("a token")
    }

    /// The data of an identify, with more fields than the usual ones.
    #[must_use]
    pub fn identity(&self, session: &str, token: &str, more: &Value) -> Value {
        let mut data = json!({ "type": "client", "roomId": session, "apiKey": self.api_key, "token": token });
        for (name, value) in more.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        data
    }

    /// Opens a socket and joins a session with this role; answers with what `identified` said too.
    pub async fn join(&self, session: &str, role: &str, more: &Value) -> (Socket, Value) {
        self.join_with(session, &json!({ "role": role }), more).await
    }

    /// The same under a name, which the token tells the others as servers' tokens do; `suppressed`: without hearing who
    /// comes and goes.
    pub async fn join_named(&self, session: &str, role: &str, id: &str, suppressed: bool) -> (Socket, Value) {
        let claims = json!({ "role": role, "connection_data": format!("name={id}") });
        let more = json!({ "id": id, "connectionEventsSuppressed": suppressed });
        self.join_with(session, &claims, &more).await
    }

    async fn join_with(&self, session: &str, claims: &Value, more: &Value) -> (Socket, Value) {
        let mut socket = self.stack.connect().await;
        let token = self.token(session, claims);
        let answer = socket.request("identify", self.identity(session, &token, more)).await;
        assert_eq!(answer["type"], "identified", "{answer}");
        (socket, answer)
    }
}
