//! The socket to the gateway: identified, kept alive, replaced before its time is up, opened again when it
//! breaks.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{SinkExt, StreamExt};
use model::id::RoomId;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::environment::Environment;
use crate::room::is_refusal;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long opening a socket and identifying on it may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a replaced socket is still read.
const DRAIN: Duration = Duration::from_secs(5);
/// The pause before the first attempt to reconnect; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// … up to this: people may be waiting for this SFU.
const MAX_PAUSE: Duration = Duration::from_secs(3);
/// An identify without an answer is sent again after this.
const PATIENCE: Duration = Duration::from_secs(3);
/// The least time before a socket is replaced, whatever the gateway's clock says.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// Messages that are kept until a socket has identified; the rest are dropped.
const MAX_EARLY: usize = 256;

/// An event for the room.
pub(super) enum GatewayEvent {
    /// The SFU has identified on a socket.
    Opened,
    /// The last identified socket is gone.
    Closed,
    Message(String),
    /// The gateway will never accept this SFU: the reason, as a sentence.
    Refused(String),
}

/// The task that holds the socket.
pub(super) struct Gateway {
    params: ConnectParams,
    ping: Duration,
    pong: Duration,
    events: mpsc::Sender<GatewayEvent>,
    outgoing: mpsc::Receiver<String>,
}

/// What it takes to open a socket and identify on it.
#[derive(Clone)]
struct ConnectParams {
    /// With the room's secret in it.
    url: String,
    room: RoomId,
    renew_early: Duration,
    tls: Arc<ClientConfig>,
}

/// The attempt to open the socket that is to replace the present one.
type Renewal = JoinHandle<Result<Socket, Failure>>;

/// An identified socket.
struct Socket {
    stream: Stream,
    /// When it is to be replaced.
    renew: Instant,
    /// Messages that came before `identified`: the gateway may relay some before it answers.
    early: Vec<String>,
}

/// Why no socket could be opened.
enum Failure {
    /// Worth another attempt.
    Later,
    /// No attempt will succeed: the reason, as a sentence.
    Never(String),
}

/// How a socket ended.
enum End {
    Broken,
    Renewed(Box<Socket>),
    Refused(String),
    /// Another SFU has identified for the room.
    Replaced,
}

impl Gateway {
    pub(super) fn new(
        environment: &Environment,
        tls: Arc<ClientConfig>,
        events: mpsc::Sender<GatewayEvent>,
        outgoing: mpsc::Receiver<String>,
    ) -> Self {
        let params = ConnectParams {
            url: environment.signal_url.clone(),
            room: environment.room.clone(),
            renew_early: environment.renew_early,
            tls,
        };
        Self { params, ping: environment.ping, pong: environment.pong, events, outgoing }
    }

    /// Keeps a socket open for as long as the process runs.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match open(self.params.clone()).await {
                Ok(socket) => {
                    pause = FIRST_PAUSE;
                    if let Err(sentence) = self.hold(socket).await {
                        return self.emit(GatewayEvent::Refused(sentence)).await;
                    }
                }
                Err(Failure::Later) => {}
                Err(Failure::Never(sentence)) => return self.emit(GatewayEvent::Refused(sentence)).await,
            }
            sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Serves a socket and its successors, until one breaks.
    async fn hold(&mut self, mut socket: Socket) -> Result<(), String> {
        loop {
            // Messages for an earlier socket are dropped: the room sends again what was not acknowledged.
            while self.outgoing.try_recv().is_ok() {}
            self.emit(GatewayEvent::Opened).await;
            for text in std::mem::take(&mut socket.early) {
                self.emit(GatewayEvent::Message(text)).await;
            }
            match self.serve(&mut socket).await {
                End::Renewed(newer) => {
                    let older = std::mem::replace(&mut socket, *newer);
                    tokio::spawn(drain(older.stream, self.events.clone()));
                }
                End::Broken => {
                    self.emit(GatewayEvent::Closed).await;
                    tracing::warn!("the socket to the gateway broke");
                    return Ok(());
                }
                End::Refused(sentence) => return Err(sentence),
                End::Replaced => return Err("another SFU has taken this room".into()),
            }
        }
    }

    /// Serves a socket until it ends or is replaced. The gateway closes the old socket as soon as the new one
    /// has identified, which may be before `identified` arrives here.
    async fn serve(&mut self, socket: &mut Socket) -> End {
        let mut renewal = None;
        let end = self.serve_until(socket, &mut renewal).await;
        match (end, renewal) {
            (End::Broken | End::Replaced, Some(task)) => match task.await {
                Ok(Ok(newer)) => End::Renewed(Box::new(newer)),
                Ok(Err(Failure::Never(sentence))) => End::Refused(sentence),
                Ok(Err(Failure::Later)) | Err(_) => End::Broken,
            },
            (end, _) => end,
        }
    }

    async fn serve_until(&mut self, socket: &mut Socket, renewal: &mut Option<Renewal>) -> End {
        let mut ping = Instant::now() + self.ping;
        let mut deadline: Option<Instant> = None;
        let mut renew = socket.renew;
        loop {
            tokio::select! {
                message = socket.stream.next() => {
                    deadline = None;
                    match message {
                        Some(Ok(Message::Text(text))) => match read(&text) {
                            Some(Own::GoAway) => return End::Replaced,
                            Some(Own::Pong) => {}
                            None => self.emit(GatewayEvent::Message(text.as_str().to_owned())).await,
                        },
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Broken,
                        Some(Ok(_)) => {}
                    }
                }
                Some(text) = self.outgoing.recv() => {
                    if socket.stream.send(Message::text(text)).await.is_err() {
                        return End::Broken;
                    }
                }
                () = sleep_until(ping) => {
                    ping = Instant::now() + self.ping;
                    deadline.get_or_insert(Instant::now() + self.pong);
                    if socket.stream.send(Message::text(r#"{"action":"ping"}"#)).await.is_err() {
                        return End::Broken;
                    }
                }
                () = sleep_until(deadline.unwrap_or(ping)), if deadline.is_some() => return End::Broken,
                () = sleep_until(renew), if renewal.is_none() => {
                    *renewal = Some(tokio::spawn(open(self.params.clone())));
                }
                opened = finished(renewal) => {
                    *renewal = None;
                    match opened {
                        Ok(newer) => return End::Renewed(Box::new(newer)),
                        Err(Failure::Later) => renew = Instant::now() + FIRST_PAUSE * 8,
                        Err(Failure::Never(sentence)) => return End::Refused(sentence),
                    }
                }
            }
        }
    }

    async fn emit(&self, event: GatewayEvent) {
        // The receiver is dropped only when the process ends.
        let _ = self.events.send(event).await;
    }
}

async fn finished(renewal: &mut Option<Renewal>) -> Result<Socket, Failure> {
    match renewal {
        Some(task) => task.await.unwrap_or(Err(Failure::Later)),
        None => std::future::pending().await,
    }
}

/// Messages that are about the socket itself, and not for the room.
enum Own {
    Pong,
    GoAway,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Reply {
    Identified {
        reconnect_before: u64,
    },
    Error {
        #[serde(default)]
        request_id: Option<String>,
        status: u16,
        code: String,
    },
    Pong,
    GoAway,
    #[serde(other)]
    Other,
}

fn read(text: &str) -> Option<Own> {
    match serde_json::from_str(text).ok()? {
        Reply::Pong => Some(Own::Pong),
        Reply::GoAway => Some(Own::GoAway),
        Reply::Identified { .. } | Reply::Error { .. } | Reply::Other => None,
    }
}

/// Passes on messages that still arrive on a replaced socket.
async fn drain(mut stream: Stream, events: mpsc::Sender<GatewayEvent>) {
    let rest = async {
        while let Some(Ok(message)) = stream.next().await {
            if let Message::Text(text) = message
                && read(&text).is_none()
            {
                let _ = events.send(GatewayEvent::Message(text.as_str().to_owned())).await;
            }
        }
    };
    let _ = timeout(DRAIN, rest).await;
    let _ = stream.close(None).await;
}

async fn open(params: ConnectParams) -> Result<Socket, Failure> {
    timeout(CONNECT, identify(&params)).await.unwrap_or(Err(Failure::Later))
}

async fn identify(params: &ConnectParams) -> Result<Socket, Failure> {
    let tls = Connector::Rustls(Arc::clone(&params.tls));
    let opened = connect_async_tls_with_config(&params.url, None, true, Some(tls)).await;
    let (mut stream, _) = opened.map_err(|_| Failure::Later)?;
    let data = json!({ "type": "sfu", "id": params.room.as_str(), "features": ["candidates", "ice-lite"] });
    let request = json!({ "action": "identify", "requestId": "identify", "data": data });
    let mut early = Vec::new();
    let mut due = Instant::now();
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = sleep_until(due) => {
                // An SFU may identify twice on a socket: a repetition is answered again.
                stream.send(Message::text(request.to_string())).await.map_err(|_| Failure::Later)?;
                due = Instant::now() + PATIENCE;
                continue;
            }
        };
        let Some(Ok(message)) = message else { return Err(Failure::Later) };
        let Message::Text(text) = message else { continue };
        if is_refusal(&text) {
            due = due.min(Instant::now() + FIRST_PAUSE.mul_f64(rand::random_range(1.0..4.0)));
            continue;
        }
        match serde_json::from_str(&text) {
            Ok(Reply::Identified { reconnect_before }) => {
                return Ok(Socket {
                    stream,
                    renew: Instant::now() + lifetime(reconnect_before, params.renew_early),
                    early,
                });
            }
            Ok(Reply::Error { request_id, status, code }) if request_id.as_deref() == Some("identify") => {
                return Err(match status {
                    401 | 403 => {
                        Failure::Never("the gateway does not accept the token of SIGNAL_SERVER_URL".into())
                    }
                    404 | 410 => Failure::Never(format!("the room is not there any more ({code})")),
                    _ => Failure::Later,
                });
            }
            Ok(Reply::GoAway) => return Err(Failure::Later),
            Ok(Reply::Pong) => {}
            _ if early.len() < MAX_EARLY => early.push(text.as_str().to_owned()),
            _ => {}
        }
    }
}

/// How long a socket is used: until a little before `reconnectBefore`.
fn lifetime(reconnect_before: u64, early: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(reconnect_before).saturating_sub(now);
    left.saturating_sub(early.min(left / 2)).max(MIN_LIFETIME)
}
