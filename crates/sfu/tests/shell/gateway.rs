//! A gateway that is scripted by the test, and the SFU's process.

use std::process::Stdio;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Nothing in these tests takes longer, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Gateway {
    listener: Option<TcpListener>,
    port: u16,
}

pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    pub(crate) query: String,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener: Some(listener), port }
    }

    pub(crate) fn close(&mut self) {
        self.listener = None;
    }

    #[expect(clippy::result_large_err, reason = "the library's type")]
    pub(crate) async fn accept(&mut self) -> Socket {
        let (stream, _) = timeout(PATIENCE, self.listener.as_ref().unwrap().accept()).await.unwrap().unwrap();
        let mut query = String::new();
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            query = request.uri().path_and_query().unwrap().to_string();
            Ok(response)
        };
        let stream = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
        Socket { stream, query }
    }
}

impl Socket {
    /// The next request, which has to be of this kind.
    pub(crate) async fn next(&mut self, action: &str) -> Value {
        let message = timeout(PATIENCE, self.stream.next()).await.unwrap().unwrap().unwrap();
        let request: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(request["action"], action);
        request
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn identified(&mut self, life: Duration) {
        let before = std::time::SystemTime::now() + life;
        let before = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let before = u64::try_from(before).unwrap();
        let identified = json!({ "type": "identified", "peerId": "room", "roomId": "room", "connectionId": "c=",
            "reconnectBefore": before, "iceServers": [], "features": [] });
        self.say(&identified).await;
    }
}

pub(crate) struct Sfu {
    child: Child,
}

impl Sfu {
    pub(crate) fn start(gateway: &Gateway, environment: &[(&str, &str)]) -> Self {
        let url = format!("ws://127.0.0.1:{}/prod?token=secret", gateway.port);
        let mut command = Self::command();
        command.env("SIGNAL_SERVER_URL", url).env("SFU_ID", "room");
        command.env("PUBLIC_IP", "127.0.0.1").env("MEDIA_PORT", "0").envs(environment.iter().copied());
        Self { child: command.spawn().unwrap() }
    }

    pub(crate) fn health(environment: &[(&str, &str)]) -> Self {
        Self { child: Self::command().arg("--health").envs(environment.iter().copied()).spawn().unwrap() }
    }

    fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arbiter-sfu"));
        command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub(crate) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Stops the process until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) async fn ended(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code()
    }

    /// Everything that it has written, once it has ended.
    pub(crate) async fn output(&mut self) -> String {
        let mut output = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut output).await.unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut output).await.unwrap();
        output
    }
}

pub(crate) fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

pub(crate) async fn get(port: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}
