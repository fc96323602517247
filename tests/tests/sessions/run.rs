//! One run: a session of its own, and people who do what was drawn for them.

use std::time::Duration;

use arbiter_tests::Project;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::heard::Moments;
use crate::history::{Away, Forced, History, Sender, Signal, Taken};
use crate::mutes::Mutes;
use crate::plan::{Act, Person, Plan, Said};
use crate::settling::Table;
use crate::view::View;

/// How long an answer is waited for that may have been lost: by a function that waits for an identify, and some more.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often somebody tries to be who was lost: longer than it takes to notice the loss.
const ATTEMPTS: usize = 4;

/// How long somebody who is away waits for that to be noticed: without a `$disconnect` it may not be.
const NOTICED: Duration = Duration::from_millis(700);
/// What is larger than an eighth of a mailbox, so that eight of it do not fit.
const LARGE: usize = 8_100;

/// A run under way, or done.
pub(crate) struct Run<'a> {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) session: String,
    pub(crate) project: &'a Project<'a>,
    pub(crate) clients: Vec<Client>,
    pub(crate) history: History,
    pub(crate) mutes: Mutes,
    table: &'a Table<'a>,
    moments: Moments,
}

impl<'a> Run<'a> {
    pub(crate) async fn new(table: &'a Table<'a>, project: &'a Project<'a>, seed: u64, lossy: bool) -> Self {
        let plan = Plan::of(seed);
        let moments = Moments::default();
        let patience = lossy.then_some(PATIENCE);
        let client = |person: &Person| Client::new(person.clone(), moments.clone(), patience);
        let clients = plan.people.iter().map(client).collect();
        let session = project.routed().await;
        let (history, mutes) = (History::default(), Mutes::default());
        Self { seed, plan, session, project, clients, history, mutes, table, moments }
    }

    pub(crate) async fn play(&mut self) {
        for round in self.plan.rounds.clone() {
            let peers: Vec<_> = self.clients.iter().map(peer).collect();
            let context = Context {
                table: self.table,
                project: self.project,
                session: &self.session,
                history: &self.history,
                mutes: &self.mutes,
                moments: &self.moments,
                peers: &peers,
                people: &self.plan.people,
            };
            let acts = self.clients.iter_mut().enumerate().filter_map(|(n, client)| {
                let (_, act) = round.iter().find(|(who, _)| *who == n)?;
                Some(context.act(n, client, *act))
            });
            join_all(acts).await;
        }
    }

    /// Everybody with an open socket identifies again. PROTOCOL: "A client that may have missed something (a
    /// function that dies announces nothing) SHOULD send its identify again on its socket: the answer has the
    /// current list." If that is refused, because a post was answered 410 and the socket counts as gone, it comes
    /// back on a new one, as after any break.
    pub(crate) async fn identify_again(&mut self) {
        let (stack, project, session) = (self.table.stack, self.project, &self.session);
        join_all(self.clients.iter_mut().map(async |client| {
            let Some(mut socket) = client.socket() else { return };
            for _ in 0..2 {
                let identity = client.identity(project, session);
                let answer = client.request(socket, "identify", &identity).await;
                if answer.is_some_and(|answer| answer["type"] == "identified") {
                    return;
                }
                client.cut();
                socket = client.open(stack).await.unwrap();
            }
            self.history.surprise("not let in again".into());
        }))
        .await;
    }

    /// A post to everybody: whose socket is gone is found by it.
    pub(crate) async fn post_to_all(&self) {
        let body = json!({ "data": "is anybody gone?" });
        let answer = self.project.rest(Method::POST, &self.session, "/signal", Some(body)).await;
        assert_eq!(answer.0, 204, "{answer:?}");
    }
}

/// Who a client is, or was at last.
fn peer(client: &Client) -> Option<String> {
    View::of(&client.heard.entries()).presences.last().map(|presence| presence.own.0.clone())
}

/// What an act needs besides its client.
pub(crate) struct Context<'a> {
    table: &'a Table<'a>,
    pub(crate) project: &'a Project<'a>,
    pub(crate) session: &'a str,
    pub(crate) history: &'a History,
    pub(crate) mutes: &'a Mutes,
    pub(crate) moments: &'a Moments,
    peers: &'a [Option<String>],
    people: &'a [Person],
}

impl Context<'_> {
    async fn act(&self, n: usize, client: &mut Client, act: Act) {
        let there = client.socket().filter(|_| View::of(&client.heard.entries()).present().is_some());
        match (act, there) {
            (Act::Join, None) => {
                if let Some((socket, request)) = self.ask(client).await {
                    let answer = client.answer(socket, &request).await;
                    self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
                }
            }
            (Act::JoinAndSignal, None) => {
                if let Some((socket, request)) = self.ask(client).await {
                    self.signals(n, client, socket, 1, None).await;
                    let answer = client.answer(socket, &request).await;
                    self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
                }
            }
            (Act::JoinAndCut, None) => {
                self.ask(client).await;
                client.cut();
            }
            (Act::Repeat, Some(socket)) => {
                let identity = client.identity(self.project, self.session);
                let answer = client.request(socket, "identify", &identity).await;
                self.expect(act, answer.as_ref(), &["identified", "connection_not_found"]);
            }
            (Act::Reconnect, Some(_)) if client.person.resume_token.is_some() => {
                let Some(socket) = client.open(self.table.stack).await else { return };
                let identity = client.identity(self.project, self.session);
                let answer = client.request(socket, "identify", &identity).await;
                self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
            }
            (Act::Cut, _) => client.cut(),
            (Act::Away(said), Some(_)) => self.away(n, client, said).await,
            (Act::CutAndImpersonated, _) => {
                client.cut();
                for _ in 0..ATTEMPTS {
                    self.impersonate(n).await;
                }
            }
            (Act::Close, Some(socket)) => client.close(socket).await,
            (Act::Leave, Some(socket)) => {
                let answer = client.leave(socket).await;
                self.expect(act, answer.as_ref(), &["ack", "connection_not_found"]);
            }
            (Act::LeaveAndJoin, Some(socket)) => {
                let answer = client.leave(socket).await;
                self.expect(act, answer.as_ref(), &["ack", "connection_not_found"]);
                let identity = client.identity(self.project, self.session);
                let answer = client.request(socket, "identify", &identity).await;
                self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
            }
            (Act::Signal(count), Some(socket)) => self.signals(n, client, socket, count, None).await,
            (Act::SignalTo(whom), Some(socket)) => {
                if let Some(to) = &self.peers[whom] {
                    self.signals(n, client, socket, 1, Some(to)).await;
                }
            }
            (Act::RestSignal, _) => self.rest_signal(n, None, 0).await,
            (Act::RestSignalTo(whom), _) => {
                if let Some(to) = &self.peers[whom] {
                    self.rest_signal(n, Some(to), 0).await;
                }
            }
            (Act::Force(whom), Some(socket)) => {
                if let Some(peer) = &self.peers[whom] {
                    let asked = self.moments.now();
                    let data = json!({ "connectionId": peer });
                    let answer = client.request(socket, "forceDisconnect", &data).await;
                    let known = ["ack", "forbidden", "peer_not_found", "connection_not_found"];
                    self.expect(act, answer.as_ref(), &known);
                    self.forced(peer, asked);
                }
            }
            (Act::RestForce(whom), _) => {
                if let Some(peer) = &self.peers[whom] {
                    let asked = self.moments.now();
                    let path = format!("/connection/{peer}");
                    let answer = self.project.rest(Method::DELETE, self.session, &path, None).await;
                    self.expect_status(act, &answer, &[204, 404]);
                    self.forced(peer, asked);
                }
            }
            (Act::Impersonate(whom), _) => self.impersonate(whom).await,
            (act, there) => self.stream_act(n, client, act, there).await,
        }
    }

    /// Somebody's socket breaks; when that has been noticed, it is told something, and comes back.
    async fn away(&self, n: usize, client: &mut Client, said: Said) {
        let Some(own) = View::of(&client.heard.entries()).present().map(|presence| presence.own.0.clone())
        else {
            return;
        };
        client.cut();
        let key = format!("PEER#{own}");
        let kept = async {
            loop {
                let items = self.table.session(self.session).await;
                let Some(item) = items.iter().find(|item| item["sk"]["S"] == key.as_str()) else {
                    break false;
                };
                if !item["awayUntil"].is_null() {
                    break true;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(NOTICED, kept).await == Ok(true) {
            self.history.away(Away { client: n, from: self.moments.now() });
        }
        let (count, length) = match said {
            Said::Short(count) => (count, 0),
            Said::TooMuch => (9, LARGE),
        };
        for _ in 0..count {
            self.rest_signal(n, None, length).await;
        }
        if let Some((socket, request)) = self.ask(client).await {
            let answer = client.answer(socket, &request).await;
            let known = ["identified", "peer_in_use", "connection_not_found"];
            self.expect(Act::Away(said), answer.as_ref(), &known);
        }
    }

    /// Identifies as somebody else; notes whether that went well, and goes.
    async fn impersonate(&self, whom: usize) {
        let Some(id) = &self.people[whom].id else { return };
        let id = Some(id.clone());
        let person = Person { id, resume_token: None, suppressed: true, role: "publisher", classes: "" };
        let mut thief = Client::new(person, self.moments.clone(), Some(PATIENCE));
        let Some(socket) = thief.open(self.table.stack).await else { return };
        let identity = thief.identity(self.project, self.session);
        let asked = self.moments.now();
        let answer = thief.request(socket, "identify", &identity).await;
        let known = ["identified", "peer_in_use", "connection_not_found"];
        self.expect(Act::Impersonate(whom), answer.as_ref(), &known);
        if let (Some(peer), true) =
            (thief.person.id.clone(), answer.is_some_and(|one| one["type"] == "identified"))
        {
            self.history.taken(Taken { peer, asked, answered: self.moments.now() });
        }
        thief.close(socket).await;
    }

    /// Identifies, on the open socket or on a new one; answers with that and the request's name.
    pub(crate) async fn ask(&self, client: &mut Client) -> Option<(usize, String)> {
        let socket = match client.socket() {
            Some(socket) => socket,
            None => client.open(self.table.stack).await?,
        };
        let identity = client.identity(self.project, self.session);
        let request = client.send(socket, "identify", &identity).await;
        Some((socket, request))
    }

    /// Sends signals concurrently and waits for the answers.
    async fn signals(&self, n: usize, client: &mut Client, socket: usize, count: usize, to: Option<&String>) {
        let mut sent = vec![];
        for _ in 0..count {
            let asked = self.moments.now();
            let text = format!("{n}/{socket}/{asked}");
            let mut data = json!({ "type": "chat", "data": text });
            if let Some(to) = to {
                data["to"] = json!(to);
            }
            sent.push((asked, text, client.send(socket, "signal", &data).await));
        }
        for (asked, text, request) in sent {
            let answer = client.answer(socket, &request).await;
            self.expect(
                Act::Signal(count),
                answer.as_ref(),
                &["ack", "peer_not_found", "connection_not_found", "too_many_requests"],
            );
            self.history.signal(Signal {
                text,
                from: Some(Sender { client: n, socket, left: client.left }),
                to: to.cloned(),
                asked,
                answered: self.moments.now(),
                acknowledged: answer.is_some_and(|answer| answer["type"] == "ack"),
            });
        }
    }

    /// The project's server says something of at least this length.
    async fn rest_signal(&self, n: usize, to: Option<&String>, length: usize) {
        let asked = self.moments.now();
        let text = format!("{:.<length$}", format!("{n}/rest/{asked}/"));
        let path = to.map_or_else(|| "/signal".into(), |to| format!("/connection/{to}/signal"));
        let body = json!({ "type": "chat", "data": text });
        let answer = self.project.rest(Method::POST, self.session, &path, Some(body)).await;
        self.expect_status(Act::RestSignal, &answer, &[204, 404, 429]);
        self.history.signal(Signal {
            text,
            from: None,
            to: to.cloned(),
            asked,
            answered: self.moments.now(),
            acknowledged: answer.0 == 204,
        });
    }

    fn forced(&self, peer: &str, asked: u64) {
        self.history.forced(Forced { peer: peer.to_owned(), asked, answered: self.moments.now() });
    }

    /// Notes an answer that is none of those which the run can explain.
    pub(crate) fn expect(&self, act: Act, answer: Option<&Value>, known: &[&str]) {
        if let Some(answer) = answer {
            let word = if answer["type"] == "error" { &answer["code"] } else { &answer["type"] };
            if !word.as_str().is_some_and(|word| known.contains(&word)) {
                self.history.surprise(format!("{act:?} was answered {answer}"));
            }
        }
    }

    pub(crate) fn expect_status(&self, act: Act, answer: &(u16, Value), known: &[u16]) {
        if !known.contains(&answer.0) {
            self.history.surprise(format!("{act:?} was answered {answer:?}"));
        }
    }
}
