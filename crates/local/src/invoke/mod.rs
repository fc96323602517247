//! `invoke`: one function, once, on rows from a file, in memory.

mod tokens;

use std::path::Path;

use dynoxide::Database;
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;

use crate::aws::dynamodb;
use crate::clock::now_ms;
use crate::connections::{Connection, Outgoing};
use crate::ids;
use crate::lambda::Invocation;
use crate::options::{AnyError, Options};
use crate::secrets::Secrets;
use crate::secrets::file::Version;
use crate::start::{self, Services};
use crate::state::State;
use crate::template::stack;

/// The key of the fixtures under which there are no rows of a table, but secrets by their names.
const SECRETS: &str = "Secrets";

/// A connection without a client: it keeps what is sent to it.
struct Recorder {
    id: String,
    outbox: mpsc::Receiver<Outgoing>,
}

/// Starts the template, loads `fixtures`, invokes `function` with the event in `event` and prints its
/// response and every post; answers whether the function did not fail.
///
/// # Errors
///
/// A sentence: a file that cannot be read, a function or table that is not in the template.
pub(crate) async fn run(
    options: &Options,
    function: &str,
    event: &Path,
    fixtures: &Path,
) -> Result<bool, AnyError> {
    let rows = if fixtures.exists() { read(fixtures)? } else { json!({}) };
    let running = start::start(options).await?;
    let result = invoke(&running.services, function, event, &rows).await;
    running.stop().await;
    result
}

fn read(path: &Path) -> Result<Json, AnyError> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Reads the event; where there is none, names those that lie beside it for this function.
fn read_event(path: &Path, function: &str) -> Result<Json, AnyError> {
    if path.exists() {
        return read(path);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_its = |name: &String| {
        let rest = name.strip_prefix(function).and_then(|rest| rest.strip_suffix(".json"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut events: Vec<_> =
        files.filter_map(|file| file.file_name().into_string().ok()).filter(is_its).collect();
    events.sort();
    let there = if events.is_empty() { "none".to_owned() } else { events.join(", ") };
    Err(format!("there is no {}; for {function} there are in {}: {there}", path.display(), folder.display())
        .into())
}

async fn invoke(services: &Services, name: &str, event: &Path, rows: &Json) -> Result<bool, AnyError> {
    let function = stack::named(&services.functions, name)?;
    let event = read_event(event, &function.binary)?;
    let mut recorders = load(services, rows)?;
    let context = event.get("requestContext").unwrap_or(&Json::Null);
    let own = context["connectionId"].as_str().unwrap_or_default();
    // The socket that a message came from is open, one that connects or has gone is not.
    if context["eventType"] == "MESSAGE" && recorders.iter().all(|recorder| recorder.id != own) {
        recorders.push(record(&services.state, own));
    }
    let invocation = Invocation {
        event: tokens::renew(&event.to_string(), &signers(rows), now_ms() / 1_000)?.into(),
        route: context["routeKey"].as_str().unwrap_or(name).to_owned(),
        connection: context["connectionId"].as_str().map(str::to_owned),
        size: 0,
    };
    let result = services.lambda.invoke(&function.logical, invocation).await;
    match &result {
        Ok(payload) => println!("response {}", String::from_utf8_lossy(payload)),
        Err(failure) => println!("failed {failure}"),
    }
    for recorder in &mut recorders {
        while let Ok(sent) = recorder.outbox.try_recv() {
            match sent {
                Outgoing::Message(payload) => {
                    println!("post {} {}", recorder.id, String::from_utf8_lossy(&payload));
                }
                Outgoing::Close(..) => println!("close {}", recorder.id),
            }
        }
    }
    Ok(result.is_ok())
}

/// Puts the rows into their tables; every connection that they name is open.
fn load(services: &Services, rows: &Json) -> Result<Vec<Recorder>, AnyError> {
    let mut recorders: Vec<Recorder> = Vec::new();
    let tables =
        rows.as_object().ok_or("fixtures: an object of tables is needed, {\"<table>\": [item, …]}")?;
    for (name, items) in tables {
        if name == SECRETS {
            make_secrets(&services.secrets, items)?;
            continue;
        }
        let table = services.tables.iter().find(|table| table.logical == *name || table.name == *name);
        let table = table.ok_or_else(|| format!("fixtures: the template has no table {name}"))?;
        for item in items.as_array().into_iter().flatten() {
            let item = item.as_object().ok_or_else(|| format!("fixtures: an item of {name} is no object"))?;
            put(&services.database, &table.name, item).map_err(|why| format!("fixtures: {name}: {why}"))?;
            if let Some(id) = item.get("connectionId").and_then(Json::as_str)
                && recorders.iter().all(|recorder| recorder.id != id)
            {
                recorders.push(record(&services.state, id));
            }
        }
    }
    Ok(recorders)
}

/// Makes the secrets of the fixtures, as `make project` would.
fn make_secrets(store: &Secrets, secrets: &Json) -> Result<(), AnyError> {
    let secrets = secrets.as_object().ok_or("fixtures: Secrets is an object of names and values")?;
    for (name, value) in secrets {
        let version = Version { id: ids::request(), text: value.to_string() };
        let made = store.create(name, version);
        made.map_err(|_| format!("fixtures: the secret {name} cannot be made"))?;
    }
    Ok(())
}

/// What the projects among the fixtures' secrets sign with.
fn signers(rows: &Json) -> Vec<String> {
    let secrets = rows[SECRETS].as_object().into_iter().flatten();
    secrets.filter_map(|(_, value)| value["secret"].as_str().map(str::to_owned)).collect()
}

fn put(database: &Database, table: &str, item: &Map<String, Json>) -> Result<(), String> {
    let request = json!({ "TableName": table, "Item": dynamodb::typed_item(item) }).to_string();
    let reply = dynamodb::execute(database, "PutItem", request.as_bytes());
    if reply.status.is_success() { Ok(()) } else { Err(String::from_utf8_lossy(&reply.body).into_owned()) }
}

fn record(state: &State, id: &str) -> Recorder {
    let (connection, outbox) =
        Connection::restored(id.to_owned(), state.started_at, "127.0.0.1".to_owned(), String::new());
    connection.open();
    state.connections.add(&connection);
    Recorder { id: id.to_owned(), outbox }
}
