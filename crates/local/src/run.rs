//! `run`: the whole template, until it is stopped.

use std::fs::File;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use crate::events::{Event, Kind};
use crate::options::{AnyError, Options};
use crate::start::{self, Running};
use crate::urls;

/// Runs the template until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// Why it could not start.
pub(crate) async fn run(options: &Options) -> Result<(), AnyError> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let _lock = own_folder(&options.folder)?;
    // A file of a run that was killed says what is no longer so.
    urls::remove(&options.folder);
    let running = start::start(options).await?;
    println!("{}", greeting(&running, options));
    for note in &running.notes {
        running.services.state.events.emit(Event::new(Kind::Gateway).failed(true).text(note));
        if !options.terminal {
            eprintln!("note: {note}");
        }
    }
    urls::write(&options.folder, &running.urls)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    urls::remove(&options.folder);
    running.stop().await;
    Ok(())
}

/// Takes the folder for as long as the result lives: two gateways in one would spoil each other's data.
fn own_folder(folder: &Path) -> Result<File, AnyError> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = File::create(folder.join("lock"))?;
    file.try_lock().map_err(|_| {
        format!("{} is in use by another gateway: stop it, or give another LOCAL_DIR", folder.display())
    })?;
    Ok(file)
}

fn greeting(running: &Running, options: &Options) -> String {
    let mut lines = vec![format!("arbiter-local runs {}", options.template.display()), String::new()];
    let mut line = |what: &str, text: &str| lines.push(format!("  {what:<14}{text}"));
    if let Some(url) = &running.urls.demo_url {
        line("video call", &format!("{url}/any/path/you/like   (open it in two tabs)"));
    }
    line("what flows", &running.urls.admin_url);
    if let Some(url) = &running.urls.http_url {
        line("HTTP API", url);
    }
    if let Some(url) = &running.urls.signal_url {
        line("WebSocket API", url);
    }
    let data = if options.in_memory { "in memory".to_owned() } else { options.folder.display().to_string() };
    line("data", &data);
    if !running.accepted.is_empty() {
        let kinds = running.accepted.iter().map(|(kind, count)| match count {
            1 => kind.clone(),
            _ => format!("{count} {kind}"),
        });
        line("not emulated", &kinds.collect::<Vec<_>>().join(", "));
    }
    line("stop", "Ctrl-C");
    lines.push(String::new());
    lines.join("\n")
}
