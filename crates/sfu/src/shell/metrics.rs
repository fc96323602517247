//! Metrics: a line a minute for `CloudWatch` (embedded metric format), and text for Prometheus on loopback,
//! which the health check asks for too.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::id::RoomId;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::process::{self, Usage};
use crate::room::{Counters, Gauges, Room};

/// How often a line is written.
pub(super) const INTERVAL: Duration = Duration::from_mins(1);
/// How long a request, and the answer to one, may take.
const WAIT: Duration = Duration::from_secs(2);
/// Requests that wait for the room.
const QUEUE: usize = 4;

/// All metrics at one moment.
pub(super) struct Snapshot {
    gauges: Gauges,
    counters: Counters,
    usage: Usage,
}

impl Snapshot {
    pub(super) fn of(room: &Room) -> Self {
        Self { gauges: room.gauges(), counters: room.counters().clone(), usage: process::usage() }
    }
}

/// A request for metrics.
pub(super) type Asked = oneshot::Sender<Snapshot>;

/// The counters, under their names in both formats.
fn counted(counters: &Counters) -> [(&'static str, &'static str, u64); 16] {
    [
        ("PacketsIn", "packets_in_total", counters.packets_in),
        ("PacketsOut", "packets_out_total", counters.packets_out),
        ("BytesIn", "bytes_in_total", counters.bytes_in),
        ("BytesOut", "bytes_out_total", counters.bytes_out),
        ("PacketsForwarded", "packets_forwarded_total", counters.forwarded),
        ("PacketsWithheld", "packets_withheld_total", counters.withheld),
        ("StreamsOver", "streams_over_total", counters.streams_over),
        ("StrayPackets", "stray_packets_total", counters.strays),
        ("KeyFrameRequests", "key_frame_requests_total", counters.key_frames_asked),
        ("LayerSwitches", "layer_switches_total", counters.switches),
        ("Signals", "signals_total", counters.signals_out),
        ("SignalsRefused", "signals_refused_total", counters.refused),
        ("BadDescriptions", "bad_descriptions_total", counters.bad_descriptions),
        ("ConsumersRebuilt", "consumers_rebuilt_total", counters.rebuilds),
        ("Joins", "joins_total", counters.joins),
        ("Departures", "departures_total", counters.departures),
    ]
}

/// The gauges, under their names in both formats.
fn present(gauges: &Gauges) -> [(&'static str, &'static str, usize); 3] {
    [
        ("People", "people", gauges.peers),
        ("Producers", "producers", gauges.producers),
        ("Consumers", "consumers", gauges.consumers),
    ]
}

/// The line of a minute in `CloudWatch`'s embedded metric format: counters as differences to `before`.
pub(super) fn line(room: &RoomId, before: &Snapshot, now: &Snapshot, elapsed: Duration) -> String {
    let mut fields = Map::new();
    let mut metrics = vec![];
    let mut put = |name: &str, unit: &str, value: Value| {
        metrics.push(json!({ "Name": name, "Unit": unit }));
        fields.insert(name.into(), value);
    };
    for (name, _, value) in present(&now.gauges) {
        put(name, "Count", value.into());
    }
    for ((name, _, value), (_, _, earlier)) in
        counted(&now.counters).into_iter().zip(counted(&before.counters))
    {
        let unit = if name.starts_with("Bytes") { "Bytes" } else { "Count" };
        put(name, unit, value.saturating_sub(earlier).into());
    }
    let (later, earlier) = (&now.counters, &before.counters);
    let mean =
        |sum: f64, count: u64| u32::try_from(count).ok().filter(|n| *n > 0).map(|n| sum / f64::from(n));
    let loss = mean(later.loss_sum - earlier.loss_sum, later.loss_reports - earlier.loss_reports);
    if let Some(loss) = loss {
        put("Loss", "Percent", (loss * 100.0).into());
    }
    if let Some(trip) =
        mean(later.round_trip_sum - earlier.round_trip_sum, later.round_trips - earlier.round_trips)
    {
        put("RoundTrip", "Milliseconds", (trip * 1_000.0).into());
    }
    let cpu = now.usage.cpu.saturating_sub(before.usage.cpu).as_secs_f64() / elapsed.as_secs_f64().max(0.001);
    put("Cpu", "Percent", (cpu * 100.0).into());
    put("Memory", "Bytes", now.usage.memory.into());
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let directive = json!({ "Namespace": "Arbiter", "Dimensions": [["Service"]], "Metrics": metrics });
    fields.insert(
        "_aws".into(),
        json!({ "Timestamp": u64::try_from(time).unwrap_or_default(), "CloudWatchMetrics": [directive] }),
    );
    fields.insert("Service".into(), "sfu".into());
    fields.insert("room.id".into(), room.as_str().into());
    Value::Object(fields).to_string()
}

/// The text that Prometheus reads.
fn text(now: &Snapshot) -> String {
    let mut text = String::new();
    let mut put = |name: &str, kind: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE arbiter_sfu_{name} {kind}\narbiter_sfu_{name} {value}");
    };
    for (_, name, value) in present(&now.gauges) {
        put(name, "gauge", &value);
    }
    for (_, name, value) in counted(&now.counters) {
        put(name, "counter", &value);
    }
    put("loss_fraction_sum", "counter", &now.counters.loss_sum);
    put("loss_fraction_count", "counter", &now.counters.loss_reports);
    put("round_trip_seconds_sum", "counter", &now.counters.round_trip_sum);
    put("round_trip_seconds_count", "counter", &now.counters.round_trips);
    put("cpu_seconds_total", "counter", &now.usage.cpu.as_secs_f64());
    put("resident_memory_bytes", "gauge", &now.usage.memory);
    text
}

/// Answers on loopback. The metrics come from the room's own loop, so that an answer shows that it is not
/// stuck.
///
/// # Errors
/// A sentence, when the port cannot be bound.
pub(super) async fn serve(port: Option<u16>) -> Result<mpsc::Receiver<Asked>, String> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let Some(port) = port else { return Ok(receiver) };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener =
        listener.map_err(|error| format!("METRICS_PORT {port} cannot be bound: {}", error.kind()))?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let _ = timeout(WAIT * 2, answer(stream, &sender)).await;
                }
                Err(_) => tokio::time::sleep(WAIT).await,
            }
        }
    });
    Ok(receiver)
}

async fn answer(mut stream: TcpStream, room: &mpsc::Sender<Asked>) -> std::io::Result<()> {
    let mut request = [0; 1_024];
    let length = stream.read(&mut request).await?;
    let wanted = request.get(..length).unwrap_or_default().starts_with(b"GET /metrics");
    let (asked, snapshot) = oneshot::channel();
    let snapshot = match timeout(WAIT, room.send(asked)).await {
        Ok(Ok(())) => timeout(WAIT, snapshot).await.ok().and_then(Result::ok),
        _ => None,
    };
    let (status, body) = match (snapshot, wanted) {
        (Some(snapshot), true) => ("200 OK", text(&snapshot)),
        (Some(_), false) => ("404 Not Found", "GET /metrics\n".into()),
        (None, _) => ("503 Service Unavailable", "the room does not answer\n".into()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await
}

/// `arbiter-sfu --health`: asks the running process for its metrics.
pub(super) async fn check(port: Option<u16>) -> ExitCode {
    let asked = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port?)).await.ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.ok()?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.ok()?;
        (answer == *b"HTTP/1.1 200").then_some(())
    };
    if let Ok(Some(())) = timeout(WAIT * 2, asked).await {
        return ExitCode::SUCCESS;
    }
    tracing::error!("no SFU answers on METRICS_PORT");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(packets: u64, trips: u64, people: usize) -> Snapshot {
        let counters = Counters {
            packets_in: packets,
            round_trips: trips,
            round_trip_sum: f64::from(u32::try_from(trips).unwrap()) * 0.04,
            ..Counters::default()
        };
        let usage = Usage { cpu: Duration::from_millis(packets), memory: 1 << 20 };
        Snapshot { gauges: Gauges { peers: people, ..Gauges::default() }, counters, usage }
    }

    #[test]
    fn a_minute_s_line_holds_what_happened_in_it() {
        let room = RoomId::try_from("room".to_owned()).unwrap();
        let line = line(&room, &snapshot(100, 5, 2), &snapshot(700, 9, 3), INTERVAL);
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["People"], &line["PacketsIn"], &line["room.id"]),
            (&3.into(), &600.into(), &"room".into())
        );
        assert_eq!(
            (&line["Cpu"], &line["Memory"], line["RoundTrip"].as_f64().unwrap().round()),
            (&1.0.into(), &1_048_576.into(), 40.0)
        );
        assert!(line.get("Loss").is_none(), "nobody reported any");
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert!(metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_number()));
    }

    #[test]
    fn prometheus_reads_every_metric_once() {
        let text = text(&snapshot(7, 1, 2));
        assert!(text.contains("# TYPE arbiter_sfu_people gauge\narbiter_sfu_people 2\n"));
        assert!(text.contains("arbiter_sfu_packets_in_total 7\n"));
        assert_eq!(text.matches("# TYPE").count() * 2, text.lines().count());
    }
}
