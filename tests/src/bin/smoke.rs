//! `make smoke URL=https://… SIGNAL_URL=wss://…`: asks a deployed stack a few questions whose answers are known.
//! It starts no room and costs nothing to speak of.

#![expect(clippy::indexing_slicing, reason = "indexing JSON answers null for what is not there")]

use std::process::ExitCode;

use arbiter_tests::Socket;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(http_url) = arguments.next() else {
        println!(
            "Give the HttpUrl that the stack prints, and its SignalUrl: make smoke URL=https://… SIGNAL_URL=wss://…"
        );
        return ExitCode::FAILURE;
    };
    let mut checks = Checks::default();
    rooms(&mut checks, http_url.trim_end_matches('/')).await;
    match arguments.next() {
        Some(signal_url) => signaling(&mut checks, &signal_url).await,
        None => println!("  skipped  the WebSocket API: SIGNAL_URL is not given"),
    }
    println!("{} right, {} wrong", checks.right, checks.wrong);
    if checks.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Checks {
    right: usize,
    wrong: usize,
}

impl Checks {
    fn equal(&mut self, what: &str, got: &Value, wanted: &Value) {
        if got == wanted {
            self.right += 1;
            println!("  right    {what}");
        } else {
            self.wrong += 1;
            println!("  WRONG    {what}: expected {wanted}, got {got}");
        }
    }
}

async fn rooms(checks: &mut Checks, url: &str) {
    let client = reqwest::Client::new();
    let nobody = format!("{url}/getRoomId?urlPath=smoke-test-of-a-path-that-nobody-has");
    let not_found = json!([404, { "message": "Room not found" }]);
    checks.equal("getRoomId knows no room for a new path", &answer(client.get(nobody)).await, &not_found);
    let missing = json!([400, { "message": "missing urlPath" }]);
    let without = client.get(format!("{url}/getRoomId"));
    checks.equal("getRoomId wants a urlPath", &answer(without).await, &missing);
    let claim = client.patch(format!("{url}/claimRoom")).header("content-type", "application/json");
    let claimed = answer(claim.body("{}")).await;
    let token_mode = claimed == json!([401, { "message": "Unauthorized" }]);
    let (what, wanted) = if token_mode {
        ("claimRoom wants a token (AuthMode=token)", claimed.clone())
    } else {
        ("claimRoom wants a urlPath", missing)
    };
    checks.equal(what, &claimed, &wanted);
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    match request.send().await {
        Ok(response) => {
            let status = response.status().as_u16();
            json!([status, response.json::<Value>().await.unwrap_or(Value::Null)])
        }
        Err(error) => json!(format!("{error}")),
    }
}

async fn signaling(checks: &mut Checks, url: &str) {
    let mut socket = match Socket::open(url).await {
        Ok(socket) => socket,
        Err(error) => return checks.equal("the WebSocket opens", &json!(error.to_string()), &json!("open")),
    };
    let pong = socket.request("ping", json!({})).await;
    checks.equal("a ping is answered", &pong["type"], &json!("pong"));
    let unknown = socket.request("no-such-action", json!({})).await;
    checks.equal("an unknown action is named", &unknown["code"], &json!("unknown_action"));
    let nobody = socket.request("identify", json!({})).await;
    checks.equal("identify wants a type", &nobody["code"], &json!("missing_type"));
    let candidate = json!({ "type": "producer", "sender": "smoke", "roomId": "smoke", "candidate": {} });
    let refused = socket.request("handshake", candidate).await;
    checks.equal("a handshake wants an identify first", &refused["code"], &json!("connection_not_found"));
}
