//! Every sample event, through the real executables, comes out as the tables of `events/README.md` say.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends as soon as something is not as it should be"
)]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use arbiter_tests::stack::{binaries, binary, repository};
use arbiter_tests::template;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::process::Command;

/// The functions, the longest name first: `default` is no prefix of another, but that may change.
fn functions() -> Vec<String> {
    let mut names = template::functions();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names
}

/// How many are run at once: each is a gateway with a database, and a function.
const AT_ONCE: usize = 4;

/// A row of a table: an event, what it needs, what comes out.
#[derive(Debug)]
struct Sample {
    event: String,
    needs: Vec<(String, String)>,
    expected: Vec<String>,
}

/// The README, as far as the test reads it.
struct Readme {
    connections: HashMap<String, String>,
    samples: Vec<Sample>,
}

/// The code spans of a table's cell.
fn spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn readme() -> Readme {
    let text = fs::read_to_string(repository().join("events/README.md")).unwrap();
    let mut readme = Readme { connections: HashMap::new(), samples: vec![] };
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells.as_slice() {
            [name, connection, _] if connection.ends_with("=`") => {
                readme.connections.insert((*name).to_owned(), connection.trim_matches('`').to_owned());
            }
            [event, _, needs, expected] if event.ends_with(".json`") => readme.samples.push(Sample {
                event: event.trim_matches('`').to_owned(),
                needs: spans(needs)
                    .iter()
                    .map(|need| need.split_once('=').unwrap())
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                expected: spans(expected),
            }),
            _ => {}
        }
    }
    readme
}

/// `arbiter-local invoke`, with a folder of its own.
fn command(function: &str, event: &str, folder: &Path) -> Command {
    let mut command = Command::new(binary("arbiter-local"));
    command
        .args(["invoke", "--function", function, "--event"])
        .arg(Path::new("events").join(event))
        .arg("--bin-dir")
        .arg(binaries())
        .arg("--local-dir")
        .arg(folder)
        .current_dir(repository())
        .env_remove("PARAMETERS")
        .env_remove("SFU_COMMAND")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Invokes the function of a sample; answers with the lines.
async fn invoke(sample: &Sample) -> Vec<String> {
    let functions = functions();
    let function = functions.iter().find(|name| sample.event.starts_with(name.as_str())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(function, &sample.event, folder.path());
    for (name, value) in &sample.needs {
        match name.as_str() {
            "FIXTURES" => command.args(["--fixtures", value]),
            _ => command.env(name, value),
        };
    }
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(str::to_owned).collect()
}

/// The `data` of the request in an event, byte for byte.
fn data(event: &str) -> String {
    #[derive(Deserialize)]
    struct Request {
        data: Box<RawValue>,
    }
    let event: Value =
        serde_json::from_slice(&fs::read(repository().join("events").join(event)).unwrap()).unwrap();
    let request: Request = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    request.data.get().to_owned()
}

/// The same as an SFU gets it: with the sender's socket before all else.
fn stamped(event: &str) -> String {
    let text = fs::read_to_string(repository().join("events").join(event)).unwrap();
    let context = serde_json::from_str::<Value>(&text).unwrap()["requestContext"].clone();
    let stamp = json!({ "connectedAt": context["connectedAt"], "connectionId": context["connectionId"] });
    format!(r#"{{"stamp":{stamp},{}"#, data(event).strip_prefix('{').unwrap())
}

/// Whether `actual` has everything that `expected` has.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|actual| contains(actual, value)))
        }
        _ => actual == expected,
    }
}

/// Whether a line of the output is what a code span of the README says.
fn fits(line: &str, span: &str, sample: &Sample, readme: &Readme) -> bool {
    let is_answer = span.starts_with(|first: char| first.is_ascii_digit() || first == '{');
    let named = span.split_once(": ").filter(|_| !is_answer);
    let Some((who, what)) = named else { return answers(line, span) };
    let connection = &readme.connections[who];
    if what == "closed" {
        return line == format!("close {connection}");
    }
    let Some(posted) = line.strip_prefix(&format!("post {connection} ")) else { return false };
    if what == "data" {
        return posted == data(&sample.event);
    }
    if what == "stamped data" {
        return posted == stamped(&sample.event);
    }
    let posted: Value = serde_json::from_str(posted).unwrap();
    match what.split_once(' ').map(|(status, code)| (status.parse::<u16>(), code)) {
        Some((Ok(status), code)) => is_error(&posted, status, code),
        _ => contains(&posted, &serde_json::from_str(what).unwrap()),
    }
}

/// Whether a message is an error of this status and code. The code may be followed by the number that a session's
/// clients are told; else they are told none.
fn is_error(posted: &Value, status: u16, code: &str) -> bool {
    let (code, number) = match code.split_once(' ') {
        Some((code, number)) => (code, Some(number.parse::<u16>().unwrap())),
        None => (code, None),
    };
    contains(posted, &json!({ "type": "error", "status": status, "code": code }))
        && posted.get("otc").map(|otc| &otc["number"]) == number.map(Value::from).as_ref()
}

/// Whether a line is the answer that a code span says: to API Gateway a status, and a body for the HTTP API; to a
/// queue an object.
fn answers(line: &str, span: &str) -> bool {
    let Some(answer) = line.strip_prefix("response ") else { return false };
    let answer: Value = serde_json::from_str(answer).unwrap();
    if span.starts_with('{') {
        return answer == serde_json::from_str::<Value>(span).unwrap();
    }
    let (status, body) = span.split_once(' ').unwrap_or((span, ""));
    answer["statusCode"] == status.parse::<u16>().unwrap()
        && reads(answer["body"].as_str().unwrap_or_default(), body)
}

/// Whether a text is as expected, where `…` stands for anything.
fn reads(text: &str, expected: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else { return text == expected };
    let Some(text) = text.strip_prefix(start) else { return false };
    text.char_indices().any(|(at, _)| reads(&text[at..], rest)) || rest.is_empty()
}

async fn check(sample: &Sample, readme: &Readme) -> Result<(), String> {
    let mut expected = sample.expected.clone();
    if !expected.iter().any(|span| span.starts_with(|first: char| first.is_ascii_digit() || first == '{')) {
        expected.push("200".into());
    }
    let mut lines = invoke(sample).await;
    for span in expected {
        let Some(at) = lines.iter().position(|line| fits(line, &span, sample, readme)) else {
            return Err(format!("{}: expected {span}; what came is {lines:#?}", sample.event));
        };
        lines.remove(at);
    }
    if lines.is_empty() { Ok(()) } else { Err(format!("{}: nobody expected {lines:#?}", sample.event)) }
}

#[tokio::test]
async fn every_sample_event_comes_out_as_the_readme_says() {
    let readme = readme();
    let checks = readme.samples.iter().map(|sample| check(sample, &readme));
    let results: Vec<_> = futures::stream::iter(checks).buffer_unordered(AT_ONCE).collect().await;
    let wrong: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_has_a_row_for_every_event_and_no_other() {
    let folder = fs::read_dir(repository().join("events")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let events: BTreeSet<_> = names
        .filter(|name| !["README.md", "fixtures.json", "no-rows.json"].contains(&name.as_str()))
        .collect();
    let rows: Vec<_> = readme().samples.into_iter().map(|sample| sample.event).collect();
    assert_eq!(rows.len(), rows.iter().collect::<BTreeSet<_>>().len(), "a row is there twice");
    assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), events);
    for function in functions() {
        assert!(events.contains(&format!("{function}.json")), "{function}.json is what make invoke takes");
    }
}

#[tokio::test]
async fn who_names_what_is_not_there_is_told_what_is() {
    for (function, event, sentence) in [
        ("nosuch", "nosuch.json", "there is no function nosuch; there are claim-room, connect, "),
        (
            "connect",
            "connect-nosuch.json",
            "there is no events/connect-nosuch.json; for connect there are in events: \
             connect-forbidden-origin.json, connect-no-ticket.json, connect-sfu.json, connect.json\n",
        ),
        (
            "ConnectFunction",
            "ConnectFunction.json",
            "for connect there are in events: connect-forbidden-origin.json, connect-no-ticket.json, ",
        ),
        ("connect", "nosuch/connect.json", "for connect there are in events/nosuch: none"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = command(function, event, folder.path()).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(sentence), "{said}");
    }
}
