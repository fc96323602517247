//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::Value as Json;

use crate::options::{AnyError, Limits, Options};
use crate::template::stack::Limit;
use crate::token::{Claims, Ticket};
use crate::{environment_file, invoke, run, token};

/// How long the sweep of a table may go on after everything else has ended.
const LAST: Duration = Duration::from_secs(1);

/// Runs a SAM template on one machine: HTTP and WebSocket APIs, functions, DynamoDB, ECS tasks, secrets.
#[derive(Parser)]
#[command(name = "arbiter-local", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the template until Ctrl-C
    Run(RunArgs),
    /// Invokes one function once, in memory, and prints its response and its posts
    Invoke(InvokeArgs),
    /// Prints a token that the functions accept in token mode
    Token(TokenArgs),
    /// Prints a ticket that lets a socket open, with ConnectTickets=yes
    Ticket(TicketArgs),
    /// Prints the functions' environment for a running gateway, as a dotenv file
    Env(EnvArgs),
}

#[derive(Args)]
struct TemplateArgs {
    /// The SAM template
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// Template parameters: "Name=value …"; quote a value that has spaces
    #[arg(long, env = "PARAMETERS", default_value = "")]
    parameters: String,
    /// Folder of urls.json and data
    #[arg(long, env = "LOCAL_DIR", default_value = ".local")]
    local_dir: PathBuf,
}

#[derive(Args)]
struct FunctionArgs {
    /// Folder of the functions' executables
    #[arg(long, default_value = "target/debug")]
    bin_dir: PathBuf,
    /// What runs a container: name=program, with arguments if need be; may be repeated
    #[arg(long, value_parser = container)]
    container: Vec<(String, Vec<String>)>,
    /// The same as --container sfu=…
    #[arg(long, env = "SFU_COMMAND", hide = true)]
    sfu_command: Option<String>,
    /// Processes of one function at most
    #[arg(long, default_value_t = 32)]
    max_processes: u32,
    /// A process that is unused for longer is ended
    #[arg(long, default_value = "5m", value_parser = duration)]
    keep_warm: Duration,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    /// The first of three ports, four with --demo; 0 takes any
    #[arg(long, env = "PORT", default_value_t = 3000)]
    port: u16,
    /// Folder of a built demo page, served on a fourth port
    #[arg(long)]
    demo: Option<PathBuf>,
    /// Keep the tables in memory only
    #[arg(long)]
    in_memory: bool,
    /// A connection without messages is closed after this time
    #[arg(long, default_value = "10m", value_parser = duration)]
    idle_timeout: Duration,
    /// Every connection is closed after this time
    #[arg(long, default_value = "2h", value_parser = duration)]
    connection_limit: Duration,
    /// A fault to start with, as the admin API takes it; may be repeated
    #[arg(long, value_parser = json)]
    fault: Vec<Json>,
    /// Ignore the template's throttling, for load tests
    #[arg(long)]
    no_throttle: bool,
    /// Another throttle for a route of the WebSocket API than the template's: route=rate, in messages a second, of which two
    /// seconds' may come at once; may be repeated
    #[arg(long, value_parser = route_throttle, conflicts_with = "no_throttle")]
    throttle: Vec<(String, Limit)>,
    /// No line for each event
    #[arg(long)]
    quiet: bool,
}

#[derive(Args)]
struct InvokeArgs {
    #[command(flatten)]
    template: TemplateArgs,
    #[command(flatten)]
    functions: FunctionArgs,
    /// The function, by executable or logical id
    #[arg(long)]
    function: String,
    /// File with the event
    #[arg(long)]
    event: PathBuf,
    /// File with the rows that the tables hold
    #[arg(long, env = "FIXTURES", default_value = "events/fixtures.json")]
    fixtures: PathBuf,
}

#[derive(Args)]
struct TokenArgs {
    /// The one urlPath that the token admits to
    #[arg(long)]
    path: String,
    /// The one peer that may use it
    #[arg(long)]
    peer: Option<String>,
    /// The role of the user
    #[arg(long)]
    role: Option<String>,
    /// The user
    #[arg(long, default_value = "local")]
    sub: String,
    /// How long it is valid
    #[arg(long, default_value = "24h", value_parser = duration)]
    ttl: Duration,
    /// Logical id of the secret, if there are several
    #[arg(long)]
    secret: Option<String>,
    /// Folder of the gateway's data
    #[arg(long, env = "LOCAL_DIR", default_value = ".local")]
    local_dir: PathBuf,
}

#[derive(Args)]
struct TicketArgs {
    /// The urlPath whose room the ticket admits to
    #[arg(long, required_unless_present = "session", conflicts_with = "session")]
    path: Option<String>,
    /// The session that the ticket admits to
    #[arg(long)]
    session: Option<String>,
    /// How long it is valid, at most 10 minutes
    #[arg(long, default_value = "5m", value_parser = duration)]
    ttl: Duration,
    /// Logical id of the secret
    #[arg(long, default_value = "TicketSecret")]
    secret: String,
    /// Folder of the gateway's data
    #[arg(long, env = "LOCAL_DIR", default_value = ".local")]
    local_dir: PathBuf,
}

#[derive(Args)]
struct EnvArgs {
    #[command(flatten)]
    template: TemplateArgs,
    /// Only this function's
    #[arg(long)]
    function: Option<String>,
}

/// Runs the command that the command line asks for.
pub(crate) fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<bool, AnyError> {
    match command {
        Command::Run(args) => complete(run::run(&args.into())).map(|()| true),
        Command::Invoke(args) => {
            let (function, event, fixtures) =
                (args.function.clone(), args.event.clone(), args.fixtures.clone());
            complete(invoke::run(&args.into(), &function, &event, &fixtures))
        }
        Command::Token(args) => {
            let claims = Claims::new(args.sub, args.path, args.peer, args.role, args.ttl);
            println!("{}", token::mint(&args.local_dir, args.secret.as_deref(), &claims)?);
            Ok(true)
        }
        Command::Ticket(args) => {
            let ticket = Ticket::new(args.path, args.session, args.ttl);
            println!("{}", token::mint(&args.local_dir, Some(&args.secret), &ticket)?);
            Ok(true)
        }
        Command::Env(args) => {
            let TemplateArgs { template, parameters, local_dir } = args.template;
            print!(
                "{}",
                environment_file::of_running(&template, &parameters, &local_dir, args.function.as_deref())?
            );
            Ok(true)
        }
    }
}

/// Runs `future` to its end, and waits no longer than [`LAST`] for what it has left behind.
fn complete<T>(future: impl Future<Output = Result<T, AnyError>>) -> Result<T, AnyError> {
    // One thread: what an invocation takes is spread over many short tasks, and threads that wake each other for them
    // cost more than they do at once. The embedded database does one call at a time as well.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(LAST);
    result
}

impl From<RunArgs> for Options {
    fn from(args: RunArgs) -> Self {
        Self {
            port: args.port,
            demo: args.demo,
            in_memory: args.in_memory,
            limits: Limits { idle: args.idle_timeout, lifetime: args.connection_limit },
            throttle: !args.no_throttle,
            route_throttles: args.throttle.into_iter().collect(),
            faults: args.fault,
            terminal: !args.quiet,
            ..options(args.template, args.functions)
        }
    }
}

impl From<InvokeArgs> for Options {
    fn from(args: InvokeArgs) -> Self {
        options(args.template, args.functions)
    }
}

/// A gateway in memory, on any ports, that says nothing.
fn options(template: TemplateArgs, functions: FunctionArgs) -> Options {
    let sfu = functions.sfu_command.map(|command| ("sfu".to_owned(), words(&command)));
    let containers: BTreeMap<_, _> = sfu.into_iter().chain(functions.container).collect();
    Options {
        template: template.template,
        port: 0,
        folder: template.local_dir,
        parameters: template.parameters,
        bin_dir: functions.bin_dir,
        containers: containers.into_iter().filter(|(_, command)| !command.is_empty()).collect(),
        demo: None,
        in_memory: true,
        limits: Limits { idle: Duration::from_mins(10), lifetime: Duration::from_hours(2) },
        throttle: true,
        route_throttles: BTreeMap::new(),
        most_processes: functions.max_processes,
        keep_warm: functions.keep_warm,
        faults: Vec::new(),
        terminal: false,
    }
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

fn container(text: &str) -> Result<(String, Vec<String>), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() => Ok((name.to_owned(), words(command))),
        _ => Err("write name=program".to_owned()),
    }
}

/// `handshake=20`.
fn route_throttle(text: &str) -> Result<(String, Limit), String> {
    let wanted = || "write route=rate, in messages a second".to_owned();
    let (route, rate) = text.split_once('=').filter(|(route, _)| !route.is_empty()).ok_or_else(wanted)?;
    let rate: u16 = rate.parse().map_err(|_| wanted())?;
    Ok((route.to_owned(), Limit { burst: u32::from(rate) * 2, rate: rate.into() }))
}

fn json(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// `500ms`, `30s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "write a number and ms, s, m or h".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_mins(number.min(u64::MAX / 60))),
        "h" => Ok(Duration::from_hours(number.min(u64::MAX / 3_600))),
        _ => Err("write a number and ms, s, m or h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert!(duration("10").is_err() && duration("m").is_err());
        assert_eq!(container("sfu=a b"), Ok(("sfu".into(), vec!["a".into(), "b".into()])));
        assert!(container("=a").is_err() && container("a").is_err());
    }
}
