//! Sockets, the clock and the process around the [`room`](crate::room).

mod address;
mod environment;
mod gateway;
mod logging;
mod media;
mod metrics;
mod process;
mod tcp;
mod tls;

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::room::{Exit, Output, Room, Settings};
use environment::Environment;
use gateway::GatewayEvent;
use media::Media;
use metrics::Snapshot;

/// How much later than it asked the room may be given the time. A packet that comes meanwhile saves the
/// timer, and in a call one nearly always does.
const SLACK: Duration = Duration::from_millis(10);

/// Messages that wait for the socket to the gateway: as many as the room keeps.
const MAX_OUTGOING: usize = 1_024;

/// The whole program.
pub async fn main() -> ExitCode {
    logging::init();
    let variable = |name: &str| std::env::var(name).ok();
    if std::env::args().any(|argument| argument == "--health") {
        return metrics::check(environment::metrics_port(&variable).unwrap_or_default()).await;
    }
    let result = match Environment::read(variable) {
        Ok(environment) => run(environment).await,
        Err(sentence) => Err(sentence),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            tracing::error!(reason = sentence, "the SFU ends");
            ExitCode::FAILURE
        }
    }
}

/// Serves one room until it is left.
///
/// # Errors
/// A sentence for the log, when the process cannot go on.
async fn run(environment: Environment) -> Result<(), String> {
    // First: signals without a handler do not even end the first process of a container.
    let failed = |error: std::io::Error| format!("signals cannot be awaited: {error}");
    let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let tls = tls::config()?;
    let mut media = Media::bind(&address::bound(&environment), environment.port).await?;
    let addresses = tokio::select! {
        addresses = address::advertised(&environment, &media, Arc::clone(&tls)) => addresses?,
        _ = terminated.recv() => return Ok(()),
        _ = interrupted.recv() => return Ok(()),
    };
    let mut asked = metrics::serve(environment.metrics_port).await?;
    let settings = Settings {
        room_idle: environment.room_idle,
        pool_idle: environment.pool_idle,
        peer_grace: environment.peer_grace,
        identify_limit: environment.identify_limit,
        gateway_limit: environment.gateway_limit,
        ..Settings::new(environment.room.clone(), addresses)
    };
    let mut room = Room::new(settings, Instant::now());
    let (to_gateway, outgoing) = mpsc::channel(MAX_OUTGOING);
    let (incoming, mut from_gateway) = mpsc::channel(256);
    let gateway = gateway::Gateway::new(&environment, tls, incoming, outgoing);
    let gateway = tokio::spawn(gateway.run());
    tracing::info!(room.id = %environment.room, port = media.port(), "the SFU has started");
    let mut minute =
        tokio::time::interval_at(tokio::time::Instant::now() + metrics::INTERVAL, metrics::INTERVAL);
    let mut before = Snapshot::of(&room);
    let mut sleep = pin!(tokio::time::sleep_until(tokio::time::Instant::now()));
    let exit = loop {
        if let Some(exit) = act(&mut room, &mut media, &to_gateway) {
            break exit;
        }
        // Before anything else, so that endless packets cannot starve timeouts; and once, so that timeouts
        // that are always due cannot starve the rest.
        let now = Instant::now();
        if room.next_timeout() <= now {
            room.handle_timeout(now);
            if let Some(exit) = act(&mut room, &mut media, &to_gateway) {
                break exit;
            }
        }
        let timeout = tokio::time::Instant::from_std(room.next_timeout() + SLACK);
        if sleep.deadline() != timeout {
            sleep.as_mut().reset(timeout);
        }
        tokio::select! {
            biased;
            _ = terminated.recv() => room.leave(Instant::now()),
            _ = interrupted.recv() => room.leave(Instant::now()),
            Some(event) = from_gateway.recv() => handle(&mut room, event)?,
            Some(asked) = asked.recv() => drop(asked.send(Snapshot::of(&room))),
            _ = minute.tick() => {
                let now = Snapshot::of(&room);
                report(&metrics::line(&environment.room, &before, &now, metrics::INTERVAL));
                before = now;
            }
            () = media.ready() => media.receive(&mut room),
            () = &mut sleep => {}
        }
    };
    gateway.abort();
    match exit {
        Exit::Left => Ok(()),
        Exit::Failed(sentence) => Err(sentence),
    }
}

fn handle(room: &mut Room, event: GatewayEvent) -> Result<(), String> {
    let now = Instant::now();
    match event {
        GatewayEvent::Opened => room.gateway_opened(now),
        GatewayEvent::Message(text) => room.handle_signal(now, &text),
        GatewayEvent::Closed => room.gateway_closed(now),
        GatewayEvent::Refused(sentence) => return Err(sentence),
    }
    Ok(())
}

/// Writes a line without the log's format: `CloudWatch` parses it as it is.
fn report(line: &str) {
    // With standard output closed nobody reads metrics.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Carries out the room's outputs. Answers how to end, if the process is to end.
fn act(room: &mut Room, media: &mut Media, gateway: &mpsc::Sender<String>) -> Option<Exit> {
    let now = Instant::now();
    while let Some(output) = room.poll(now) {
        match output {
            Output::Transmit(transmit) => media.send(&transmit),
            // The room keeps it until it is acknowledged: what finds no place is sent again.
            Output::Signal(text) => drop(gateway.try_send(text)),
            Output::Exit(exit) => return Some(exit),
        }
    }
    None
}
