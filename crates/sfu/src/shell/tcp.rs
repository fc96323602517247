//! ICE-TCP: packets in a stream, each behind its length (RFC 4571 §2).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How many streams there may be at a time. When there are so many, the oldest one of those that are not proven
/// makes room for a new one: anybody can open a stream, but a check with the right credentials proves that
/// somebody is in the room.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    streams: usize,
    /// Unproven ones of one network. A browser opens one for each connection, also where it does not need it.
    unproven: usize,
}

pub(super) const LIMITS: Limits = Limits { streams: 1_024, unproven: 64 };

/// How long a stream has to bring a check that a connection takes.
const PROOF: Duration = Duration::from_secs(5);
/// A proven stream of which no connection has taken anything for so long is closed. ICE sends something every
/// few seconds.
const SILENCE: Duration = Duration::from_secs(30);
/// Packets that wait for one stream; more are lost, as on any network that is too slow for them.
const QUEUE: usize = 256;
/// Packets of all streams that wait for the room.
const INBOX: usize = 1_024;
/// The largest packet.
const MAX_FRAME: usize = 2_000;

/// A stream. An address may have another one later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId {
    pub(super) source: SocketAddr,
    /// Grows with each.
    number: u64,
}

enum StreamEvent {
    Accepted(TcpStream, SocketAddr),
    Frame(StreamId, Vec<u8>),
    Closed(StreamId),
}

/// An open stream. Its task ends when this is dropped.
struct Entry {
    number: u64,
    frames: mpsc::Sender<Vec<u8>>,
    /// A connection has taken a packet of it.
    proven: bool,
    /// Told whenever one has.
    taken: watch::Sender<()>,
}

pub(super) struct Streams {
    limits: Limits,
    events: mpsc::Receiver<StreamEvent>,
    /// For the tasks of new streams.
    sender: mpsc::Sender<StreamEvent>,
    open: HashMap<SocketAddr, Entry>,
    last: u64,
}

impl Streams {
    /// Accepts streams from now on.
    pub(super) fn listen(listeners: Vec<TcpListener>, limits: Limits) -> Self {
        let (sender, events) = mpsc::channel(INBOX);
        for listener in listeners {
            tokio::spawn(accept(listener, sender.clone()));
        }
        Self { limits, events, sender, open: HashMap::new(), last: 0 }
    }

    /// The next packet of any stream.
    pub(super) async fn next(&mut self) -> (StreamId, Vec<u8>) {
        loop {
            match self.events.recv().await {
                Some(StreamEvent::Accepted(stream, source)) => self.admit(stream, source),
                Some(StreamEvent::Frame(id, frame)) => return (id, frame),
                Some(StreamEvent::Closed(id)) => {
                    if self.entry(id).is_some() {
                        self.open.remove(&id.source);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Serves a stream, unless all places are taken by proven ones.
    fn admit(&mut self, stream: TcpStream, source: SocketAddr) {
        let unproven = || self.open.iter().filter(|(_, entry)| !entry.proven);
        let neighbours = || unproven().filter(|(other, _)| network(other.ip()) == network(source.ip()));
        let oldest = if neighbours().count() >= self.limits.unproven {
            neighbours().min_by_key(|(_, entry)| entry.number)
        } else if self.open.len() >= self.limits.streams {
            unproven().min_by_key(|(_, entry)| entry.number)
        } else {
            None
        };
        if let Some(oldest) = oldest.map(|(oldest, _)| *oldest) {
            self.open.remove(&oldest);
        }
        if self.open.len() >= self.limits.streams {
            return;
        }
        self.last += 1;
        let id = StreamId { source, number: self.last };
        let ((frames, queue), (taken, life)) = (mpsc::channel(QUEUE), watch::channel(()));
        self.open.insert(source, Entry { number: id.number, frames, proven: false, taken });
        let events = self.sender.clone();
        tokio::spawn(async move {
            serve(stream, id, &events, queue, life).await;
            let _ = events.send(StreamEvent::Closed(id)).await;
        });
    }

    /// A connection has taken a packet of a stream.
    pub(super) fn taken(&mut self, id: StreamId) {
        if let Some(entry) = self.entry(id) {
            entry.proven = true;
            entry.taken.send_replace(());
        }
    }

    fn entry(&mut self, id: StreamId) -> Option<&mut Entry> {
        self.open.get_mut(&id.source).filter(|entry| entry.number == id.number)
    }

    /// Sends a packet, or drops it if its stream is closed or its queue is full.
    pub(super) fn send(&mut self, destination: SocketAddr, packet: &[u8]) {
        let (Some(entry), Ok(length)) = (self.open.get(&destination), u16::try_from(packet.len())) else {
            return;
        };
        let mut frame = Vec::with_capacity(packet.len() + 2);
        frame.extend(length.to_be_bytes());
        frame.extend(packet);
        let _ = entry.frames.try_send(frame);
    }
}

/// What one person has of addresses: one of IPv4, and of IPv6 a network of 64 bits.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

async fn accept(listener: TcpListener, events: mpsc::Sender<StreamEvent>) {
    loop {
        match listener.accept().await {
            Ok((stream, source)) => {
                if events.send(StreamEvent::Accepted(stream, source)).await.is_err() {
                    return;
                }
            }
            // Out of file descriptors, for example: one may be free later.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(
    stream: TcpStream,
    id: StreamId,
    events: &mpsc::Sender<StreamEvent>,
    queue: mpsc::Receiver<Vec<u8>>,
    life: watch::Receiver<()>,
) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    tokio::select! {
        () = receive(read, id, events) => {}
        () = send(write, queue) => {}
        () = alive(life) => {}
    }
}

/// Ends when no connection has taken anything for too long. What comes, an empty frame for one, is no sign of
/// life by itself.
async fn alive(mut life: watch::Receiver<()>) {
    let mut patience = PROOF;
    while let Ok(Ok(())) = timeout(patience, life.changed()).await {
        patience = SILENCE;
    }
}

async fn receive(read: OwnedReadHalf, id: StreamId, events: &mpsc::Sender<StreamEvent>) {
    let mut read = BufReader::new(read);
    while let Some(frame) = frame(&mut read).await {
        if events.send(StreamEvent::Frame(id, frame)).await.is_err() {
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A port, and who has connected to it.
    struct Port {
        streams: Streams,
        address: SocketAddr,
    }

    impl Port {
        async fn with(limits: Limits) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            Self { streams: Streams::listen(vec![listener], limits), address }
        }

        /// Opens a stream from `127.0.0.<host>`.
        async fn open(&self, host: u8) -> TcpStream {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
            let mut stream = socket.connect(self.address).await.unwrap();
            stream.write_all(&[0, 1, host]).await.unwrap();
            stream
        }

        /// A stream from there that is served.
        async fn served(&mut self, host: u8) -> (TcpStream, StreamId) {
            let stream = self.open(host).await;
            let (id, frame) = timeout(PATIENCE, self.streams.next()).await.unwrap();
            assert_eq!((id.source, frame), (stream.local_addr().unwrap(), vec![host]));
            (stream, id)
        }

        async fn proven(&mut self, host: u8) -> TcpStream {
            let (stream, id) = self.served(host).await;
            self.streams.taken(id);
            stream
        }

        /// Whether a packet arrives.
        async fn serves(&mut self, stream: &mut TcpStream) -> bool {
            self.streams.send(stream.local_addr().unwrap(), b"hi");
            let mut frame = [0; 4];
            match timeout(PATIENCE, stream.read_exact(&mut frame)).await.unwrap() {
                Ok(_) => frame == *b"\0\x02hi",
                Err(_) => false,
            }
        }
    }

    #[tokio::test]
    async fn the_oldest_unproven_stream_of_an_address_makes_room_for_its_next_one() {
        let mut port = Port::with(Limits { streams: 10, unproven: 2 }).await;
        let mut proven = port.proven(1).await;
        let (mut neighbour, _) = port.served(2).await;
        let (mut first, _) = port.served(1).await;
        let (mut second, _) = port.served(1).await;
        let (mut third, _) = port.served(1).await;
        assert!(!port.serves(&mut first).await);
        for stream in [&mut proven, &mut neighbour, &mut second, &mut third] {
            assert!(port.serves(stream).await);
        }
    }

    #[tokio::test]
    async fn the_oldest_unproven_stream_of_all_makes_room_when_there_is_none_and_a_proven_one_never() {
        let mut port = Port::with(Limits { streams: 3, unproven: 3 }).await;
        let mut proven = vec![port.proven(1).await];
        let (mut first, _) = port.served(2).await;
        let (mut second, id) = port.served(3).await;
        let (mut third, another) = port.served(4).await;
        assert!(!port.serves(&mut first).await && port.serves(&mut second).await);
        assert!(port.serves(&mut third).await && port.serves(&mut proven[0]).await);
        for id in [id, another] {
            port.streams.taken(id);
        }
        proven.extend([second, third]);
        let mut refused = port.open(5).await;
        let closed = async { refused.read(&mut [0]).await.is_ok_and(|length| length > 0) };
        let next = port.streams.next();
        tokio::select! {
            answered = closed => assert!(!answered),
            _ = next => panic!("served, though all places are taken"),
        }
        for mut stream in proven {
            assert!(port.serves(&mut stream).await);
        }
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let networks = |ips: &[&str]| ips.iter().map(|ip| network(ip.parse().unwrap())).collect::<Vec<_>>();
        assert_eq!(
            networks(&["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1:2:3::4"]),
            ["192.0.2.1", "192.0.2.1", "2001:db8:1:2::"].map(|ip| ip.parse::<IpAddr>().unwrap())
        );
    }
}
