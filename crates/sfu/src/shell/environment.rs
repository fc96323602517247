//! The environment that the process is started with.
//!
//! | variable | what it is | when unset |
//! |---|---|---|
//! | `SIGNAL_SERVER_URL` | where the gateway is, with the room's secret in its query | refused |
//! | `SFU_ID` | the room | refused |
//! | `RTC_CONFIG` | an `RTCConfiguration`: its `stun:` servers tell the public address | no servers |
//! | `PUBLIC_IP` | what the candidates say; several with commas; or `local` | asked of STUN, then of a web server |
//! | `BIND_IP` | the address to bind | that of the default route; the loopback address, if it is the public one |
//! | `MEDIA_PORT` | UDP and TCP; 0 is any | 3478 |
//! | `METRICS_PORT` | metrics and health, on loopback | off |
//! | `ROOM_IDLE_MINUTES`, `POOL_IDLE_MINUTES` | when a room that was used, or never was, is left | 5, 30 |
//! | `PEER_GRACE_SECONDS` | how long a peer without signaling is kept | 15 |
//! | `IDENTIFY_SECONDS`, `GATEWAY_MINUTES` | how long the first identify, or the lack of a gateway, may take | 60, 10 |
//! | `PING_SECONDS`, `PONG_SECONDS` | the keepalive, and how long its answer may take | 240, 10 |
//! | `RENEW_EARLY_SECONDS` | how long before `reconnectBefore` a socket is replaced | 60 |
//!
//! Times may be fractions. `local` is for a machine that calls itself, as `make run` does: the loopback
//! address, and beside it the machine's own in a private network, if it has one, because Firefox makes no
//! connection to a loopback address. Both are bound, and no other.

use std::net::IpAddr;
use std::time::Duration;

use model::id::RoomId;
use serde::Deserialize;

pub(crate) struct Environment {
    /// Where the gateway is, with the room's secret in its query: never to be shown.
    pub(crate) signal_url: String,
    pub(crate) room: RoomId,
    /// `host:port` of the STUN servers.
    pub(crate) stun: Vec<String>,
    pub(crate) public: Public,
    pub(crate) bind: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) room_idle: Duration,
    pub(crate) pool_idle: Duration,
    pub(crate) peer_grace: Duration,
    pub(crate) identify_limit: Duration,
    pub(crate) gateway_limit: Duration,
    pub(crate) metrics_port: Option<u16>,
    /// How long before the gateway's `reconnectBefore` a new socket is opened.
    pub(crate) renew_early: Duration,
    /// The interval of the socket's keepalive.
    pub(crate) ping: Duration,
    /// How long the answer to it may take.
    pub(crate) pong: Duration,
}

/// What the candidates say.
pub(crate) enum Public {
    /// To be asked of a STUN or web server.
    Unknown,
    Given(Vec<IpAddr>),
    /// The bound addresses, at which this machine reaches itself.
    Local,
}

impl Environment {
    /// # Errors
    /// A sentence that names the variable, what is wrong with it, and what is allowed.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let required =
            |name: &str, allowed: &str| get(name).ok_or(format!("{name} is not set: it has to be {allowed}"));
        let signal_url = required("SIGNAL_SERVER_URL", "the ws:// or wss:// address of the gateway")?;
        if !signal_url.starts_with("ws://") && !signal_url.starts_with("wss://") {
            return Err(
                "SIGNAL_SERVER_URL is no WebSocket address: it has to begin with ws:// or wss://".into()
            );
        }
        let room = RoomId::try_from(required("SFU_ID", "the id of the room")?)
            .map_err(|error| format!("SFU_ID is no id: it has to be {error}"))?;
        let minutes = |name: &str, default| time(&get, name, default, 60.0, "minutes");
        let seconds = |name: &str, default| time(&get, name, default, 1.0, "seconds");
        Ok(Self {
            signal_url,
            room,
            stun: stun_servers(get("RTC_CONFIG").as_deref())?,
            public: public(&get)?,
            bind: address(&get, "BIND_IP")?,
            port: number(&get, "MEDIA_PORT")?.unwrap_or(3478),
            room_idle: minutes("ROOM_IDLE_MINUTES", 5.0)?,
            pool_idle: minutes("POOL_IDLE_MINUTES", 30.0)?,
            peer_grace: seconds("PEER_GRACE_SECONDS", 15.0)?,
            identify_limit: seconds("IDENTIFY_SECONDS", 60.0)?,
            gateway_limit: minutes("GATEWAY_MINUTES", 10.0)?,
            metrics_port: metrics_port(&get)?,
            renew_early: seconds("RENEW_EARLY_SECONDS", 60.0)?,
            ping: seconds("PING_SECONDS", 240.0)?,
            pong: seconds("PONG_SECONDS", 10.0)?,
        })
    }
}

/// The port on loopback for metrics, if there is to be one.
pub(crate) fn metrics_port(get: &impl Fn(&str) -> Option<String>) -> Result<Option<u16>, String> {
    number(get, "METRICS_PORT")
}

fn number(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<u16>, String> {
    let parse = |value: String| {
        value.trim().parse().map_err(|_| format!("{name} is no port: 0 to 65535 are allowed"))
    };
    get(name).map(parse).transpose()
}

fn time(
    get: &impl Fn(&str) -> Option<String>,
    name: &str,
    default: f64,
    unit: f64,
    units: &str,
) -> Result<Duration, String> {
    let wrong = || format!("{name} is no time: {units} above 0 are allowed, and fractions of them");
    let value: f64 = match get(name) {
        Some(value) => value.trim().parse().map_err(|_| wrong())?,
        None => default,
    };
    Duration::try_from_secs_f64(value * unit).ok().filter(|time| !time.is_zero()).ok_or_else(wrong)
}

fn address(get: &impl Fn(&str) -> Option<String>, name: &str) -> Result<Option<IpAddr>, String> {
    let parse =
        |value: String| value.trim().parse().map_err(|_| format!("{name} is no IP address: one is allowed"));
    get(name).map(parse).transpose()
}

fn public(get: &impl Fn(&str) -> Option<String>) -> Result<Public, String> {
    let Some(list) = get("PUBLIC_IP") else { return Ok(Public::Unknown) };
    if list.trim() == "local" {
        return Ok(Public::Local);
    }
    let wrong = |_| {
        "PUBLIC_IP is no IP address: one is allowed, several with commas between them, or local".to_owned()
    };
    list.split(',')
        .map(|address| address.trim().parse().map_err(wrong))
        .collect::<Result<_, _>>()
        .map(Public::Given)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RtcConfig {
    #[serde(default)]
    ice_servers: Vec<IceServer>,
}

#[derive(Deserialize)]
struct IceServer {
    #[serde(default)]
    urls: Urls,
}

/// `RTCIceServer.urls`: a string or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Several(Vec<String>),
}

impl Default for Urls {
    fn default() -> Self {
        Self::Several(vec![])
    }
}

/// The `stun:` servers of an `RTCConfiguration` (RFC 7064).
fn stun_servers(config: Option<&str>) -> Result<Vec<String>, String> {
    let Some(config) = config else { return Ok(vec![]) };
    let config: RtcConfig = serde_json::from_str(config)
        .map_err(|_| "RTC_CONFIG is no RTCConfiguration: JSON with iceServers is allowed".to_owned())?;
    let urls = config.ice_servers.into_iter().flat_map(|server| match server.urls {
        Urls::One(url) => vec![url],
        Urls::Several(urls) => urls,
    });
    let server = |url: String| {
        let host = url.strip_prefix("stun:")?.split('?').next()?.to_owned();
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Some(if has_port { host } else { format!("{host}:3478") })
    };
    Ok(urls.filter_map(server).collect())
}
