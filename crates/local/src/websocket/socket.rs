//! One open socket, from the 101 to its `$disconnect`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::api::Api;
use super::journal::Left;
use super::route;
use crate::clock::now_ms;
use crate::connections::{Connection, FRAME, MESSAGE, Outgoing};
use crate::events::{Event, Kind};
use crate::faults::{Delay, Disconnect};
use crate::ids;
use crate::lambda::Invocation;

/// How long a client may take to answer a close frame.
const CLOSING: Duration = Duration::from_secs(2);
/// How long one write may take before the client counts as gone.
const WRITE: Duration = Duration::from_secs(30);
/// The bytes of one read. Each socket keeps a buffer of this size, and it is cleared before every read.
const READ: usize = 8 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// How a socket ended, as `$disconnect` says it.
#[derive(Debug)]
pub(crate) struct End {
    code: u16,
    reason: String,
}

impl End {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// Gone without a close frame.
    pub(crate) fn abnormal() -> Self {
        Self::new(1006, "Connection closed abnormally")
    }

    fn by_client(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self::new(frame.code.into(), frame.reason.as_str()),
            None => Self::new(1005, "Client-side close frame status not set"),
        }
    }
}

/// Runs the socket until it ends.
pub(crate) async fn run(
    api: &Arc<Api>,
    connection: &Arc<Connection>,
    mut outbox: mpsc::Receiver<Outgoing>,
    io: TokioIo<Upgraded>,
) -> End {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .max_frame_size(Some(FRAME))
        .max_message_size(Some(MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let lifetime = Instant::now() + api.limits.lifetime;
    let mut alarm = lifetime.min(Instant::now() + api.limits.idle);
    loop {
        tokio::select! {
            () = connection.cut.notified() => return End::abnormal(),
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Text(text))) => {
                    connection.received();
                    receive(api, connection, &text);
                }
                // Control frames are no messages: they are answered, and keep nothing alive.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => return close(socket, 1003, "Binary frames are not supported").await,
                Some(Ok(Message::Close(frame))) => {
                    connection.end();
                    // Sends the answer to the close frame.
                    let _ = timeout(CLOSING, socket.flush()).await;
                    return End::by_client(frame);
                }
                Some(Err(Error::Capacity(_))) => return close(socket, 1009, "Message too long").await,
                Some(Err(Error::Utf8(_))) => return close(socket, 1007, "Not UTF-8").await,
                // The connection broke: that is no frame that broke the rules.
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => return End::abnormal(),
                Some(Err(Error::Protocol(_))) => return close(socket, 1002, "Protocol error").await,
                Some(Err(_)) | None => return End::abnormal(),
            },
            outgoing = outbox.recv() => match outgoing {
                Some(first) => match send(&mut socket, connection, first, &mut outbox).await {
                    Sent::All => {}
                    Sent::Close(code, reason) => return close(socket, code, reason).await,
                    Sent::Lost => return End::abnormal(),
                },
                None => return End::abnormal(),
            },
            () = sleep_until(alarm) => {
                let quiet = Duration::from_millis(now_ms().saturating_sub(connection.last_active()));
                if Instant::now() >= lifetime || quiet >= api.limits.idle {
                    connection.end();
                    return close(socket, 1001, "Going away").await;
                }
                alarm = lifetime.min(Instant::now() + api.limits.idle.saturating_sub(quiet));
            }
        }
    }
}

enum Sent {
    All,
    Close(u16, &'static str),
    Lost,
}

/// Writes `first` and whatever waits behind it with one flush.
async fn send(
    socket: &mut Socket,
    connection: &Connection,
    first: Outgoing,
    outbox: &mut mpsc::Receiver<Outgoing>,
) -> Sent {
    let writing = async {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Message(payload) => {
                    for frame in frames(&payload) {
                        if socket.feed(frame).await.is_err() {
                            return Sent::Lost;
                        }
                    }
                }
                Outgoing::Close(code, reason) => return Sent::Close(code, reason),
            }
            next = outbox.try_recv().ok();
        }
        if socket.flush().await.is_ok() { Sent::All } else { Sent::Lost }
    };
    tokio::select! {
        () = connection.cut.notified() => Sent::Lost,
        sent = timeout(WRITE, writing) => sent.unwrap_or(Sent::Lost),
    }
}

/// A message in frames of at most [`FRAME`] bytes, as API Gateway sends it.
fn frames(payload: &Bytes) -> Vec<Message> {
    if payload.len() <= FRAME {
        let text = Utf8Bytes::try_from(payload.clone());
        return text.map(|text| vec![Message::Text(text)]).unwrap_or_default();
    }
    let count = payload.len().div_ceil(FRAME);
    (0..count)
        .map(|index| {
            let start = index * FRAME;
            let part = payload.slice(start..payload.len().min(start + FRAME));
            let data = if index == 0 { Data::Text } else { Data::Continue };
            Message::Frame(Frame::message(part, OpCode::Data(data), index + 1 == count))
        })
        .collect()
}

/// Sends a close frame, and waits a little for the client's.
async fn close(mut socket: Socket, code: u16, reason: &'static str) -> End {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    let closing = async {
        let _ = socket.close(Some(frame)).await;
        // Then read on, without looking: a socket that is closed with unread data is reset, and a reset
        // arrives before the close frame.
        let mut io = socket.into_inner();
        let _ = io.shutdown().await;
        let mut sink = vec![0; 16 * 1024];
        while matches!(io.read(&mut sink).await, Ok(read) if read > 0) {}
    };
    let _ = timeout(CLOSING, closing).await;
    End::new(code, reason)
}

/// A message from the client: its function runs beside everything else.
fn receive(api: &Arc<Api>, connection: &Arc<Connection>, text: &str) {
    let state = &api.state;
    let size = text.len();
    let event = Event::new(Kind::Message).connection(&connection.id).bytes_in(size);
    let Some((route, function)) = route::select(&api.definition.routes, &api.definition.selector, text)
    else {
        state.events.emit(event.failed(true).text("no route"));
        return refuse(connection, "Forbidden", &ids::request());
    };
    if !api.throttle.admits(route) {
        state.events.emit(event.route(route).failed(true).status(429).text("throttled"));
        return refuse(connection, "Too Many Requests", &ids::request());
    }
    state.events.emit(event.route(route));
    let (event, request_id) = api.place().message(connection, route, text);
    let delay = state.faults.take::<Delay>(None, route).map(|struck| {
        let delay = struck.fault.duration();
        let fault = Event::new(Kind::Fault).connection(&connection.id).route(route);
        state.events.emit(fault.text(format!("delayed {delay:?}")));
        delay
    });
    let invocation =
        Invocation { event, route: route.to_owned(), connection: Some(connection.id.clone()), size };
    let (api, connection, function) = (Arc::clone(api), Arc::clone(connection), function.to_owned());
    let piece = state.under_way.begin();
    tokio::spawn(async move {
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if api.lambda.invoke(&function, invocation).await.is_err() {
            refuse(&connection, "Internal server error", &request_id);
        }
        drop(piece);
    });
}

/// What API Gateway itself says to a client.
fn refuse(connection: &Connection, message: &str, request_id: &str) {
    let frame = json!({ "message": message, "connectionId": connection.id, "requestId": request_id });
    // It fails only when the client is gone or does not read.
    let _ = connection.post(&frame.to_string().into());
}

/// Forgets a connection and invokes the function of `$disconnect`, with whatever fault is due. What still runs for the
/// connection is not waited for: API Gateway promises no order.
pub(crate) async fn disconnected(api: &Api, connection: &Connection, end: End) {
    let state = &api.state;
    connection.end();
    // Before it is forgotten: until then a socket that has ended counts by itself.
    let _piece = state.under_way.begin();
    state.connections.remove(&connection.id);
    let event = Event::new(Kind::Disconnect).connection(&connection.id).route("$disconnect");
    state.events.emit(event.status(end.code).text(&end.reason));
    if state.is_stopping() {
        // The journal keeps it for the next run, which sends `$disconnect`.
        return;
    }
    let mut pauses = vec![Duration::ZERO];
    if let Some(struck) = state.faults.take::<Disconnect>(None, &()) {
        let fault = Event::new(Kind::Fault).connection(&connection.id).route("$disconnect");
        state.events.emit(fault.text(struck.fault.text()));
        pauses = struck.fault.pauses();
    }
    if let Some(function) = api.definition.routes.get("$disconnect") {
        for pause in pauses {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            if !api.throttle.admits("$disconnect") {
                continue;
            }
            let invocation = Invocation {
                event: api.place().disconnect(connection, end.code, &end.reason),
                route: "$disconnect".into(),
                connection: Some(connection.id.clone()),
                size: 0,
            };
            // Best effort, as at AWS; the failure has its own line.
            let _ = api.lambda.invoke(function, invocation).await;
        }
    }
    if !state.is_stopping() {
        api.journal.disconnected(&connection.id);
    }
}

/// Sends `$disconnect` for the connections that were open when an earlier run ended.
pub(crate) async fn disconnect_left(api: &Api, left: Vec<Left>) {
    for one in left {
        let (connection, _outbox) =
            Connection::restored(one.id, one.connected_at, "127.0.0.1".to_owned(), String::new());
        disconnected(api, &connection, End::abnormal()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_message_goes_out_in_frames_of_32_kb() {
        assert_eq!(frames(&Bytes::from(vec![b'x'; FRAME])).len(), 1);
        let parts = frames(&Bytes::from(vec![b'x'; 2 * FRAME + 1]));
        let size =
            |message: &Message| if let Message::Frame(frame) = message { frame.payload().len() } else { 0 };
        assert_eq!(parts.iter().map(size).collect::<Vec<_>>(), [FRAME, FRAME, 1]);
        let Message::Frame(last) = &parts[2] else { panic!() };
        assert!(last.header().is_final && last.header().opcode == OpCode::Data(Data::Continue));
    }
}
