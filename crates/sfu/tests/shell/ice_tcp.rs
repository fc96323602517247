//! ICE-TCP: which streams stay.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use str0m::change::SdpAnswer;
use str0m::net::Protocol;
use str0m::{Candidate, Input, Output, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::gateway::{Gateway, PATIENCE, Sfu, Socket};

/// An offer that the SFU has answered: where it is, and a check (RFC 8445 §7.2.4) that it accepts and one that is
/// made with another password.
async fn joined(socket: &mut Socket) -> (SocketAddr, [Vec<u8>; 2]) {
    let mut client = Rtc::new(Instant::now());
    client.add_local_candidate(Candidate::host("127.0.0.1:9".parse().unwrap(), Protocol::Udp).unwrap());
    let mut api = client.sdp_api();
    api.add_channel("chat".into());
    let (offer, pending) = api.apply().unwrap();
    let description = json!({ "type": "offer", "sdp": offer.to_sdp_string() });
    let offer = json!({ "type": "producer", "sender": "anna", "roomId": "room", "description": description });
    socket.say(&offer).await;
    let answer = socket.next("handshake").await["data"]["description"]["sdp"].as_str().unwrap().to_owned();
    let answered = SdpAnswer::from_sdp_string(&answer).unwrap();
    client.sdp_api().accept_answer(pending, answered).unwrap();
    let (address, right) = check(&mut client);
    let mut credentials = client.direct_api().local_ice_credentials();
    let line = answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    line.clone_into(&mut credentials.ufrag);
    client.direct_api().set_remote_ice_credentials(credentials);
    (address, [right, check(&mut client).1])
}

/// The next check that a client sends.
fn check(client: &mut Rtc) -> (SocketAddr, Vec<u8>) {
    let mut now = Instant::now();
    loop {
        match client.poll_output().unwrap() {
            Output::Transmit(transmit) => return (transmit.destination, transmit.contents.to_vec()),
            Output::Timeout(later) => {
                now = later.max(now + Duration::from_millis(10));
                client.handle_input(Input::Timeout(now)).unwrap();
            }
            Output::Event(_) => {}
        }
    }
}

async fn send(stream: &mut TcpStream, packet: &[u8]) -> bool {
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], packet].concat()).await.is_ok()
}

/// The first bytes of a frame, or nothing once the stream is closed.
async fn answer(stream: &mut TcpStream) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().ok().map(|_| bytes)
}

#[tokio::test]
async fn a_stream_stays_only_if_a_connection_takes_a_check_of_it_in_time() {
    let mut gateway = Gateway::start().await;
    let _sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.identified(Duration::from_hours(1)).await;
    let (address, [right, wrong]) = joined(&mut socket).await;
    let mut proven = TcpStream::connect(address).await.unwrap();
    send(&mut proven, &right).await;
    let success = answer(&mut proven).await.unwrap();
    assert_eq!(success[2..], [1, 1], "a success response");
    let idle = [vec![], vec![0xff; 100], wrong].map(async |packet| {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        // All the time, until it is closed.
        while send(&mut stream, &packet).await && begin.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        begin.elapsed()
    });
    for open in futures::future::join_all(idle).await {
        assert!((Duration::from_secs(4)..PATIENCE).contains(&open), "{open:?}");
    }
    let rest = usize::from(u16::from_be_bytes([success[0], success[1]])) - 2;
    proven.read_exact(&mut vec![0; rest]).await.unwrap();
    send(&mut proven, &right).await;
    assert_eq!(answer(&mut proven).await, Some(success));
}
