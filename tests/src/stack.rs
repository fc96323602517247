//! A running gateway.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Socket, until};

/// The address book that the gateway writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Urls {
    /// The HTTP API.
    pub http_url: String,
    /// The WebSocket API.
    pub signal_url: String,
    /// `@connections`.
    pub management_url: String,
    /// The tables.
    pub dynamodb_url: String,
    /// Secrets Manager.
    pub secrets_url: String,
    /// Faults, state and invocations.
    pub admin_url: String,
}

/// `arbiter-local` with its functions, on free ports, with data of its own. Ends with the value.
#[derive(Debug)]
pub struct Stack {
    child: Child,
    dir: TempDir,
    http: Client,
    /// Where everything is.
    pub urls: Urls,
}

/// How a gateway is to be started.
#[derive(Debug)]
pub struct Options {
    parameters: Vec<String>,
    arguments: Vec<String>,
    container: Option<String>,
    throttled: bool,
    replaced: Vec<(String, PathBuf)>,
}

impl Options {
    /// Keeps the template's throttles, which most tests would run into.
    #[must_use]
    pub fn throttled(mut self) -> Self {
        self.throttled = true;
        self
    }

    /// Sets a template parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push(format!("{name}={value}"));
        self
    }

    /// Adds arguments of `arbiter-local run`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Runs another program in place of a function's executable.
    #[must_use]
    pub fn replace(mut self, function: &str, program: PathBuf) -> Self {
        self.replaced.push((function.to_owned(), program));
        self
    }

    /// The folder of the functions' executables: the profile's own, or one of links when some are replaced.
    fn bin_dir(&self, dir: &Path) -> PathBuf {
        if self.replaced.is_empty() {
            return binaries();
        }
        let folder = dir.join("bin");
        std::fs::create_dir(&folder).expect("a folder");
        for entry in std::fs::read_dir(binaries()).expect("the profile's folder").flatten() {
            if entry.path().is_file() && entry.path().extension().is_none() {
                let name = entry.file_name();
                let other = self.replaced.iter().find(|(function, _)| name == function.as_str());
                let program = other.map_or_else(|| entry.path(), |(_, program)| program.clone());
                std::os::unix::fs::symlink(program, folder.join(name)).expect("a link");
            }
        }
        folder
    }

    /// What a task runs; `None`: no task can be started.
    #[must_use]
    pub fn container(mut self, command: Option<&str>) -> Self {
        self.container = command.map(str::to_owned);
        self
    }

    /// Starts the gateway and waits until everything answers.
    pub async fn start(self) -> Stack {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(dir.path().join("log")).expect("a log file");
        let mut command = Command::new(binary("arbiter-local"));
        command
            .args(["run", "--port", "0", "--in-memory", "--template"])
            .arg(repository().join("template.yaml"))
            .arg("--local-dir")
            .arg(dir.path())
            .arg("--bin-dir")
            .arg(self.bin_dir(dir.path()))
            .args(["--parameters", &self.parameters.join(" ")])
            .args(&self.arguments)
            .env_remove("SFU_COMMAND")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .kill_on_drop(true);
        if !self.throttled {
            command.arg("--no-throttle");
        }
        if let Some(container) = &self.container {
            command.env("SFU_COMMAND", container);
        }
        let mut child = command.spawn().expect("arbiter-local, built by `cargo build --workspace --bins`");
        let book = dir.path().join("urls.json");
        let urls = until("urls.json", async || {
            if let Ok(Some(status)) = child.try_wait() {
                let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
                panic!("arbiter-local ended with {status}:\n{log}");
            }
            serde_json::from_slice(&std::fs::read(&book).ok()?).ok()
        })
        .await;
        Stack { child, dir, http: Client::new(), urls }
    }
}

impl Stack {
    /// A gateway with the template's defaults, whose tasks do nothing: tests speak for the SFU.
    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// Like [`Stack::start`], to be changed first.
    #[must_use]
    pub fn with() -> Options {
        Options {
            parameters: vec![],
            arguments: vec![],
            container: Some("sleep 600".into()),
            throttled: false,
            replaced: vec![],
        }
    }

    /// Opens a socket.
    pub async fn connect(&self) -> Socket {
        Socket::open(&self.urls.signal_url).await.expect("the socket opens")
    }

    /// Opens a socket and identifies as a client.
    pub async fn join(&self, room: &str, peer: &str) -> Socket {
        let mut socket = self.connect().await;
        socket.identify(room, peer).await;
        socket
    }

    /// Calls the HTTP API.
    pub async fn http(&self, method: Method, path: &str, body: Option<&str>) -> (StatusCode, Value) {
        self.http_with(method, path, body, None).await
    }

    /// Calls the HTTP API with a bearer token.
    pub async fn http_with(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
        token: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.urls.http_url));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("the HTTP API answers");
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// `GET /getRoomId`.
    pub async fn get_room_id(&self, path: &str) -> (u16, Value) {
        let url = Url::parse_with_params("http://local/getRoomId", [("urlPath", path)]).expect("a URL");
        let query = url.query().unwrap_or_default();
        let (status, body) = self.http(Method::GET, &format!("/getRoomId?{query}"), None).await;
        (status.as_u16(), body)
    }

    /// `PATCH /claimRoom`.
    pub async fn claim(&self, path: &str) -> (u16, Value) {
        let body = json!({ "urlPath": path }).to_string();
        let (status, body) = self.http(Method::PATCH, "/claimRoom", Some(&body)).await;
        (status.as_u16(), body)
    }

    /// `PUT /createRoom`.
    pub async fn create_room(&self) -> (u16, Value) {
        let (status, body) = self.http(Method::PUT, "/createRoom", None).await;
        (status.as_u16(), body)
    }

    /// Asks the admin endpoint.
    pub async fn admin(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.urls.admin_url)).send().await;
        response.expect("the admin endpoint").json().await.expect("JSON")
    }

    /// Tells the admin endpoint.
    pub async fn admin_post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.urls.admin_url)).json(&body);
        let response = request.send().await.expect("the admin endpoint");
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        assert!(status.is_success(), "POST {path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Sets a fault; answers with its id.
    pub async fn fault(&self, fault: Value) -> Value {
        self.admin_post("/faults", fault).await["id"].clone()
    }

    /// Removes a fault. What faults delay is let go.
    pub async fn no_fault(&self, id: &Value) {
        let request = self.http.delete(format!("{}/faults/{id}", self.urls.admin_url));
        request.send().await.expect("the admin endpoint");
    }

    /// Holds back the next call of an operation by a function, until the answer is handed to [`Stack::no_fault`].
    pub async fn hold(&self, function: &str, operation: &str) -> Value {
        let hold = json!({
            "fault": "dynamodb", "function": function, "operation": operation, "delayMs": 60_000, "times": 1,
        });
        self.fault(hold).await
    }

    /// Waits until a call is held back.
    pub async fn held(&self, hold: &Value) {
        until("the call is held back", async || {
            let faults = self.admin("/faults").await;
            let fault = faults.as_array()?.iter().find(|fault| fault["id"] == *hold)?;
            (fault["fired"] == 1).then_some(())
        })
        .await;
    }

    /// Removes all faults.
    pub async fn no_faults(&self) {
        let request = self.http.delete(format!("{}/faults", self.urls.admin_url));
        request.send().await.expect("the admin endpoint");
    }

    /// The items of a table.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let answer = self.admin(&format!("/tables/{table}")).await;
        answer["items"].as_array().cloned().expect("items")
    }

    /// The items of the rooms table whose sort key begins with `sk`.
    pub async fn rooms(&self, sk: &str) -> Vec<Value> {
        let mut items = self.items("RoomsTable").await;
        items.retain(|item| item["sk"].as_str().is_some_and(|key| key.starts_with(sk)));
        items
    }

    /// What functions did, oldest first.
    pub async fn invocations(&self, function: &str) -> Vec<Value> {
        let answer = self.admin(&format!("/invocations?function={function}")).await;
        answer.as_array().cloned().expect("a list of invocations")
    }

    /// Waits until `function` has been invoked at least `count` times and every invocation has ended.
    pub async fn invoked(&self, function: &str, count: usize) -> Vec<Value> {
        until(&format!("{function} has run {count} times"), async || {
            let invocations = self.invocations(function).await;
            (invocations.len() >= count).then_some(invocations)
        })
        .await
    }

    /// The value of a secret that is JSON, by its name in the template.
    pub async fn secret(&self, name: &str) -> Value {
        serde_json::from_str(&self.secret_text(name).await).expect("JSON")
    }

    /// The value of a secret, by its name in the template.
    pub async fn secret_text(&self, name: &str) -> String {
        let request =
            self.http.post(&self.urls.secrets_url).header("x-amz-target", "secretsmanager.GetSecretValue");
        let response = request.body(json!({ "SecretId": name }).to_string()).send().await;
        let answer: Value = response.expect("Secrets Manager").json().await.expect("JSON");
        answer["SecretString"].as_str().expect("a secret").to_owned()
    }

    /// The tasks.
    pub async fn tasks(&self) -> Vec<Value> {
        self.admin("/state").await["tasks"].as_array().cloned().expect("tasks")
    }

    /// Everything that the gateway and the functions have printed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The folder of `urls.json`.
    #[must_use]
    pub fn local_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The gateway's process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // What went on is worth a look when a test fails.
        if std::thread::panicking() {
            eprintln!("--- the gateway's log ---\n{}", self.log());
        }
    }
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// Where this profile's binaries are: beside the test's own.
#[must_use]
pub fn binaries() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let folder = own.parent().expect("a folder");
    if folder.ends_with("deps") { folder.parent().expect("a profile").to_owned() } else { folder.to_owned() }
}

/// One of the workspace's binaries.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    binaries().join(name)
}
