//! The media port: UDP, and TCP on the same number for clients whose network lets no UDP out.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::task::Poll;
use std::time::Instant;

use rustix::net::sockopt;
use str0m::net::{Protocol, Transmit};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;
use tokio::task::yield_now;

use super::tcp::{LIMITS, StreamId, Streams};
use crate::room::Room;

/// Packets that are read in a row before any is forwarded and other tasks get a turn.
const BATCH: usize = 64;
/// The largest datagram: more than any network carries.
const DATAGRAM: usize = 2_048;

/// The receive buffer, as far as the system allows: it holds what comes in a call of twelve while the process
/// is not scheduled. The usual 208 KiB hold some 150 packets.
const RECEIVE_BUFFER: usize = 4 << 20;

/// The UDP socket of one address.
struct Socket {
    /// Registered for reads only: over loopback each packet sent would wake the task as writable.
    udp: AsyncFd<UdpSocket>,
    local: SocketAddr,
}

pub(super) struct Media {
    /// One of each address; never empty.
    sockets: Vec<Socket>,
    streams: Streams,
    buffer: Box<[u8; DATAGRAM]>,
    /// A packet of a stream that was awaited and is yet to be handled.
    frame: Option<(StreamId, Vec<u8>)>,
    /// The last read ended at [`BATCH`]: more packets may wait.
    more: bool,
}

impl Media {
    /// Binds both at every address; `port` 0 is any that is free for both.
    pub(super) async fn bind(ips: &[IpAddr], port: u16) -> Result<Self, String> {
        let failed = |error: io::Error| format!("MEDIA_PORT {port} cannot be bound: {}", error.kind());
        let (mut sockets, mut listeners, mut smallest) = (vec![], vec![], RECEIVE_BUFFER);
        for ip in ips {
            let (udp, listener) = bind(*ip, port).await.map_err(failed)?;
            smallest = smallest.min(enlarge(&udp).map_err(failed)?);
            udp.set_nonblocking(true).map_err(failed)?;
            let local = udp.local_addr().map_err(failed)?;
            sockets.push(Socket { udp: watched(udp).map_err(failed)?, local });
            listeners.push(listener);
        }
        if smallest < RECEIVE_BUFFER {
            tracing::warn!(
                bytes = smallest,
                wanted = RECEIVE_BUFFER,
                "the system gives the media port a smaller receive buffer: net.core.rmem_max limits it"
            );
        }
        let buffer = Box::new([0; DATAGRAM]);
        let streams = Streams::listen(listeners, LIMITS);
        Ok(Self { sockets, streams, buffer, frame: None, more: false })
    }

    /// The port; of the first address, where several have their own.
    pub(super) fn port(&self) -> u16 {
        self.sockets.first().map_or(0, |socket| socket.local.port())
    }

    pub(super) fn is_v6(&self) -> bool {
        self.sockets.first().is_some_and(|socket| socket.local.is_ipv6())
    }

    /// What is bound.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|socket| socket.local).collect()
    }

    /// Sends a packet from the media port, and waits for one in return.
    pub(super) async fn ask(&self, server: SocketAddr, packet: &[u8]) -> Option<Vec<u8>> {
        let udp = &self.sockets.first()?.udp;
        udp.get_ref().send_to(packet, server).ok()?;
        let mut answer = [0; DATAGRAM];
        let receive = |udp: &UdpSocket| udp.recv(&mut answer);
        let length = udp.async_io(Interest::READABLE, receive).await.ok()?;
        answer.get(..length).map(<[u8]>::to_vec)
    }

    /// Waits for a packet.
    pub(super) async fn ready(&mut self) {
        if self.frame.is_some() {
            return;
        }
        // A socket that is ready does not yield: without this a flood of packets would starve the gateway's
        // task, the streams and the process's signals.
        if std::mem::take(&mut self.more) {
            yield_now().await;
        }
        let sockets = &self.sockets;
        let readable = poll_fn(|context| {
            let states = sockets.iter().map(|socket| socket.udp.poll_read_ready(context).is_ready());
            // Every socket is polled, so that each registers the waker.
            if states.fold(false, |any, ready| any | ready) { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::select! {
            () = readable => {}
            frame = self.streams.next() => self.frame = Some(frame),
        }
    }

    /// Hands the packets that have come to the room.
    pub(super) fn receive(&mut self, room: &mut Room) {
        if let Some((stream, bytes)) = self.frame.take()
            && room.handle_packet(Instant::now(), Protocol::Tcp, stream.source, &bytes)
        {
            self.streams.taken(stream);
        }
        self.more = false;
        for socket in &self.sockets {
            let mut left = BATCH;
            while left > 0 {
                let buffer = self.buffer.as_mut_slice();
                let received = socket.udp.try_io(Interest::READABLE, |udp| udp.recv_from(buffer));
                let Ok((length, source)) = received else { break };
                if let Some(bytes) = self.buffer.get(..length) {
                    room.handle_packet(Instant::now(), Protocol::Udp, source, bytes);
                }
                left -= 1;
            }
            self.more |= left == 0;
        }
    }

    /// Sends a packet. One that the network does not take at once is lost, as on any network.
    pub(super) fn send(&mut self, transmit: &Transmit) {
        match transmit.proto {
            Protocol::Udp => {
                if let Some(udp) = self.towards(transmit.destination.ip()) {
                    let _ = udp.send_to(&transmit.contents, transmit.destination);
                }
            }
            Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => {
                self.streams.send(transmit.destination, &transmit.contents);
            }
        }
    }

    /// The socket that sends to an address: loopback addresses from the loopback socket, others from the
    /// other, if both are bound. A client that checks a candidate of the other kind drops the answer, whose
    /// source it did not ask; its pair of the same kind works.
    fn towards(&self, destination: IpAddr) -> Option<&UdpSocket> {
        let alike = |socket: &&Socket| socket.local.ip().is_loopback() == destination.is_loopback();
        let socket = self.sockets.iter().find(alike).or(self.sockets.first())?;
        Some(socket.udp.get_ref())
    }
}

/// UDP and TCP on one port.
async fn bind(ip: IpAddr, port: u16) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = if port == 0 { 16 } else { 1 };
    loop {
        tries -= 1;
        let udp = UdpSocket::bind((ip, port))?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

/// Asks for [`RECEIVE_BUFFER`], and answers what the system has given.
fn enlarge(udp: &UdpSocket) -> io::Result<usize> {
    // On systems where too much is an error the socket keeps the size it had.
    let _ = sockopt::set_socket_recv_buffer_size(udp, RECEIVE_BUFFER);
    let given = sockopt::socket_recv_buffer_size(udp)?;
    // Linux doubles the requested size for bookkeeping, and reports the double.
    Ok(if cfg!(target_os = "linux") { given / 2 } else { given })
}

#[expect(
    deprecated,
    reason = "what is to be used instead is unsafe; the standard library's socket keeps its descriptor"
)]
fn watched(udp: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(udp, Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::room::Settings;

    #[tokio::test]
    async fn packets_that_never_end_leave_the_rest_of_the_process_its_turns() {
        let mut media = Media::bind(&["127.0.0.1".parse().unwrap()], 0).await.unwrap();
        let settings = Settings::new("room".to_owned().try_into().unwrap(), media.addresses());
        let mut room = Room::new(settings, Instant::now());
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..=2 * BATCH {
            stranger.send_to(&[0; 20], media.addresses()[0]).unwrap();
        }
        let turns = Rc::new(Cell::new(0));
        let counted = Rc::clone(&turns);
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move {
            for turn in 1..1_000 {
                counted.set(turn);
                yield_now().await;
            }
        });
        local
            .run_until(async {
                for read in [BATCH, 2 * BATCH, 2 * BATCH + 1] {
                    let before = turns.get();
                    media.ready().await;
                    assert!(turns.get() > before, "before packet {read}");
                    media.receive(&mut room);
                    assert_eq!(room.counters().packets_in, read as u64);
                }
            })
            .await;
    }
}
