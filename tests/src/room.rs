//! A room with an SFU that the test speaks for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Socket, Stack, until};

/// A room, made by createRoom, whose task's part is played by the test.
#[derive(Clone, Debug)]
pub struct Room {
    /// Its id, which is its SFU's.
    pub id: String,
    /// The URL with the token that its SFU was started with.
    pub signal_server_url: String,
}

impl Room {
    /// Calls createRoom and reads what the task was told. Its SFU has not connected yet.
    pub async fn pending(stack: &Stack) -> Self {
        Self::pending_with(stack, None).await
    }

    async fn pending_with(stack: &Stack, token: Option<&str>) -> Self {
        let known: Vec<Value> = stack.tasks().await;
        let (status, answer) = stack.http_with(Method::PUT, "/createRoom", None, token).await;
        let created = (status.as_u16(), answer);
        assert_eq!(created, (200, json!({ "message": "Task started successfully!" })));
        let environment = until("the new task", async || {
            let tasks = stack.tasks().await;
            let new = tasks.into_iter().find(|task| known.iter().all(|old| old["taskId"] != task["taskId"]));
            new.map(|task| task["environment"].clone())
        })
        .await;
        Self {
            id: environment["SFU_ID"].as_str().expect("SFU_ID").into(),
            signal_server_url: environment["SIGNAL_SERVER_URL"].as_str().expect("SIGNAL_SERVER_URL").into(),
        }
    }

    /// A room in the pool, and its SFU's socket.
    pub async fn unclaimed(stack: &Stack) -> (Self, Socket) {
        let room = Self::pending(stack).await;
        let sfu = room.sfu(&["candidates"]).await;
        (room, sfu)
    }

    /// The room of a path, and its SFU's socket.
    pub async fn claimed(stack: &Stack, path: &str) -> (Self, Socket) {
        let (room, sfu) = Self::unclaimed(stack).await;
        assert_eq!(stack.claim(path).await, (200, json!({ "roomId": room.id })));
        (room, sfu)
    }

    /// As [`Room::claimed`], by the bearer of a token.
    pub async fn claimed_with(stack: &Stack, path: &str, token: &str) -> (Self, Socket) {
        let room = Self::pending_with(stack, Some(token)).await;
        let sfu = room.sfu(&["candidates"]).await;
        let page = json!({ "urlPath": path }).to_string();
        let (status, _) = stack.http_with(Method::PATCH, "/claimRoom", Some(&page), Some(token)).await;
        assert_eq!(status.as_u16(), 200);
        (room, sfu)
    }

    /// Opens a socket with the room's token and identifies as its SFU.
    pub async fn sfu(&self, features: &[&str]) -> Socket {
        let mut socket = Socket::open(&self.signal_server_url).await.expect("the SFU's socket opens");
        let answer = self.identify_sfu(&mut socket, features).await;
        assert_eq!(answer["type"], "identified", "{answer}");
        socket
    }

    /// Identifies a socket as the room's SFU; answers with what the gateway says.
    pub async fn identify_sfu(&self, socket: &mut Socket, features: &[&str]) -> Value {
        socket.request("identify", json!({ "type": "sfu", "id": self.id, "features": features })).await
    }

    /// A candidate from a client.
    #[must_use]
    pub fn candidate(&self, sender: &str, text: &str) -> Value {
        json!({ "type": "producer", "sender": sender, "roomId": self.id, "candidate": { "candidate": text } })
    }

    /// A candidate from the SFU.
    #[must_use]
    pub fn candidate_to(&self, receiver: &str, text: &str) -> Value {
        json!({
            "type": "consumer", "sender": self.id, "roomId": self.id, "receiver": receiver,
            "candidate": { "candidate": text },
        })
    }
}
