//! What people do with streams, their own and those of others.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::heard::Moment;
use crate::history::Classes;
use crate::mutes::{Sound, Switched};
use crate::plan::Act;
use crate::run::Context;
use crate::view::View;

/// A run has one session.
pub(crate) const SESSION: usize = 0;

impl Context<'_> {
    /// Does an act that is about streams; `there`: the socket on which the client is in the session.
    pub(crate) async fn stream_act(&self, n: usize, client: &mut Client, act: Act, there: Option<usize>) {
        match (act, there) {
            (Act::Publish(times), Some(socket)) => {
                let view = View::of(&client.heard.entries());
                let Some(own) = view.present().map(|presence| presence.own.0.clone()) else { return };
                self.publish(n, client, socket, &own, times).await;
            }
            (Act::JoinAndPublish, None) => {
                let Some((socket, request)) = self.ask(client).await else { return };
                if let Some(own) = client.person.id.clone() {
                    self.publish(n, client, socket, &own, 1).await;
                }
                let answer = client.answer(socket, &request).await;
                self.expect(act, answer.as_ref(), &["identified", "peer_in_use", "connection_not_found"]);
            }
            (Act::Unpublish, Some(socket)) => {
                if let Some(stream) = client.newest_stream() {
                    self.ask_of_stream(client, socket, act, "unpublish", &stream).await;
                }
            }
            (Act::UpdateStream(on), Some(socket)) => self.update_stream(client, socket, on).await,
            (Act::Mute(whom), Some(socket)) => {
                if let Some(stream) = self.mutes.newest_of(whom) {
                    self.ask_of_stream(client, socket, act, "forceMuteStream", &stream).await;
                }
            }
            (Act::ForceUnpublish(whom), Some(socket)) => {
                if let Some(stream) = self.mutes.newest_of(whom) {
                    self.ask_of_stream(client, socket, act, "forceUnpublish", &stream).await;
                }
            }
            (Act::MuteAll(but), Some(socket)) => {
                let excluded: Vec<_> = but.and_then(|whom| self.mutes.newest_of(whom)).into_iter().collect();
                let data = json!({ "excludedStreamIds": excluded });
                let asked = self.moments.now();
                let answer = client.request(socket, "forceMuteAll", &data).await;
                self.switched(act, asked, Some(excluded), answer.as_ref());
            }
            (Act::DisableMute, Some(socket)) => {
                let asked = self.moments.now();
                let answer = client.request(socket, "disableForceMute", &json!({})).await;
                self.switched(act, asked, None, answer.as_ref());
            }
            (Act::RestMute(whom), _) => {
                if let Some(stream) = self.mutes.newest_of(whom) {
                    let path = format!("/stream/{stream}/mute");
                    let answer = self.project.rest(Method::POST, self.session, &path, None).await;
                    self.expect_status(act, &answer, &[200, 404]);
                }
            }
            (Act::RestMuteAll, _) => self.rest_switch_mute(act, Some(vec![])).await,
            (Act::RestDisableMute, _) => self.rest_switch_mute(act, None).await,
            (Act::RestClasses(whom), _) => {
                if let Some(stream) = self.mutes.newest_of(whom) {
                    let classes = vec![format!("class-{}", self.moments.now())];
                    let items = json!({ "items": [{ "id": stream, "layoutClassList": classes }] });
                    self.history.classes(Classes { stream, classes });
                    let answer = self.project.rest(Method::PUT, self.session, "/stream", Some(items)).await;
                    self.expect_status(act, &answer, &[200, 404]);
                }
            }
            _ => {}
        }
    }

    /// Begins a stream under an id of its own making, which an answer that was lost may be asked for again by.
    async fn publish(&self, n: usize, client: &mut Client, socket: usize, own: &str, times: usize) {
        let stream = format!("{n:04}{:04}~{own}", client.streams.len());
        client.streams.push(stream.clone());
        self.mutes.published(n, &stream);
        let mut requests = vec![];
        for _ in 0..times {
            requests.push(client.send(socket, "publish", &json!({ "streamId": stream })).await);
        }
        for request in requests {
            let answer = client.answer(socket, &request).await;
            // It may have been ended before it was asked for again.
            let known = ["published", "stream_not_found", "connection_not_found", "forbidden"];
            self.expect(Act::Publish(times), answer.as_ref(), &known);
            self.sound(&stream, true, answer.is_some_and(|answer| answer["type"] == "published"));
        }
    }

    async fn update_stream(&self, client: &mut Client, socket: usize, on: bool) {
        let Some(stream) = client.newest_stream() else { return };
        let mut requests = vec![];
        for on in [on, !on] {
            let data = json!({ "streamId": stream, "hasAudio": on, "hasVideo": !on });
            requests.push((on, client.send(socket, "updateStream", &data).await));
        }
        for (sound, request) in requests {
            let answer = client.answer(socket, &request).await;
            let known = ["ack", "stream_not_found", "connection_not_found"];
            self.expect(Act::UpdateStream(on), answer.as_ref(), &known);
            if sound {
                self.sound(&stream, false, answer.is_some_and(|answer| answer["type"] == "ack"));
            }
        }
    }

    fn sound(&self, stream: &str, publishes: bool, done: bool) {
        let answered = if done { self.moments.now() } else { Moment::MAX };
        self.mutes.sound(Sound { stream: stream.to_owned(), publishes, answered });
    }

    /// Asks for something about one stream.
    async fn ask_of_stream(&self, client: &mut Client, socket: usize, act: Act, action: &str, stream: &str) {
        let answer = client.request(socket, action, &json!({ "streamId": stream })).await;
        self.expect(act, answer.as_ref(), &["ack", "forbidden", "stream_not_found", "connection_not_found"]);
    }

    async fn rest_switch_mute(&self, act: Act, excluded: Option<Vec<String>>) {
        let asked = self.moments.now();
        let body = json!({ "active": excluded.is_some() });
        let answer = self.project.rest(Method::POST, self.session, "/mute", Some(body)).await;
        self.expect_status(act, &answer, &[200]);
        self.note_switched(asked, excluded, answer.0 == 200);
    }

    fn switched(&self, act: Act, asked: Moment, excluded: Option<Vec<String>>, answer: Option<&Value>) {
        self.expect(act, answer, &["ack", "forbidden", "connection_not_found"]);
        if answer.is_none_or(|answer| answer["code"] != "forbidden") {
            self.note_switched(asked, excluded, answer.is_some_and(|answer| answer["type"] == "ack"));
        }
    }

    fn note_switched(&self, asked: Moment, excluded: Option<Vec<String>>, done: bool) {
        let answered = if done { self.moments.now() } else { Moment::MAX };
        self.mutes.switched(Switched { session: SESSION, excluded, asked, answered });
    }
}
