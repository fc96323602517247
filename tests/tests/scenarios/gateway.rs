//! The local gateway does what API Gateway and Lambda do.

use std::process::Command;

use arbiter_tests::stack::{binaries, binary, repository};
use arbiter_tests::{Room, Socket, Stack, until};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// Ctrl-C: within seconds, the address book removed, no process left.
#[tokio::test]
async fn a_stopped_gateway_leaves_no_file_and_no_process() {
    let mut stack = Stack::start().await;
    let (_room, _sfu) = Room::claimed(&stack, "page").await;
    let tasks = stack.tasks().await;
    let pid = tasks[0]["pid"].as_u64().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "the task runs");
    let own = stack.child().id().unwrap();
    let children = children_of(own);
    assert!(children.len() > 2, "functions run: {children:?}");
    let stopped = Command::new("kill").args(["-INT", &own.to_string()]).status().unwrap();
    assert!(stopped.success());
    let status = tokio::time::timeout(arbiter_tests::DEADLINE, stack.child().wait()).await;
    assert!(status.is_ok(), "it ends by itself");
    assert!(!stack.local_dir().join("urls.json").exists());
    until("no child is left", async || children.iter().all(|pid| !runs(*pid)).then_some(())).await;
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid| stat(*pid).is_some_and(|(_, parent_pid)| parent_pid == parent)).collect()
}

/// The state and the parent of a process.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// API Gateway's own limits: <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>.
#[tokio::test]
async fn what_api_gateway_does_not_take_closes_the_socket() {
    let stack = Stack::start().await;
    let long = "x".repeat(33 * 1024);
    for (frame, code) in [(Message::text(long), 1009), (Message::binary(vec![1, 2, 3]), 1003)] {
        let mut socket = stack.connect().await;
        socket.send_frame(frame).await;
        assert_eq!(socket.closed().await, Some(code));
    }
    let mut socket = stack.connect().await;
    let just = format!(r#"{{"action":"ping","data":"{}"}}"#, "x".repeat(32 * 1024 - 29));
    assert!(just.len() <= 32 * 1024);
    socket.send(&just).await;
    assert_eq!(socket.next().await["type"], "pong");
}

#[tokio::test]
async fn a_silent_socket_and_an_old_one_are_cut() {
    let stack = Stack::with().arguments(&["--idle-timeout", "1s"]).start().await;
    let mut silent = stack.connect().await;
    assert_eq!(silent.closed().await, Some(1001));

    let stack = Stack::with().arguments(&["--connection-limit", "2s"]).start().await;
    let mut old = stack.connect().await;
    let code = until("the cut", async || {
        let pong = tokio::time::timeout(std::time::Duration::from_millis(100), old.closed()).await;
        pong.ok()
    })
    .await;
    assert_eq!(code, Some(1001));
}

/// A stranger's flood meets the route's throttle, and the socket lives on.
#[tokio::test]
async fn a_flood_meets_the_throttle_of_its_route() {
    // Of identify 200 pass at once and 100 each second; handshake has the same kind of throttle, a wider one.
    const FLOOD: usize = 1000;
    let stack = Stack::with().throttled().start().await;
    let mut socket = stack.connect().await;
    for _ in 0..FLOOD {
        socket.send(r#"{"action":"identify","data":{}}"#).await;
    }
    let mut throttled = 0;
    for _ in 0..FLOOD {
        let answer = socket.next().await;
        if answer["message"] == "Too Many Requests" {
            throttled += 1;
        } else {
            assert_eq!(answer["code"], "missing_type", "{answer}");
        }
    }
    assert!(throttled > 0);
    assert!(stack.invocations("identify").await.len() < FLOOD);
    until("the throttle lets the next one through", async || {
        let answer = socket.request("ping", json!({})).await;
        (answer["type"] == "pong").then_some(())
    })
    .await;
}

/// Not only this project's template: six lines are enough.
#[tokio::test]
async fn another_template_runs_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = tokio::process::Command::new(binary("arbiter-local"))
        .args(["run", "--port", "0", "--in-memory", "--template"])
        .arg(repository().join("tests/echo-template.yaml"))
        .arg("--local-dir")
        .arg(dir.path())
        .arg("--bin-dir")
        .arg(binaries())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let urls: Value = until("urls.json", async || {
        serde_json::from_slice(&std::fs::read(dir.path().join("urls.json")).ok()?).ok()
    })
    .await;
    let mut socket = Socket::open(urls["signalUrl"].as_str().unwrap()).await.unwrap();
    assert_eq!(socket.request("ping", json!({})).await["type"], "pong");
    gateway.kill().await.unwrap();
}

/// A property that is not emulated is refused by its name and line, and not ignored.
#[tokio::test]
async fn what_is_not_supported_is_refused_by_name_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let template = std::fs::read_to_string(repository().join("template.yaml")).unwrap();
    // The line of the resource, which stands above its type.
    let line = template.lines().position(|line| line.trim() == "Type: AWS::Serverless::HttpApi").unwrap();
    let broken = template.replacen("Type: AWS::Serverless::HttpApi", "Type: AWS::Serverless::Api", 1);
    let path = dir.path().join("template.yaml");
    std::fs::write(&path, broken).unwrap();
    let output = Command::new(binary("arbiter-local"))
        .args(["run", "--port", "0", "--in-memory", "--template"])
        .arg(&path)
        .arg("--local-dir")
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("AWS::Serverless::Api"), "{said}");
    assert!(said.contains(&format!("template.yaml:{line}: RoomsApi")), "{said}");
}
