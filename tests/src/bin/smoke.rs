//! `make smoke URL=https://… SIGNAL_URL=wss://…`: asks a deployed stack a few questions whose answers are known.
//! It starts no room and costs nothing to speak of.

#![expect(clippy::indexing_slicing, reason = "indexing JSON answers null for what is not there")]

use std::process::ExitCode;

use arbiter_tests::Socket;
use reqwest::Url;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (url, signal_url) = (arguments.next().unwrap_or_default(), arguments.next());
    let (http_url, signal_url) = match addresses(&url, signal_url.as_deref()) {
        Ok(addresses) => addresses,
        Err(sentence) => {
            println!("{sentence}");
            return ExitCode::FAILURE;
        }
    };
    let mut checks = Checks::default();
    rooms(&mut checks, &http_url).await;
    match signal_url {
        Some(signal_url) => signaling(&mut checks, &signal_url).await,
        None => checks.skip(&SIGNALING, "SIGNAL_URL is not given"),
    }
    println!("{} passed, {} failed, {} skipped", checks.passed, checks.failed, checks.skipped);
    if checks.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One of the stack's two addresses.
struct Api {
    variable: &'static str,
    output: &'static str,
    scheme: &'static str,
    /// What only a gateway on this machine has in its place.
    plain: &'static str,
    example: &'static str,
}

const HTTP: Api = Api {
    variable: "URL",
    output: "HttpUrl",
    scheme: "https",
    plain: "http",
    example: "https://….execute-api.eu-west-1.amazonaws.com",
};
const SIGNAL: Api = Api {
    variable: "SIGNAL_URL",
    output: "SignalUrl",
    scheme: "wss",
    plain: "ws",
    example: "wss://….execute-api.eu-west-1.amazonaws.com/prod",
};

impl Api {
    fn names(&self, url: &str) -> bool {
        url.starts_with(&format!("{}:", self.scheme)) || url.starts_with(&format!("{}:", self.plain))
    }

    /// The address without the slashes at its end, or a sentence.
    fn read(&self, given: &str) -> Result<Url, String> {
        let Self { variable, output, scheme, plain, example } = self;
        let wrong = |why: &str| {
            format!(
                "{variable}={given} {why}: give the {output} that the stack prints, such as {variable}={example}"
            )
        };
        let mut url = Url::parse(given).map_err(|_| wrong("is no URL"))?;
        let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() == *plain && !here {
            return Err(wrong(&format!("is not encrypted, and API Gateway knows {scheme}:// alone")));
        }
        if !self.names(given) {
            return Err(wrong(&format!("does not begin with {scheme}://")));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has more behind it"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}

/// The two addresses, or a sentence about what is wrong with them.
fn addresses(url: &str, signal_url: Option<&str>) -> Result<(String, Option<String>), String> {
    if SIGNAL.names(url) && signal_url.is_some_and(|other| HTTP.names(other)) {
        return Err(format!(
            "URL and SIGNAL_URL are the wrong way round: make smoke URL={} SIGNAL_URL={url}",
            { signal_url.unwrap_or_default() }
        ));
    }
    let http = HTTP.read(url)?;
    if http.path() != "/" {
        return Err(format!(
            "URL={url} goes on after its host: make smoke URL={}",
            http.origin().ascii_serialization()
        ));
    }
    let signal = signal_url.map(|given| SIGNAL.read(given)).transpose()?;
    if let Some(signal) = &signal
        && signal.path() == "/"
        && signal.host_str().is_some_and(|host| host.contains(".execute-api."))
    {
        return Err(format!(
            "SIGNAL_URL={signal} has no stage: it ends in /prod, if StageName was not given"
        ));
    }
    Ok((http.origin().ascii_serialization(), signal.map(String::from)))
}

#[derive(Default)]
struct Checks {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Checks {
    fn equal(&mut self, what: &str, got: &Value, wanted: &Value) {
        if got == wanted {
            self.passed += 1;
            println!("  passed   {what}");
        } else {
            self.failed += 1;
            println!("  FAILED   {what}: expected {wanted}, got {got}");
        }
    }

    fn skip(&mut self, checks: &[&str], why: &str) {
        self.skipped += checks.len();
        for what in checks {
            println!("  skipped  {what}: {why}");
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

/// What is asked of the WebSocket API.
const SIGNALING: [&str; 5] = [
    "the WebSocket opens",
    "a ping is answered",
    "an unknown action is named",
    "identify wants a type",
    "a handshake wants an identify first",
];

async fn signaling(checks: &mut Checks, url: &str) {
    let [opens, ping, action, identify, handshake] = SIGNALING;
    let mut socket = match Socket::open(url).await {
        Ok(socket) => socket,
        Err(error) => {
            checks.equal(opens, &json!(error.to_string()), &json!("open"));
            return checks.skip(&[ping, action, identify, handshake], "the WebSocket did not open");
        }
    };
    checks.equal(opens, &json!("open"), &json!("open"));
    let answer = socket.request("ping", json!({})).await;
    checks.equal(ping, &answer["type"], &json!("pong"));
    let unknown = socket.request("no-such-action", json!({})).await;
    checks.equal(action, &unknown["code"], &json!("unknown_action"));
    let nobody = socket.request("identify", json!({})).await;
    checks.equal(identify, &nobody["code"], &json!("missing_type"));
    let candidate = json!({ "type": "producer", "sender": "smoke", "roomId": "smoke", "candidate": {} });
    let refused = socket.request("handshake", candidate).await;
    checks.equal(handshake, &refused["code"], &json!("connection_not_found"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP_URL: &str = "https://a1.execute-api.eu-west-1.amazonaws.com";
    const SIGNAL_URL: &str = "wss://b2.execute-api.eu-west-1.amazonaws.com/prod";

    #[test]
    fn what_the_stack_prints_is_taken_with_slashes_behind_it_too() {
        for slashes in ["", "/", "//"] {
            let given = (format!("{HTTP_URL}{slashes}"), format!("{SIGNAL_URL}{slashes}"));
            let wanted = (HTTP_URL.to_owned(), Some(SIGNAL_URL.to_owned()));
            assert_eq!(addresses(&given.0, Some(&given.1)), Ok(wanted));
        }
        assert_eq!(addresses(HTTP_URL, None), Ok((HTTP_URL.to_owned(), None)));
        // An own name has no stage; a gateway on this machine has no encryption.
        for (url, signal_url) in [
            ("https://rooms.example.com", "wss://signal.example.com/"),
            ("http://127.0.0.1:3000", "ws://127.0.0.1:3001/prod"),
            ("http://localhost:3000", "ws://[::1]:3001/prod"),
        ] {
            assert_eq!(addresses(url, Some(signal_url)), Ok((url.to_owned(), Some(signal_url.to_owned()))));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_with_what_is_right() {
        for (url, signal_url, sentence) in [
            (
                "nonsense",
                None,
                "URL=nonsense is no URL: give the HttpUrl that the stack prints, such as URL=https://",
            ),
            ("", None, "URL= is no URL"),
            ("a1.execute-api.eu-west-1.amazonaws.com", None, "is no URL"),
            ("localhost:3000", None, "does not begin with https://"),
            ("http://a1.execute-api.eu-west-1.amazonaws.com", None, "API Gateway knows https:// alone"),
            (SIGNAL_URL, None, "does not begin with https://"),
            (SIGNAL_URL, Some(HTTP_URL), "the wrong way round: make smoke URL=https://a1."),
            (
                "https://a1.execute-api.eu-west-1.amazonaws.com/prod",
                None,
                "make smoke URL=https://a1.execute-api.eu-west-1.amazonaws.com",
            ),
            (
                HTTP_URL,
                Some("ws://b2.execute-api.eu-west-1.amazonaws.com/prod"),
                "API Gateway knows wss:// alone",
            ),
            (
                HTTP_URL,
                Some("wss://b2.execute-api.eu-west-1.amazonaws.com/"),
                "has no stage: it ends in /prod",
            ),
            (HTTP_URL, Some(HTTP_URL), "give the SignalUrl that the stack prints, such as SIGNAL_URL=wss://"),
            (HTTP_URL, Some("nonsense"), "SIGNAL_URL=nonsense is no URL"),
            (HTTP_URL, Some(""), "SIGNAL_URL= is no URL"),
            (
                HTTP_URL,
                Some("wss://b2.execute-api.eu-west-1.amazonaws.com/prod?token=x"),
                "has more behind it",
            ),
        ] {
            let said = addresses(url, signal_url).expect_err(url);
            assert!(said.contains(sentence), "{said}");
        }
    }
}
