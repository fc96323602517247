//! The media port: UDP, and TCP on the same number for clients whose network lets no UDP out.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use str0m::net::{Protocol, Transmit};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;

use super::tcp::Streams;
use crate::room::Room;

/// Packets that are read in a row, before any is sent on.
const BATCH: usize = 64;
/// The largest datagram: more than any network carries.
const DATAGRAM: usize = 2_048;

/// The sockets.
pub(super) struct Media {
    /// Watched for what comes only: over loopback each packet sent would wake us to say that there is room for another.
    udp: AsyncFd<UdpSocket>,
    streams: Streams,
    local: SocketAddr,
    buffer: Box<[u8; DATAGRAM]>,
    /// Packets of the streams, which were awaited and are yet to be handled.
    frame: Option<(SocketAddr, Vec<u8>)>,
}

impl Media {
    /// Binds both; `port` 0 is any that is free for both.
    pub(super) async fn bind(ip: IpAddr, port: u16) -> Result<Self, String> {
        let failed = |error: io::Error| format!("MEDIA_PORT {port} cannot be bound: {}", error.kind());
        let mut tries = if port == 0 { 16 } else { 1 };
        let (udp, tcp) = loop {
            tries -= 1;
            let udp = UdpSocket::bind((ip, port)).map_err(failed)?;
            let local = udp.local_addr().map_err(failed)?;
            match TcpListener::bind(local).await {
                Ok(tcp) => break (udp, tcp),
                Err(error) if tries == 0 => return Err(failed(error)),
                Err(_) => {}
            }
        };
        let local = udp.local_addr().map_err(failed)?;
        udp.set_nonblocking(true).map_err(failed)?;
        let udp = watched(udp).map_err(failed)?;
        let buffer = Box::new([0; DATAGRAM]);
        Ok(Self { udp, streams: Streams::listen(tcp), local, buffer, frame: None })
    }

    pub(super) fn port(&self) -> u16 {
        self.local.port()
    }

    pub(super) fn is_v6(&self) -> bool {
        self.local.is_ipv6()
    }

    /// Sends a packet from the media port, and waits for one in return.
    pub(super) async fn ask(&self, server: SocketAddr, packet: &[u8]) -> Option<Vec<u8>> {
        self.udp.get_ref().send_to(packet, server).ok()?;
        let mut answer = [0; DATAGRAM];
        let receive = |udp: &UdpSocket| udp.recv(&mut answer);
        let length = self.udp.async_io(Interest::READABLE, receive).await.ok()?;
        answer.get(..length).map(<[u8]>::to_vec)
    }

    /// Waits for a packet.
    pub(super) async fn ready(&mut self) {
        if self.frame.is_some() {
            return;
        }
        tokio::select! {
            _ = self.udp.readable() => {}
            frame = self.streams.next() => self.frame = Some(frame),
        }
    }

    /// Hands the packets that have come to the room.
    pub(super) fn receive(&mut self, room: &mut Room) {
        if let Some((source, bytes)) = self.frame.take() {
            room.handle_packet(Instant::now(), Protocol::Tcp, source, &bytes);
        }
        for _ in 0..BATCH {
            let buffer = self.buffer.as_mut_slice();
            let received = self.udp.try_io(Interest::READABLE, |udp| udp.recv_from(buffer));
            let Ok((length, source)) = received else { break };
            if let Some(bytes) = self.buffer.get(..length) {
                room.handle_packet(Instant::now(), Protocol::Udp, source, bytes);
            }
        }
    }

    /// Sends a packet. One that the network does not take at once is lost, as on any network.
    pub(super) fn send(&mut self, transmit: &Transmit) {
        match transmit.proto {
            Protocol::Udp => drop(self.udp.get_ref().send_to(&transmit.contents, transmit.destination)),
            Protocol::Tcp | Protocol::SslTcp | Protocol::Tls => {
                self.streams.send(transmit.destination, &transmit.contents);
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "what is to be used instead is unsafe; the standard library's socket keeps its descriptor"
)]
fn watched(udp: UdpSocket) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(udp, Interest::READABLE)
}
