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

enum Happening {
    Opened(SocketAddr, mpsc::Sender<Vec<u8>>),
    Frame(SocketAddr, Vec<u8>),
    Closed(SocketAddr),
}

/// All streams.
pub(super) struct Streams {
    happenings: mpsc::Receiver<Happening>,
    senders: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
}

impl Streams {
    /// Accepts streams from now on.
    pub(super) fn listen(listeners: Vec<TcpListener>) -> Self {
        let (sender, happenings) = mpsc::channel(INBOX);
        let places = Arc::new(Semaphore::new(MAX_STREAMS));
        for listener in listeners {
            tokio::spawn(accept(listener, Arc::clone(&places), sender.clone()));
        }
        Self { happenings, senders: HashMap::new() }
    }

    /// The next packet of any stream.
    pub(super) async fn next(&mut self) -> (SocketAddr, Vec<u8>) {
        loop {
            match self.happenings.recv().await {
                Some(Happening::Frame(source, frame)) => return (source, frame),
                Some(Happening::Opened(source, sender)) => {
                    self.senders.insert(source, sender);
                }
                Some(Happening::Closed(source)) => {
                    self.senders.remove(&source);
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Sends a packet, if its stream is there and takes it.
    pub(super) fn send(&mut self, destination: SocketAddr, packet: &[u8]) {
        let (Some(sender), Ok(length)) = (self.senders.get(&destination), u16::try_from(packet.len())) else {
            return;
        };
        let mut frame = Vec::with_capacity(packet.len() + 2);
        frame.extend(length.to_be_bytes());
        frame.extend(packet);
        // A full queue is a slow network: the packet is lost.
        let _ = sender.try_send(frame);
    }
}

async fn accept(listener: TcpListener, places: Arc<Semaphore>, happenings: mpsc::Sender<Happening>) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, source)) => {
                let happenings = happenings.clone();
                tokio::spawn(async move {
                    serve(stream, source, &happenings).await;
                    let _ = happenings.send(Happening::Closed(source)).await;
                    drop(place);
                });
            }
            // Out of file descriptors, for one: whoever waits may leave.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, source: SocketAddr, happenings: &mpsc::Sender<Happening>) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let (sender, frames) = mpsc::channel(QUEUE);
    if happenings.send(Happening::Opened(source, sender)).await.is_err() {
        return;
    }
    tokio::select! {
        () = receive(read, source, happenings) => {}
        () = send(write, frames) => {}
    }
}

async fn receive(read: OwnedReadHalf, source: SocketAddr, happenings: &mpsc::Sender<Happening>) {
    let mut read = BufReader::new(read);
    while let Ok(Some(frame)) = timeout(SILENCE, frame(&mut read)).await {
        if happenings.send(Happening::Frame(source, frame)).await.is_err() {
            return;
        }
    }
}

/// The next packet, or nothing when the stream has ended or makes no sense.
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
