//! One readable line an event.

use std::io::{BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::clock;
use crate::events::{DEBUG, Event, Kind};

/// Lines that may wait for the terminal.
const WAITING: usize = 10_000;

/// Starts the thread that writes events to standard output.
pub(crate) fn start() -> SyncSender<Arc<Event>> {
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::spawn(move || write_all(&receiver));
    sender
}

fn write_all(events: &Receiver<Arc<Event>>) {
    let stdout = std::io::stdout();
    let colour = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut out = BufWriter::new(stdout);
    while let Ok(event) = events.recv() {
        let mut next = Some(event);
        while let Some(event) = next {
            if let Some(line) = line(&event, colour)
                && writeln!(out, "{line}").is_err()
            {
                return;
            }
            next = events.try_recv().ok();
        }
        if out.flush().is_err() {
            return;
        }
    }
}

/// The line of `event`; `None` for those that only the page shows.
fn line(event: &Event, colour: bool) -> Option<String> {
    let route = event.route.as_deref().unwrap_or("");
    let (word, shade) = match event.kind {
        Kind::Connect => ("connect", "32"),
        Kind::Disconnect => ("disconnect", "33"),
        Kind::Post => ("post", "36"),
        Kind::Http => ("http", "35"),
        Kind::Task => ("task", "34"),
        Kind::Queue => ("queue", "34"),
        Kind::Stream => ("stream", "34"),
        Kind::Log if route == DEBUG => return None,
        Kind::Fault => ("fault", "31"),
        Kind::Log => ("log", "2"),
        Kind::Gateway => ("gateway", "1"),
        Kind::Invoke if event.failed => ("failed", "31"),
        // The lines of these say it already.
        Kind::Invoke
            if route.starts_with("$connect") || route.starts_with("$disconnect") || route.contains(' ') =>
        {
            return None;
        }
        Kind::Invoke => ("message", "0"),
        Kind::Message | Kind::Call => return None,
    };
    let shade = if event.failed { "31" } else { shade };
    let short = event.connection_id.as_deref().map_or("", |id| id.get(..8).unwrap_or(id));
    let ms = event.ms.map_or_else(String::new, |ms| format!("{ms:.1} ms"));
    let size = match (event.bytes_in, event.bytes_out) {
        (Some(bytes), Some(out)) => format!("{} > {}", size(bytes), size(out)),
        (Some(bytes), None) => format!("{} in", size(bytes)),
        (None, Some(bytes)) => format!("{} out", size(bytes)),
        (None, None) => String::new(),
    };
    let status = event.status.map_or_else(String::new, |status| status.to_string());
    let function = event.function.as_deref().unwrap_or("");
    let text = event.text.as_deref().unwrap_or("");
    let body = if matches!(event.kind, Kind::Gateway | Kind::Log | Kind::Task | Kind::Fault) {
        let what = if event.kind == Kind::Log || event.kind == Kind::Task { function } else { route };
        format!("{short:<8}  {what:<16} {text}")
    } else {
        format!("{short:<8}  {route:<16} {function:<12} {ms:>9}  {size:<17} {status:<4} {text}")
    };
    let time = clock::time_of_day(event.at);
    // What a process wrote last stands below its line.
    let body = body.trim_end().replace('\n', "\n                          ");
    Some(if colour {
        format!("\x1b[2m{time}\x1b[0m  \x1b[{shade}m{word:<10}\x1b[0m  {body}")
    } else {
        format!("{time}  {word:<10}  {body}")
    })
}

/// `812 B`, `3.1 kB`.
#[expect(clippy::cast_precision_loss, reason = "a size to look at")]
fn size(bytes: usize) -> String {
    if bytes < 1_000 { format!("{bytes} B") } else { format!("{:.1} kB", bytes as f64 / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_aligned_and_plain_without_a_terminal() {
        let mut event = Event::new(Kind::Invoke).connection("L0SM9cOFvHcCIhw=").route("handshake");
        event = event.function("handshake").took(1.44).bytes_in(3_100).bytes_out(16);
        event.at = 0;
        assert_eq!(
            line(&event, false).unwrap(),
            "00:00:00.000  message     L0SM9cOF  handshake        handshake       1.4 ms  3.1 kB > 16 B"
        );
        assert!(line(&event, true).unwrap().contains("\x1b["));
        assert!(line(&Event::new(Kind::Call), false).is_none());
    }
}
