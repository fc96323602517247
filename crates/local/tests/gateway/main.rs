//! The gateway as its users see it: the executable, a template, a function, and real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may panic, as the tests themselves"
)]

mod queues;
mod secrets;
mod streams;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(10);

struct Gateway {
    child: Child,
    folder: PathBuf,
    urls: Value,
}

impl Gateway {
    async fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("arbiter-local-{name}-{}", std::process::id()));
        // Left behind by a test that failed, under a process id that has come round again.
        let _ = std::fs::remove_dir_all(&folder);
        Self::start_in(folder, arguments).await
    }

    async fn start_in(folder: PathBuf, arguments: &[&str]) -> Self {
        let executable = Path::new(env!("CARGO_BIN_EXE_arbiter-local"));
        // Of a gateway that was killed; the new one removes it too, but not before it is looked for here.
        let _ = std::fs::remove_file(folder.join("urls.json"));
        let child = Command::new(executable)
            .args(["run", "--port", "0", "--quiet", "--template"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template.yaml"))
            .arg("--bin-dir")
            .arg(executable.parent().unwrap().join("examples"))
            .arg("--local-dir")
            .arg(&folder)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut gateway = Self { child, folder, urls: Value::Null };
        let deadline = Instant::now() + PATIENCE;
        while gateway.urls.is_null() {
            assert!(
                Instant::now() < deadline && gateway.child.try_wait().unwrap().is_none(),
                "it does not start"
            );
            if let Ok(text) = std::fs::read(gateway.folder.join("urls.json")) {
                gateway.urls = serde_json::from_slice(&text).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        gateway
    }

    fn url(&self, name: &str) -> &str {
        self.urls[name].as_str().unwrap()
    }

    async fn open(&self) -> Socket {
        connect_async(self.url("signalUrl")).await.unwrap().0
    }

    async fn admin(&self, path: &str) -> Value {
        reqwest::get(format!("{}/{path}", self.url("adminUrl"))).await.unwrap().json().await.unwrap()
    }

    async fn fault(&self, fault: Value) {
        let client = reqwest::Client::new();
        let faults = format!("{}/faults", self.url("adminUrl"));
        client.delete(&faults).send().await.unwrap();
        let answer = client.post(faults).body(fault.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// The invocations so far, once there are as many as `done` wants.
    async fn invocations(&self, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let all = self.admin("invocations").await.as_array().unwrap().clone();
            if done(&all) {
                return all;
            }
            assert!(Instant::now() < deadline, "{all:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn the_connection(&self) -> String {
        self.admin("state").await["connections"][0]["connectionId"].as_str().unwrap().to_owned()
    }

    async fn management(&self, method: &str, id: &str, body: String) -> (u16, String) {
        let url = format!("{}/@connections/{}", self.url("managementUrl"), id.replace('=', "%3D"));
        let request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body);
        let answer = request.send().await.unwrap();
        let kind = answer.headers().get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Killed outright: what it has started must end all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn send(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

async fn next_text(socket: &mut Socket) -> String {
    let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("a message comes");
    message.unwrap().unwrap().into_text().unwrap().to_string()
}

async fn next_json(socket: &mut Socket) -> Value {
    serde_json::from_str(&next_text(socket).await).unwrap()
}

/// The code of the close frame; 1006 when there was none.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.expect("it is closed") {
            Some(Ok(Message::Close(frame))) => return frame.map_or(1005, |frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return 1006,
        }
    }
}

fn routes(invocations: &[Value], route: &str) -> usize {
    invocations.iter().filter(|invocation| invocation["route"] == route).count()
}

fn is_alive(pid: u64) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie waits for a parent that is gone: it does nothing any more.
    !state.is_empty() && !state.contains(") Z ")
}

#[tokio::test]
async fn a_message_reaches_its_function_and_its_post_the_socket() {
    let gateway = Gateway::start("echo", &["--in-memory"]).await;
    let mut socket = gateway.open().await;
    send(&mut socket, "hello").await;
    assert_eq!(next_text(&mut socket).await, "hello");
    send(&mut socket, "large").await;
    assert_eq!(next_text(&mut socket).await.len(), 100_000);
    let id = gateway.the_connection().await;
    assert_eq!(gateway.admin("tables/Table").await["items"], json!([{ "id": id }]));
    socket.close(None).await.unwrap();
    let all = gateway.invocations(|all| routes(all, "$disconnect") == 1).await;
    assert_eq!(all.len(), 4, "{all:#?}");
    let calls: Vec<_> = all[1]["calls"].as_array().unwrap().iter().map(|call| &call["operation"]).collect();
    assert_eq!(calls, ["PutItem", "PostToConnection"]);
    assert!(all[1]["calls"][0]["requestBytes"].as_u64().unwrap() > 0 && all[1]["calls"][0]["items"] == 1);
}

#[tokio::test]
async fn a_function_that_fails_exits_or_hangs_is_answered_for_and_replaced() {
    let gateway = Gateway::start("fail", &["--in-memory"]).await;
    let mut socket = gateway.open().await;
    for (message, outcome) in [("fail", "error"), ("exit", "killed"), ("hang", "timeout")] {
        send(&mut socket, message).await;
        let frame = next_json(&mut socket).await;
        assert_eq!(frame["message"], "Internal server error");
        assert!(frame["connectionId"].is_string() && frame["requestId"].is_string());
        let all = gateway.admin("invocations").await;
        assert_eq!(all.as_array().unwrap().last().unwrap()["outcome"], outcome);
    }
    send(&mut socket, "hello").await;
    assert_eq!(next_text(&mut socket).await, "hello");
}

#[tokio::test]
async fn what_api_gateway_refuses_is_refused() {
    let gateway = Gateway::start("limits", &["--in-memory"]).await;
    let refused = connect_async(format!("{}?refuse=1", gateway.url("signalUrl"))).await.unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
    for (message, code) in
        [(Message::text("x".repeat(32 * 1024 + 1)), 1009), (Message::binary(vec![1]), 1003)]
    {
        let mut socket = gateway.open().await;
        socket.send(message).await.unwrap();
        assert_eq!(closed(&mut socket).await, code);
    }
    // A frame of exactly 32 KB passes.
    let mut socket = gateway.open().await;
    send(&mut socket, &"x".repeat(32 * 1024)).await;
    assert_eq!(next_text(&mut socket).await.len(), 32 * 1024);
    for _ in 0..31 {
        send(&mut socket, "hello").await;
    }
    let mut answer = String::new();
    while !answer.contains("Too Many Requests") {
        answer = next_text(&mut socket).await;
    }
}

#[tokio::test]
async fn a_quiet_connection_and_an_old_one_are_closed() {
    let gateway = Gateway::start("idle", &["--in-memory", "--idle-timeout", "200ms"]).await;
    assert_eq!(closed(&mut gateway.open().await).await, 1001);
    drop(gateway);
    let gateway = Gateway::start("old", &["--in-memory", "--connection-limit", "200ms"]).await;
    assert_eq!(closed(&mut gateway.open().await).await, 1001);
    let all = gateway.invocations(|all| routes(all, "$disconnect") == 1).await;
    assert_eq!(all.len(), 2);
}

#[tokio::test]
async fn connections_are_posted_to_looked_at_and_deleted() {
    let gateway = Gateway::start("management", &["--in-memory"]).await;
    let mut socket = gateway.open().await;
    let id = gateway.the_connection().await;
    assert_eq!(gateway.management("POST", &id, "hi".into()).await, (200, String::new()));
    assert_eq!(next_text(&mut socket).await, "hi");
    assert_eq!(gateway.management("GET", &id, String::new()).await.0, 200);
    let large = gateway.management("POST", &id, "x".repeat(128 * 1024 + 1)).await;
    assert_eq!(large, (413, "PayloadTooLargeException".into()));
    assert_eq!(gateway.management("DELETE", &id, String::new()).await.0, 204);
    assert_eq!(gateway.management("POST", &id, "hi".into()).await, (410, "GoneException".into()));
    assert_eq!(closed(&mut socket).await, 1000);
}

#[tokio::test]
async fn an_http_request_is_an_event_of_version_2() {
    let gateway = Gateway::start("http", &["--in-memory"]).await;
    let url = |path: &str| format!("{}{path}", gateway.url("httpUrl"));
    let event: Value = reqwest::get(url("/things/a%20b?q=1&q=2")).await.unwrap().json().await.unwrap();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "GET /things/{id}");
    assert_eq!(
        (&event["pathParameters"]["id"], &event["queryStringParameters"]["q"]),
        (&json!("a b"), &json!("1,2"))
    );
    let connection = url("/rest/connection/L0SM9cOFvHcCIhw%3D?a=%3D");
    let event: Value = reqwest::Client::new().delete(connection).send().await.unwrap().json().await.unwrap();
    assert_eq!(event["routeKey"], "ANY /rest/{proxy+}");
    assert_eq!(event["rawPath"], "/rest/connection/L0SM9cOFvHcCIhw=");
    assert_eq!(event["requestContext"]["http"]["path"], event["rawPath"]);
    assert_eq!(event["pathParameters"]["proxy"], "connection/L0SM9cOFvHcCIhw=");
    assert_eq!(event["rawQueryString"], "a=%3D");
    let missing = reqwest::get(url("/nothing")).await.unwrap();
    assert_eq!(
        (missing.status().as_u16(), missing.text().await.unwrap()),
        (404, r#"{"message":"Not Found"}"#.into())
    );
}

#[tokio::test]
async fn faults_strike_where_they_are_told_to() {
    let gateway = Gateway::start("faults", &["--in-memory"]).await;
    let mut socket = gateway.open().await;
    let last = async |gateway: &Gateway| {
        gateway.admin("invocations").await.as_array().unwrap().last().unwrap().clone()
    };

    gateway
        .fault(json!({ "fault": "dynamodb", "error": "throttle", "operation": "PutItem", "times": 1 }))
        .await;
    send(&mut socket, "a").await;
    next_text(&mut socket).await;
    gateway.invocations(|all| all.len() == 2).await;
    assert_eq!(last(&gateway).await["calls"][0]["status"], 400);

    // The post has been executed, so it arrives; its function never knew.
    gateway.fault(json!({ "fault": "kill", "function": "Echo", "afterCalls": 2, "times": 1 })).await;
    send(&mut socket, "b").await;
    assert_eq!(next_text(&mut socket).await, "b");
    assert_eq!(next_json(&mut socket).await["message"], "Internal server error");
    assert_eq!(last(&gateway).await["outcome"], "killed");

    gateway.fault(json!({ "fault": "delay", "route": "$default", "delayMs": 300, "times": 1 })).await;
    send(&mut socket, "first").await;
    send(&mut socket, "second").await;
    assert_eq!([next_text(&mut socket).await, next_text(&mut socket).await], ["second", "first"]);

    gateway.fault(json!({ "fault": "management", "error": 410, "times": 1 })).await;
    let id = gateway.the_connection().await;
    assert_eq!(gateway.management("POST", &id, "x".into()).await, (410, "GoneException".into()));

    gateway.fault(json!({ "fault": "disconnect", "mode": "repeat" })).await;
    socket.close(None).await.unwrap();
    gateway.invocations(|all| routes(all, "$disconnect") == 2).await;

    let mut socket = gateway.open().await;
    gateway.fault(json!({ "fault": "cut", "everyMs": 20, "times": 1 })).await;
    assert_eq!(closed(&mut socket).await, 1006);
}

#[tokio::test]
async fn a_task_is_a_process_with_its_environment_and_ends_with_the_gateway() {
    let mut gateway = Gateway::start("task", &["--in-memory", "--container", "worker=sleep 60"]).await;
    let run = async |gateway: &Gateway| -> Value {
        let request = json!({
            "cluster": "c", "taskDefinition": "worker", "clientToken": "once",
            "overrides": { "containerOverrides": [{ "name": "worker", "environment": [{ "name": "B", "value": "override" }] }] },
        });
        let url = gateway.url("dynamodbUrl").replace("/dynamodb", "/ecs");
        let request = reqwest::Client::new().post(url).body(request.to_string());
        let request = request.header("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask");
        request.send().await.unwrap().json().await.unwrap()
    };
    let (first, second) = (run(&gateway).await, run(&gateway).await);
    assert_eq!(first["tasks"][0]["taskArn"], second["tasks"][0]["taskArn"]);
    let tasks = gateway.admin("state").await["tasks"].clone();
    assert_eq!(tasks.as_array().unwrap().len(), 1);
    assert_eq!(
        (&tasks[0]["status"], &tasks[0]["environment"]),
        (&json!("RUNNING"), &json!({ "A": "template", "B": "override" }))
    );
    let pid = tasks[0]["pid"].as_u64().unwrap();
    assert!(is_alive(pid));
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while is_alive(pid) {
        assert!(Instant::now() < deadline, "the task outlives the gateway");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(gateway);

    let gateway = Gateway::start("no-task", &["--in-memory", "--container", "worker=/not/there"]).await;
    let failed = run(&gateway).await;
    assert_eq!(
        (failed["tasks"].as_array().unwrap().len(), failed["failures"].as_array().unwrap().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_gateway_that_was_killed_tells_of_its_connections_when_it_is_back() {
    let mut gateway = Gateway::start("back", &[]).await;
    let _socket = gateway.open().await;
    let id = gateway.the_connection().await;
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    let again = Gateway::start_in(gateway.folder.clone(), &[]).await;
    let all = again.admin("invocations").await;
    assert_eq!((&all[0]["route"], &all[0]["connectionId"]), (&json!("$disconnect"), &json!(id)));
}

#[tokio::test]
async fn it_stops_within_seconds_and_takes_its_file_along() {
    let mut gateway = Gateway::start("stop", &[]).await;
    let mut socket = gateway.open().await;
    let status = Command::new("kill").args(["-TERM", &gateway.child.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(closed(&mut socket).await, 1001);
    let start = Instant::now();
    assert!(gateway.child.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(!gateway.folder.join("urls.json").exists());
}

#[tokio::test]
async fn another_web_page_is_refused_by_the_admin_api() {
    let gateway = Gateway::start("origin", &["--in-memory"]).await;
    let status = async |origin: &str| {
        let request = reqwest::Client::new().get(format!("{}/state", gateway.url("adminUrl")));
        request.header("origin", origin).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("https://elsewhere.example").await, 403);
    assert_eq!(status(gateway.url("httpUrl")).await, 200);
}

/// What a browser asks for a page of elsewhere, and what a page whose name leads here asks.
#[tokio::test]
async fn pages_of_elsewhere_are_refused_on_all_four_ports() {
    let folder = std::env::temp_dir().join(format!("arbiter-local-foreign-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.html"), "the page").unwrap();
    let gateway = Gateway::start("foreign", &["--in-memory", "--demo", folder.to_str().unwrap()]).await;
    let status = async |url: &str, header: &str, value: &str| {
        let request = reqwest::Client::new().get(url).header(header, value);
        request.send().await.unwrap().status().as_u16()
    };
    let dynamodb = gateway.url("dynamodbUrl");
    let runtime = dynamodb.replace("/dynamodb", "/runtime/1/2018-06-01/runtime/invocation/next");
    let socket = gateway.url("managementUrl");
    for url in [gateway.url("httpUrl"), socket, dynamodb, &runtime, gateway.url("demoUrl")] {
        for (header, value) in [
            ("host", "evil.example"),
            ("host", "127.0.0.1.evil.example:3000"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            assert_eq!(status(url, header, value).await, 403, "{url} {header}: {value}");
        }
        assert_ne!(status(url, "host", "localhost:1").await, 403, "{url}");
    }
    assert_ne!(status(gateway.url("httpUrl"), "origin", gateway.url("demoUrl")).await, 403);
    // A function's paths begin with a word that no page can guess.
    let host = dynamodb.split('/').nth(2).unwrap();
    for path in ["dynamodb", "runtime/1/2018-06-01/runtime/invocation/next", "aws/1/secrets", "word/dynamodb"]
    {
        assert_eq!(status(&format!("http://{host}/{path}"), "accept", "*/*").await, 403, "{path}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn every_path_of_the_demo_is_its_page_and_its_files_are_files() {
    let folder = std::env::temp_dir().join(format!("arbiter-local-page-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::fs::write(folder.join("index.html"), "the page").unwrap();
    std::fs::write(folder.join("assets/app.js"), "the code").unwrap();
    let gateway = Gateway::start("demo", &["--in-memory", "--demo", folder.to_str().unwrap()]).await;
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", gateway.url("demoUrl"))).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for path in ["", "/", "/any/path/you/like", "/index.html", "/a.b", "/%2e%2e/%2e%2e/etc/passwd"] {
        assert_eq!(get(path).await, (200, "the page".to_owned()), "{path}");
    }
    assert_eq!(get("/assets/app.js").await, (200, "the code".to_owned()));
    assert_eq!(get("/assets/older.js").await.0, 404);
    let config: Value = serde_json::from_str(&get("/config.json").await.1).unwrap();
    assert_eq!(config, json!({ "httpUrl": gateway.urls["httpUrl"], "signalUrl": gateway.urls["signalUrl"] }));
    std::fs::remove_dir_all(folder).unwrap();
}
