//! ICE-TCP: packets in a stream, each behind its length (RFC 4571 §2).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Streams at a time.
const MAX_STREAMS: usize = 1_024;
/// Packets that wait for one stream; more are lost, as on any network that is too slow for them.
const QUEUE: usize = 256;
/// Packets of all streams that wait for the room.
const INBOX: usize = 1_024;
/// The largest packet.
const MAX_FRAME: usize = 2_000;
/// A stream on which nothing comes for so long is closed. ICE sends something every few seconds.
const SILENCE: Duration = Duration::from_secs(30);

enum StreamEvent {
    Opened(SocketAddr, mpsc::Sender<Vec<u8>>),
    Frame(SocketAddr, Vec<u8>),
    Closed(SocketAddr),
}

pub(super) struct Streams {
    events: mpsc::Receiver<StreamEvent>,
    senders: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
}

impl Streams {
    /// Accepts streams from now on.
    pub(super) fn listen(listeners: Vec<TcpListener>) -> Self {
        let (sender, events) = mpsc::channel(INBOX);
        let permits = Arc::new(Semaphore::new(MAX_STREAMS));
        for listener in listeners {
            tokio::spawn(accept(listener, Arc::clone(&permits), sender.clone()));
        }
        Self { events, senders: HashMap::new() }
    }

    /// The next packet of any stream.
    pub(super) async fn next(&mut self) -> (SocketAddr, Vec<u8>) {
        loop {
            match self.events.recv().await {
                Some(StreamEvent::Frame(source, frame)) => return (source, frame),
                Some(StreamEvent::Opened(source, sender)) => {
                    self.senders.insert(source, sender);
                }
                Some(StreamEvent::Closed(source)) => {
                    self.senders.remove(&source);
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Sends a packet, or drops it if its stream is closed or its queue is full.
    pub(super) fn send(&mut self, destination: SocketAddr, packet: &[u8]) {
        let (Some(sender), Ok(length)) = (self.senders.get(&destination), u16::try_from(packet.len())) else {
            return;
        };
        let mut frame = Vec::with_capacity(packet.len() + 2);
        frame.extend(length.to_be_bytes());
        frame.extend(packet);
        let _ = sender.try_send(frame);
    }
}

async fn accept(listener: TcpListener, permits: Arc<Semaphore>, events: mpsc::Sender<StreamEvent>) {
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, source)) => {
                let events = events.clone();
                tokio::spawn(async move {
                    serve(stream, source, &events).await;
                    let _ = events.send(StreamEvent::Closed(source)).await;
                    drop(permit);
                });
            }
            // Out of file descriptors, for example: one may be free later.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, source: SocketAddr, events: &mpsc::Sender<StreamEvent>) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let (sender, frames) = mpsc::channel(QUEUE);
    if events.send(StreamEvent::Opened(source, sender)).await.is_err() {
        return;
    }
    tokio::select! {
        () = receive(read, source, events) => {}
        () = send(write, frames) => {}
    }
}

async fn receive(read: OwnedReadHalf, source: SocketAddr, events: &mpsc::Sender<StreamEvent>) {
    let mut read = BufReader::new(read);
    while let Ok(Some(frame)) = timeout(SILENCE, frame(&mut read)).await {
        if events.send(StreamEvent::Frame(source, frame)).await.is_err() {
            return;
        }
    }
}

/// The next packet, or nothing when the stream has ended or a length is invalid.
async fn frame(read: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let length = usize::from(read.read_u16().await.ok()?);
    if length > MAX_FRAME {
        return None;
    }
    let mut frame = vec![0; length];
    read.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

async fn send(mut write: OwnedWriteHalf, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if !matches!(timeout(SILENCE, write.write_all(&frame)).await, Ok(Ok(()))) {
            return;
        }
    }
}
