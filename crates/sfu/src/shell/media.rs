//! The media port: UDP, and TCP on the same number for clients whose network lets no UDP out.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use str0m::net::{Protocol, Transmit};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;
use tokio::task::yield_now;

use super::tcp::Streams;
use crate::room::Room;

/// Packets that are read in a row, before any is sent on and everything else in the process has its turn.
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
    /// The last packets that were read may not have been all that have come.
    more: bool,
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
        Ok(Self { udp, streams: Streams::listen(tcp), local, buffer, frame: None, more: false })
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
        // Readiness that is there already costs no turn: without this a flood of packets would keep the gateway's
        // task, the streams' and the signals of the process from running, for as long as it lasts.
        if std::mem::take(&mut self.more) {
            yield_now().await;
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
        self.more = true;
        for _ in 0..BATCH {
            let buffer = self.buffer.as_mut_slice();
            let received = self.udp.try_io(Interest::READABLE, |udp| udp.recv_from(buffer));
            let Ok((length, source)) = received else {
                self.more = false;
                break;
            };
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;
    use crate::room::Settings;

    #[tokio::test]
    async fn packets_that_never_end_leave_the_rest_of_the_process_its_turns() {
        let mut media = Media::bind("127.0.0.1".parse().unwrap(), 0).await.unwrap();
        let settings = Settings::new("room".to_owned().try_into().unwrap(), vec![media.local]);
        let mut room = Room::new(settings, Instant::now());
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..=2 * BATCH {
            stranger.send_to(&[0; 20], media.local).unwrap();
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
