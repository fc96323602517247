//! The executable, with a gateway of a few lines in place of the real one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends as soon as something is not as it should be"
)]

mod gateway;
mod ice_tcp;

use std::time::Duration;

use gateway::{Gateway, Sfu};
use serde_json::{Value, json};

/// A client's offer.
fn offer(sender: &str, room: &str) -> Value {
    let mut client = str0m::Rtc::new(std::time::Instant::now());
    let mut api = client.sdp_api();
    api.add_channel("chat".into());
    let (offer, _) = api.apply().unwrap();
    let description = json!({ "type": "offer", "sdp": offer.to_sdp_string() });
    json!({ "type": "producer", "sender": sender, "roomId": room, "description": description })
}

#[tokio::test]
async fn it_identifies_pings_and_leaves_when_it_is_asked_to_end() {
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[("PING_SECONDS", "0.3")]);
    let mut socket = gateway.accept().await;
    assert_eq!(socket.query, "/prod?token=secret");
    let identify = socket.next("identify").await;
    assert_eq!(
        identify["data"],
        json!({ "type": "sfu", "id": "room", "features": ["candidates", "ice-lite"] })
    );
    socket.identified(Duration::from_hours(1)).await;
    for _ in 0..2 {
        socket.next("ping").await;
        socket.say(&json!({ "type": "pong" })).await;
    }
    sfu.terminate();
    let leave = socket.next("leave").await;
    assert_eq!(leave["data"], json!({}));
    socket.say(&json!({ "type": "ack", "requestId": leave["requestId"] })).await;
    assert_eq!(sfu.ended().await, Some(0));
    assert!(!sfu.output().await.contains("secret"));
}

#[tokio::test]
async fn a_socket_that_breaks_is_opened_again_with_the_same_token() {
    let mut gateway = Gateway::start().await;
    let _sfu = Sfu::start(&gateway, &[]);
    for _ in 0..3 {
        let mut socket = gateway.accept().await;
        assert_eq!(socket.query, "/prod?token=secret");
        socket.next("identify").await;
        socket.identified(Duration::from_hours(1)).await;
    }
}

#[tokio::test]
async fn a_socket_that_answers_no_ping_is_dead() {
    let mut gateway = Gateway::start().await;
    let _sfu = Sfu::start(&gateway, &[("PING_SECONDS", "0.2"), ("PONG_SECONDS", "0.3")]);
    let mut silent = gateway.accept().await;
    silent.next("identify").await;
    silent.identified(Duration::from_hours(1)).await;
    silent.next("ping").await;
    let mut another = gateway.accept().await;
    another.next("identify").await;
}

#[tokio::test]
async fn another_socket_is_there_before_the_first_one_s_time_is_up() {
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[]);
    let mut first = gateway.accept().await;
    first.next("identify").await;
    first.identified(Duration::from_secs(2)).await;
    let mut second = gateway.accept().await;
    second.next("identify").await;
    // The gateway ends the older one before it answers the newer one.
    first.say(&json!({ "type": "goAway", "reason": "replaced" })).await;
    drop(first);
    second.identified(Duration::from_hours(1)).await;
    sfu.terminate();
    second.next("leave").await;
}

#[tokio::test]
async fn an_identify_that_is_refused_or_not_answered_is_sent_again_on_the_same_socket() {
    let mut gateway = Gateway::start().await;
    let _sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    let first = socket.next("identify").await;
    for message in ["Too Many Requests", "Internal server error"] {
        socket.say(&json!({ "message": message, "connectionId": "c=", "requestId": "theirs=" })).await;
        assert_eq!(socket.next("identify").await, first);
    }
    // Without a word.
    assert_eq!(socket.next("identify").await, first);
    socket.identified(Duration::from_hours(1)).await;
    socket.say(&offer("anna", "room")).await;
    socket.next("handshake").await;
}

#[tokio::test]
async fn messages_before_identified_are_handled_after_it() {
    let mut gateway = Gateway::start().await;
    let _sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.say(&offer("anna", "room")).await;
    socket.identified(Duration::from_hours(1)).await;
    let answer = socket.next("handshake").await;
    assert_eq!(
        (&answer["data"]["receiver"], &answer["data"]["description"]["type"]),
        (&json!("anna"), &json!("answer"))
    );
}

#[tokio::test]
async fn people_of_a_session_are_answered_under_its_id_whatever_the_sfu_is_called() {
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.identified(Duration::from_hours(1)).await;
    let offer = offer("AdaZkdJ3IAMCKmg=", "1_MX4xMjM0NTY3OH5-");
    socket.say(&offer).await;
    let answer = socket.next("handshake").await;
    assert_eq!(
        (&answer["data"]["sender"], &answer["data"]["roomId"], &answer["data"]["receiver"]),
        (&json!("room"), &offer["roomId"], &offer["sender"])
    );
    sfu.terminate();
    let leave = socket.next("leave").await;
    assert_eq!(leave["data"], json!({}));
    socket.say(&json!({ "type": "ack", "requestId": leave["requestId"] })).await;
    assert_eq!(sfu.ended().await, Some(0));
    assert!(!sfu.output().await.contains("1_MX4xMjM0NTY3OH5-"));
}

#[tokio::test]
async fn bad_descriptions_do_not_fill_the_log() {
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.identified(Duration::from_hours(1)).await;
    for n in 0..100 {
        let sender = format!("mallory-{n}");
        let description = json!({ "type": "offer", "sdp": "nonsense" });
        socket
            .say(&json!({ "type": "producer", "sender": sender, "roomId": "room", "description": description }))
            .await;
    }
    // Read after all of them, and the end of the process.
    socket.say(&json!({ "type": "goAway", "reason": "replaced" })).await;
    assert_eq!(sfu.ended().await, Some(1));
    let lines = sfu.output().await.matches("a description was refused").count();
    assert!((1..30).contains(&lines), "{lines}: one a second");
}

#[tokio::test]
async fn a_permanent_refusal_of_the_gateway_ends_the_process_with_a_sentence() {
    for (status, code) in [(401, "unauthorized"), (410, "room_closed")] {
        let mut gateway = Gateway::start().await;
        let mut sfu = Sfu::start(&gateway, &[]);
        let mut socket = gateway.accept().await;
        socket.next("identify").await;
        let error = json!({ "type": "error", "requestId": "identify", "status": status, "code": code, "message": "" });
        socket.say(&error).await;
        assert_eq!(sfu.ended().await, Some(1));
        let output = sfu.output().await;
        assert!(output.contains("\"reason\":\"the ") && !output.contains("secret"), "{output}");
    }
}

#[tokio::test]
async fn a_gateway_that_cannot_be_reached_ends_the_process_in_time() {
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[("IDENTIFY_SECONDS", "1.5")]);
    gateway.close();
    assert_eq!(sfu.ended().await, Some(1));
    assert!(sfu.output().await.contains("in time"));
}

#[tokio::test]
async fn it_ends_when_asked_to_while_it_still_looks_for_its_address() {
    let gateway = Gateway::start().await;
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = format!("{{\"iceServers\":[{{\"urls\":\"stun:{}\"}}]}}", silent.local_addr().unwrap());
    let looks = [("PUBLIC_IP", ""), ("BIND_IP", "127.0.0.1"), ("RTC_CONFIG", config.as_str())];
    let mut sfu = Sfu::start(&gateway, &looks);
    silent.recv_from(&mut [0; 64]).await.unwrap();
    sfu.terminate();
    assert_eq!(sfu.ended().await, Some(0));
}

/// The sockets of a process in one of the kernel's tables, with their drops: `(address:port in hexadecimal,
/// datagrams dropped)`.
#[cfg(target_os = "linux")]
fn udp_sockets(sfu: &Sfu) -> Vec<(String, u64)> {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", sfu.pid())).unwrap();
    let open: Vec<String> = descriptors
        .filter_map(|fd| Some(std::fs::read_link(fd.ok()?.path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| open.contains(&format!("socket:[{}]", row[9])))
        .map(|row| (row[1].to_owned(), row[12].parse().unwrap()))
        .collect()
}

/// The address of `192.0.2.7:53` as the kernel's table writes it, without the port.
#[cfg(target_os = "linux")]
fn in_the_table(ip: std::net::Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(ip.octets()))
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_machine_that_calls_itself_has_its_own_address_beside_loopback_and_no_other_is_bound() {
    let mut gateway = Gateway::start().await;
    let sfu = Sfu::start(&gateway, &[("PUBLIC_IP", "local")]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.identified(Duration::from_hours(1)).await;
    socket.say(&offer("anna", "room")).await;
    let answer = socket.next("handshake").await;
    let sdp = answer["data"]["description"]["sdp"].as_str().unwrap();
    let mut said: Vec<(std::net::Ipv4Addr, u16)> = sdp
        .lines()
        .filter(|line| line.starts_with("a=candidate:") && line.contains(" udp "))
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| (words[4].parse().unwrap(), words[5].parse().unwrap()))
        .collect();
    // Of the one that leads out, as far as the internet does not lead to it.
    let out = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = out.connect("192.0.2.1:9").and_then(|()| out.local_addr()).map(|address| address.ip());
    let addresses = said.iter().map(|(ip, _)| *ip).collect::<Vec<_>>();
    assert_eq!(addresses.first(), Some(&std::net::Ipv4Addr::LOCALHOST));
    match own {
        Ok(std::net::IpAddr::V4(own)) if own.is_private() || own.is_documentation() => {
            assert_eq!(addresses, [std::net::Ipv4Addr::LOCALHOST, own]);
        }
        _ => assert!(!addresses.contains(&std::net::Ipv4Addr::UNSPECIFIED), "{addresses:?}"),
    }
    let mut bound: Vec<_> = udp_sockets(&sfu).into_iter().map(|(address, _)| address).collect();
    bound.sort();
    said.sort();
    let mut wanted: Vec<_> =
        said.iter().map(|(ip, port)| format!("{}:{port:04X}", in_the_table(*ip))).collect();
    wanted.sort();
    assert_eq!(bound, wanted);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn packets_wait_in_the_receive_buffer_while_the_process_is_not_scheduled() {
    const WANTED: usize = 4 << 20;
    let mut gateway = Gateway::start().await;
    let mut sfu = Sfu::start(&gateway, &[]);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    socket.identified(Duration::from_hours(1)).await;
    // What it answers comes after it has heard that it is identified.
    let description = json!({ "type": "offer", "sdp": "" });
    socket
        .say(&json!({ "type": "producer", "sender": "a", "roomId": "room", "description": description }))
        .await;
    socket.next("handshake").await;
    let sockets = udp_sockets(&sfu);
    assert!(sockets.len() == 1 && sockets[0].1 == 0, "one socket, and nothing lost: {sockets:?}");
    let address = &sockets[0].0;
    let port = u16::from_str_radix(address.split_once(':').unwrap().1, 16).unwrap();
    sfu.pause();
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    // Ten times what the usual buffer holds.
    for _ in 0..2_000 {
        stranger.send_to(&[0; 1_200], ("127.0.0.1", port)).unwrap();
    }
    let (_, lost) = udp_sockets(&sfu)[0];
    sfu.resume();
    sfu.terminate();
    let leave = socket.next("leave").await;
    socket.say(&json!({ "type": "ack", "requestId": leave["requestId"] })).await;
    assert_eq!(sfu.ended().await, Some(0));
    let said = sfu.output().await.matches("a smaller receive buffer").count();
    let limit: usize =
        std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse().unwrap();
    if limit >= WANTED {
        assert_eq!((lost, said), (0, 0));
    } else {
        assert_eq!(said, 1, "the system gives {limit} bytes");
    }
}

#[tokio::test]
async fn a_wrong_environment_is_one_sentence() {
    let gateway = Gateway::start().await;
    let cases = [
        ("PUBLIC_IP", "here", "PUBLIC_IP is no IP address"),
        ("PUBLIC_IP", "local,127.0.0.1", "PUBLIC_IP is no IP address"),
        ("MEDIA_PORT", "70000", "MEDIA_PORT is no port"),
        ("ROOM_IDLE_MINUTES", "-1", "ROOM_IDLE_MINUTES is no time"),
        ("RTC_CONFIG", "[", "RTC_CONFIG is no RTCConfiguration"),
        ("SFU_ID", "a b", "SFU_ID is no id"),
        ("SIGNAL_SERVER_URL", "http://127.0.0.1/?token=secret", "SIGNAL_SERVER_URL is no WebSocket address"),
    ];
    for (name, value, sentence) in cases {
        let mut sfu = Sfu::start(&gateway, &[(name, value)]);
        assert_eq!(sfu.ended().await, Some(1), "{name}");
        let output = sfu.output().await;
        assert!(output.contains(sentence) && !output.contains("secret"), "{output}");
    }
}

#[tokio::test]
async fn it_answers_health_checks_and_metrics() {
    let mut gateway = Gateway::start().await;
    let port = gateway::free_port();
    let metrics = [("METRICS_PORT", port.as_str())];
    let mut sick = Sfu::health(&metrics);
    assert_eq!(sick.ended().await, Some(1), "nobody is there");
    let _sfu = Sfu::start(&gateway, &metrics);
    let mut socket = gateway.accept().await;
    socket.next("identify").await;
    let mut well = Sfu::health(&metrics);
    assert_eq!(well.ended().await, Some(0));
    let text = gateway::get(&port, "/metrics").await;
    assert!(
        text.contains("arbiter_sfu_people 0\n") && text.contains("arbiter_sfu_resident_memory_bytes "),
        "{text}"
    );
}
