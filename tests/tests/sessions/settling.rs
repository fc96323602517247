//! Waiting until nothing is under way any more, and asking the server who is there.

use std::collections::{BTreeMap, BTreeSet};

use arbiter_tests::{Stack, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::mutes;
use crate::run::Run;
use crate::streams::{self, Streams};
use crate::view::Stay;

/// Waits until the gateway has noticed every end of a socket, every function has ended, and everything that was posted
/// has been heard.
pub(crate) async fn settled(stack: &Stack, runs: &[Run<'_>]) {
    until("nothing is under way", async || {
        let state = stack.admin("/state").await;
        let connections = state["connections"].as_array()?;
        let posted: u64 = connections.iter().filter_map(|one| one["messagesOut"].as_u64()).sum();
        let clients = || runs.iter().flat_map(|run| &run.clients);
        let open: usize = clients().map(|client| client.open_sockets().len()).sum();
        let heard: usize = clients()
            .map(|client| client.open_sockets().iter().map(|s| client.heard.count(*s)).sum::<usize>())
            .sum();
        let done = state["underWay"] == 0 && connections.len() == open && posted == heard as u64;
        done.then_some(())
    })
    .await;
}

/// Waits until nobody is away any more, and no session is owed anything.
pub(crate) async fn nothing_left(stack: &Stack) {
    until("all graces are over, and everybody has been told", async || {
        let items = stack.items("RoomsTable").await;
        let left = |item: &Value| {
            item["sk"].as_str().is_some_and(|sk| sk.starts_with("OWED#")) || item.get("awayUntil").is_some()
        };
        (!items.iter().any(left)).then_some(())
    })
    .await;
}

/// The rooms table, at the wire.
pub(crate) struct Table<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) http: reqwest::Client,
    pub(crate) name: String,
}

impl<'a> Table<'a> {
    pub(crate) async fn of(stack: &'a Stack) -> Self {
        let table = stack.admin("/tables/RoomsTable?limit=0").await;
        let name = table["name"].as_str().unwrap().to_owned();
        Self { stack, http: reqwest::Client::new(), name }
    }

    /// The items of a session.
    pub(crate) async fn session(&self, session: &str) -> Vec<Value> {
        let query = json!({
            "TableName": self.name, "ConsistentRead": true, "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": format!("ROOM#{session}") } },
        });
        let request = self
            .http
            .post(&self.stack.urls.dynamodb_url)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.Query")
            .body(query.to_string());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["Items"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }
}

/// A session as the server has it.
#[derive(Debug)]
pub(crate) struct Server {
    /// By REST.
    pub(crate) listed: BTreeSet<Stay>,
    /// In the table.
    pub(crate) members: BTreeSet<Stay>,
    /// The session's own count.
    pub(crate) count: u64,
    /// The layout classes of the streams, by REST.
    pub(crate) classes: BTreeMap<String, Vec<String>>,
    /// In the table.
    pub(crate) streams: Streams,
    /// The version of the session's mute, and whether it is on.
    pub(crate) mute: (u64, bool),
}

impl Server {
    pub(crate) async fn of(table: &Table<'_>, run: &Run<'_>) -> Self {
        let (project, session) = (run.project, run.session.as_str());
        let (status, listed) = project.rest(Method::GET, session, "/connection", None).await;
        assert_eq!(status, 200, "{listed}");
        let listed = listed["items"].as_array().unwrap().iter().map(|one| {
            (one["connectionId"].as_str().unwrap().to_owned(), one["createdAt"].as_u64().unwrap())
        });
        let (status, streams) = project.rest(Method::GET, session, "/stream", None).await;
        assert_eq!(status, 200, "{streams}");
        let classes = streams["items"].as_array().unwrap().iter().map(|one| {
            let classes = one["layoutClassList"].as_array().unwrap().iter();
            let classes = classes.map(|class| class.as_str().unwrap().to_owned());
            (one["id"].as_str().unwrap().to_owned(), classes.collect())
        });
        let items = table.session(session).await;
        let own = items.iter().find(|item| item["sk"]["S"] == "SESSION").unwrap();
        let members = items.iter().filter_map(|item| {
            let peer = item["sk"]["S"].as_str()?.strip_prefix("PEER#")?;
            Some((peer.to_owned(), item["joinedAt"]["N"].as_str()?.parse().ok()?))
        });
        Self {
            listed: listed.collect(),
            members: members.collect(),
            count: own["connections"]["N"].as_str().unwrap().parse().unwrap(),
            classes: classes.collect(),
            streams: streams::stored(&items),
            mute: mutes::stored(&items),
        }
    }
}
