//! The address at which clients reach the SFU: as configured, else as a STUN server sees it, else as a web
//! server does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::environment::{Environment, Public};
use super::media::Media;
use crate::stun;

/// The waits for a STUN server's answer.
const STUN_WAITS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_millis(1_500)];
/// The web server that is asked when no STUN server answers.
const CHECK_HOST: &str = "checkip.amazonaws.com";
/// How long its answer may take.
const CHECK_WAIT: Duration = Duration::from_secs(5);
/// The most of its answer that is read.
const CHECK_BYTES: u64 = 4_096;

/// The addresses to bind: the configured one, else those of this machine alone, else that of the default
/// route.
pub(super) fn bound(environment: &Environment) -> Vec<IpAddr> {
    if let Some(ip) = environment.bind {
        return vec![ip];
    }
    let public = match &environment.public {
        Public::Local => return local(route(false)),
        Public::Given(addresses) => addresses.first(),
        Public::Unknown => None,
    };
    if let Some(loopback) = public.filter(|ip| ip.is_loopback()) {
        return vec![*loopback];
    }
    vec![route(public.is_some_and(IpAddr::is_ipv6)).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
}

/// The loopback address, and `own` if it is private: a machine that calls itself opens no port to the
/// internet.
fn local(own: Option<IpAddr>) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    addresses.extend(own.filter(|ip| matches!(ip, IpAddr::V4(ip) if is_private(*ip))));
    addresses
}

/// Whether the internet has no route to it.
fn is_private(ip: Ipv4Addr) -> bool {
    let shared = matches!(ip.octets(), [100, 64..=127, ..]); // RFC 6598: behind a provider's NAT
    ip.is_private() || ip.is_link_local() || ip.is_documentation() || shared
}

/// The local address of the default route. Nothing is sent: connecting a datagram socket only looks the route
/// up.
fn route(v6: bool) -> Option<IpAddr> {
    // Addresses for documentation (RFC 5737, RFC 3849): they are routed like any other, and belong to nobody.
    let (any, far): (IpAddr, IpAddr) = if v6 {
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into())
    } else {
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into())
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses that the candidates say.
///
/// # Errors
/// A sentence, when the address cannot be found out.
pub(super) async fn advertised(
    environment: &Environment,
    media: &Media,
    tls: Arc<ClientConfig>,
) -> Result<Vec<SocketAddr>, String> {
    match &environment.public {
        Public::Given(addresses) => {
            return Ok(addresses.iter().map(|ip| SocketAddr::new(*ip, media.port())).collect());
        }
        Public::Local => return Ok(media.addresses()),
        Public::Unknown => {}
    }
    for server in &environment.stun {
        if let Some(seen) = ask_stun(server, media).await {
            // With its port: a NAT may map the media port to another.
            return Ok(vec![seen]);
        }
    }
    match timeout(CHECK_WAIT, ask_web(tls)).await {
        Ok(Some(ip)) => Ok(vec![SocketAddr::new(ip, media.port())]),
        _ => Err(format!(
            "the public address is unknown: neither a STUN server of RTC_CONFIG nor {CHECK_HOST} tells it; set PUBLIC_IP"
        )),
    }
}

async fn ask_stun(server: &str, media: &Media) -> Option<SocketAddr> {
    let v6 = media.is_v6();
    let server = lookup_host(server).await.ok()?.find(|address| address.is_ipv6() == v6)?;
    let id: [u8; 12] = rand::random();
    for wait in STUN_WAITS {
        let answer = async {
            loop {
                let answer = media.ask(server, &stun::request(id)).await?;
                if let Some(seen) = stun::response(&answer, id) {
                    return Some(seen);
                }
            }
        };
        if let Ok(Some(seen)) = timeout(wait, answer).await {
            return Some(seen);
        }
    }
    None
}

/// Asks over HTTPS: the answer's body is the address.
async fn ask_web(tls: Arc<ClientConfig>) -> Option<IpAddr> {
    let stream = TcpStream::connect((CHECK_HOST, 443)).await.ok()?;
    let name = ServerName::try_from(CHECK_HOST).ok()?;
    let mut stream = TlsConnector::from(tls).connect(name, stream).await.ok()?;
    let request = format!("GET / HTTP/1.1\r\nHost: {CHECK_HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    // A server may close without `close_notify`: the answer is complete all the same.
    let _ = stream.take(CHECK_BYTES).read_to_string(&mut answer).await;
    web_answer(&answer)
}

fn web_answer(answer: &str) -> Option<IpAddr> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200")?;
    body.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_calls_itself_opens_no_port_to_the_internet() {
        let loopback: IpAddr = Ipv4Addr::LOCALHOST.into();
        for own in ["192.168.1.20", "10.0.0.7", "172.31.255.1", "100.64.0.1", "169.254.3.4", "192.0.2.2"] {
            let own: IpAddr = own.parse().unwrap();
            assert_eq!(local(Some(own)), [loopback, own]);
        }
        for own in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "0.0.0.0", "127.0.0.1", "2001:db8::1"] {
            assert_eq!(local(Some(own.parse().unwrap())), [loopback], "{own}");
        }
        assert_eq!(local(None), [loopback]);
    }

    #[test]
    fn the_web_server_s_answer_is_an_address_or_nothing() {
        let answer = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\nServer: x\r\n\r\n{body}\n");
        assert_eq!(web_answer(&answer("200 OK", "192.0.2.7")), Some(Ipv4Addr::new(192, 0, 2, 7).into()));
        assert_eq!(web_answer(&answer("503 Busy", "192.0.2.7")), None);
        assert_eq!(web_answer(&answer("200 OK", "<html>")), None);
        assert_eq!(web_answer("HTTP/1.1 200 OK"), None);
    }
}
