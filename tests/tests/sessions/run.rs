//! One run: a session of its own, and people who do what was drawn for them.

use std::time::Duration;

use arbiter_tests::{Project, Stack};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::heard::Moments;
use crate::history::{Forced, History, Sender, Signal, Taken};
use crate::plan::{Act, Person, Plan};
use crate::view::View;

/// How long an answer is waited for that may have been lost: by a function that waits for an identify, and some more.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often somebody tries to be who was lost: longer than it takes to notice the loss.
const ATTEMPTS: usize = 4;

/// A run under way, or done.
pub(crate) struct Run<'a> {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) session: String,
    pub(crate) project: &'a Project<'a>,
    pub(crate) clients: Vec<Client>,
    pub(crate) history: History,
    stack: &'a Stack,
    moments: Moments,
}

impl<'a> Run<'a> {
    pub(crate) async fn new(stack: &'a Stack, project: &'a Project<'a>, seed: u64, lossy: bool) -> Self {
        let plan = Plan::of(seed);
        let moments = Moments::default();
        let patience = lossy.then_some(PATIENCE);
        let client = |person: &Person| Client::new(person.clone(), moments.clone(), patience);
        let clients = plan.people.iter().map(client).collect();
        let session = project.routed().await;
        Self { seed, plan, session, project, clients, history: History::default(), stack, moments }
    }

    pub(crate) async fn play(&mut self) {
        for round in self.plan.rounds.clone() {
            let peers: Vec<_> = self.clients.iter().map(peer).collect();
            let context = Context {
                stack: self.stack,
                project: self.project,
                session: &self.session,
                history: &self.history,
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
        let (stack, project, session) = (self.stack, self.project, &self.session);
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
struct Context<'a> {
    stack: &'a Stack,
    project: &'a Project<'a>,
    session: &'a str,
    history: &'a History,
    moments: &'a Moments,
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
                let Some(socket) = client.open(self.stack).await else { return };
                let identity = client.identity(self.project, self.session);
                let answer = client.request(socket, "identify", &identity).await;
                self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
            }
            (Act::Cut, _) => client.cut(),
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
            (Act::RestSignal, _) => self.rest_signal(n, None).await,
            (Act::RestSignalTo(whom), _) => {
                if let Some(to) = &self.peers[whom] {
                    self.rest_signal(n, Some(to)).await;
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
                    self.expect_status(act, &answer);
                    self.forced(peer, asked);
                }
            }
            (Act::Impersonate(whom), _) => self.impersonate(whom).await,
            _ => {}
        }
    }

    /// Identifies as somebody else; notes whether that went well, and goes.
    async fn impersonate(&self, whom: usize) {
        let Some(id) = &self.people[whom].id else { return };
        let (id, role) = (Some(id.clone()), "publisher");
        let person = Person { id, resume_token: None, suppressed: true, role };
        let mut thief = Client::new(person, self.moments.clone(), Some(PATIENCE));
        let Some(socket) = thief.open(self.stack).await else { return };
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
    async fn ask(&self, client: &mut Client) -> Option<(usize, String)> {
        let socket = match client.socket() {
            Some(socket) => socket,
            None => client.open(self.stack).await?,
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
                &["ack", "peer_not_found", "connection_not_found"],
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

    async fn rest_signal(&self, n: usize, to: Option<&String>) {
        let asked = self.moments.now();
        let text = format!("{n}/rest/{asked}");
        let path = to.map_or_else(|| "/signal".into(), |to| format!("/connection/{to}/signal"));
        let body = json!({ "type": "chat", "data": text });
        let answer = self.project.rest(Method::POST, self.session, &path, Some(body)).await;
        self.expect_status(Act::RestSignal, &answer);
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
    fn expect(&self, act: Act, answer: Option<&Value>, known: &[&str]) {
        if let Some(answer) = answer {
            let word = if answer["type"] == "error" { &answer["code"] } else { &answer["type"] };
            if !word.as_str().is_some_and(|word| known.contains(&word)) {
                self.history.surprise(format!("{act:?} was answered {answer}"));
            }
        }
    }

    fn expect_status(&self, act: Act, answer: &(u16, Value)) {
        if ![204, 404].contains(&answer.0) {
            self.history.surprise(format!("{act:?} was answered {answer:?}"));
        }
    }
}
