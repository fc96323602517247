//! Everything that a running gateway holds, and how it starts and stops.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::serve::ListenerExt;
use dynoxide::Database;
use serde_json::Value as Json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::aws::dynamodb;
use crate::aws::ecs::Tasks;
use crate::events::{Event, Events, Kind, now_ms};
use crate::faults::{Fault, FaultKind, Faults};
use crate::http::api;
use crate::lambda::{self, Lambda};
use crate::launcher::Launcher;
use crate::queues::{self, Queues};
use crate::secrets::Secrets;
use crate::template::parameters;
use crate::template::stack::{HttpApi, Stack, Table, WebSocketApi};
use crate::template::{Template, resources};
use crate::throttle::Throttle;
use crate::under_way::UnderWay;
use crate::urls::{UrlFile, Urls};
use crate::websocket::connection::Connections;
use crate::websocket::journal::Journal;
use crate::websocket::{socket, upgrade};
use crate::{aws, demo, terminal};

/// What a stack is called here: the first part of its names.
pub(crate) const STACK: &str = "local";
/// How long sockets, functions and tasks may take to end.
const STOP: Duration = Duration::from_secs(5);
/// Items past their TTL are swept so often. At AWS it takes up to days, and nothing waits for it.
const TTL_SWEEP: Duration = Duration::from_mins(5);

/// Any error, as a sentence for the developer.
pub(crate) type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How to run a template.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) template: PathBuf,
    /// The first of three, four with the demo; 0: any.
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    /// `Name=value …`.
    pub(crate) parameters: String,
    pub(crate) bin_dir: PathBuf,
    /// Command line by container.
    pub(crate) containers: BTreeMap<String, Vec<String>>,
    /// Folder of a built page.
    pub(crate) demo: Option<PathBuf>,
    pub(crate) in_memory: bool,
    pub(crate) limits: Limits,
    pub(crate) throttle: bool,
    pub(crate) most_processes: u32,
    pub(crate) keep_warm: Duration,
    pub(crate) faults: Vec<Json>,
    /// Events are written to the terminal.
    pub(crate) terminal: bool,
}

/// API Gateway's limits on a connection, settable so that tests need not wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) idle: Duration,
    pub(crate) lifetime: Duration,
}

/// The state that all servers share.
pub(crate) struct Gateway {
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) events: Arc<Events>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) database: Database,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Secrets,
    pub(crate) tasks: Tasks,
    pub(crate) queues: Queues,
    pub(crate) connections: Connections,
    pub(crate) under_way: UnderWay,
    pub(crate) journal: Journal,
    pub(crate) websocket: Option<WebSocketApi>,
    pub(crate) websocket_throttle: Throttle,
    pub(crate) http: Option<HttpApi>,
    pub(crate) http_throttle: Throttle,
    pub(crate) limits: Limits,
    pub(crate) urls: Urls,
    /// Epoch milliseconds.
    pub(crate) started_at: u64,
    stopping: AtomicBool,
}

impl Gateway {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Puts a fault in force and answers with its id.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(crate) fn add_fault(self: &Arc<Self>, json: &Json) -> Result<u64, String> {
        let mut fault = Fault::from_json(json)?;
        if let Some(name) = fault.function() {
            let mut pools = self.lambda.pools();
            let found =
                pools.find(|pool| pool.function().is(name)).map(|pool| pool.function().binary.clone());
            let known = || {
                let names: Vec<_> = self.lambda.pools().map(|pool| pool.function().binary.as_str()).collect();
                format!("there is no function {name}; there are {}", names.join(", "))
            };
            fault.set_function(found.ok_or_else(known)?);
        }
        let kind = fault.kind.clone();
        let id = self.faults.add(fault);
        if let FaultKind::Cut { every_ms } = kind {
            let gateway = Arc::clone(self);
            let task = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(every_ms)).await;
                    if !gateway.faults.strike(id) {
                        return;
                    }
                    gateway.cut(None);
                }
            });
            self.faults.attach(id, task.abort_handle());
        }
        Ok(id)
    }

    /// Cuts one socket, or all; answers how many.
    pub(crate) fn cut(&self, id: Option<&str>) -> usize {
        let cut = self.connections.cut(id);
        self.events.emit(Event::new(Kind::Fault).route("cut").text(format!("{cut} sockets cut")));
        cut
    }
}

/// A gateway whose servers answer.
pub(crate) struct Running {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) urls: UrlFile,
    /// Resources that are accepted and not emulated, by type.
    pub(crate) accepted: BTreeMap<String, usize>,
    /// What the start has to tell.
    pub(crate) notes: Vec<String>,
    background: Vec<JoinHandle<()>>,
}

/// Reads and evaluates the template.
///
/// # Errors
///
/// What is wrong with it, by line.
pub(crate) fn read_template(template: &Path, given: &str) -> Result<Stack, AnyError> {
    let given = parameters::from_command_line(&parameters::parse_given(given)?);
    Ok(resources::build(&Template::load(template, STACK, &given)?)?)
}

/// Starts everything.
///
/// # Errors
///
/// A sentence that says what to do: a template that is not supported, a port in use, a folder in use.
pub(crate) async fn start(options: &Options) -> Result<Running, AnyError> {
    let mut stack = read_template(&options.template, &options.parameters)?;
    std::fs::create_dir_all(&options.folder)
        .map_err(|error| format!("{}: {error}", options.folder.display()))?;
    let listeners = listen(options.port).await?;
    let [http, websocket, endpoints] = &listeners;
    let host = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string());
    let urls = Urls { http_host: host(http)?, websocket_host: host(websocket)?, aws_host: host(endpoints)? };
    urls.localize(&mut stack);
    let file = options.folder.join("dynamodb.sqlite");
    let database = dynamodb::open((!options.in_memory).then_some(file.as_path()), &stack.tables)?;
    let secrets = Secrets::open(&stack.secrets, &options.folder, options.in_memory)?;
    let (journal, left) =
        if options.in_memory { (Journal::none(), Vec::new()) } else { Journal::open(&options.folder)? };
    let notes = notes(&stack, options);
    let mut accepted = BTreeMap::new();
    for (_, kind) in &stack.accepted {
        *accepted.entry(kind.trim_start_matches("AWS::").to_owned()).or_default() += 1;
    }
    let mut url_file = urls.file(&stack);
    let demo = match &options.demo {
        Some(folder) => Some(demo(folder, options.port, &mut url_file).await?),
        None => None,
    };
    let events = Arc::new(Events::new(options.terminal.then(terminal::start)));
    let faults = Arc::new(Faults::default());
    let launcher = Arc::new(Launcher::new());
    let settings = lambda::Settings {
        bin_dir: options.bin_dir.clone(),
        endpoint: urls.aws_host.clone(),
        most_processes: options.most_processes,
        keep_warm: options.keep_warm,
    };
    let lambda = Lambda::new(
        &stack.functions,
        Arc::clone(&launcher),
        Arc::clone(&events),
        Arc::clone(&faults),
        settings,
    );
    let throttling = |settings| Throttle::new(options.throttle.then_some(settings).flatten());
    let gateway = Arc::new(Gateway {
        websocket_throttle: throttling(stack.websocket.as_ref().map(|api| api.throttling.clone())),
        http_throttle: throttling(stack.http.as_ref().map(|api| api.throttling.clone())),
        queues: Queues::new(stack.queues, Arc::clone(&events)),
        tasks: Tasks::new(stack.tasks, options.containers.clone(), launcher, Arc::clone(&events)),
        lambda,
        events,
        faults,
        database,
        tables: stack.tables,
        secrets,
        connections: Connections::default(),
        under_way: UnderWay::default(),
        journal,
        websocket: stack.websocket,
        http: stack.http,
        limits: options.limits,
        urls,
        started_at: now_ms(),
        stopping: AtomicBool::new(false),
    });
    let [http, websocket, endpoints] = listeners;
    let mut background = vec![
        serve(http, &gateway, api::answer),
        serve(websocket, &gateway, upgrade::answer),
        serve(endpoints, &gateway, |state: State<Arc<Gateway>>, request: Request| {
            aws::answer(state, request)
        }),
        tokio::spawn(Arc::clone(&gateway.lambda).sweep()),
        tokio::spawn(sweep_ttl(gateway.database.clone())),
    ];
    background.extend(demo);
    let polls = stack.sources.into_iter().map(|source| queues::source::poll(Arc::clone(&gateway), source));
    background.extend(polls.map(tokio::spawn));
    for fault in &options.faults {
        gateway.add_fault(fault).map_err(|error| format!("--fault: {error}"))?;
    }
    socket::tell_left(&gateway, left).await;
    Ok(Running { gateway, urls: url_file, accepted, notes, background })
}

impl Running {
    /// Ends everything: sockets, functions, tasks, servers.
    pub(crate) async fn stop(self) {
        self.gateway.stopping.store(true, Ordering::Release);
        for connection in self.gateway.connections.all() {
            connection.close(1001, "Going away");
        }
        let processes = async { tokio::join!(self.gateway.lambda.stop(), self.gateway.tasks.stop()) };
        // What has not ended by then is killed with this process.
        let _ = timeout(STOP, processes).await;
        for task in self.background {
            task.abort();
        }
    }
}

/// Listens on three ports in a row, or on any three.
async fn listen(first: u16) -> Result<[TcpListener; 3], AnyError> {
    Ok([bind(first, 0).await?, bind(first, 1).await?, bind(first, 2).await?])
}

async fn bind(first: u16, offset: u16) -> Result<TcpListener, AnyError> {
    let port = if first == 0 { 0 } else { first.checked_add(offset).ok_or("PORT is too high")? };
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.map_err(|error| {
        format!("port {port} of 127.0.0.1: {error}; give another first port with PORT=…").into()
    })
}

/// Serves the demo page on the fourth port, and adds it to `urls`.
async fn demo(folder: &Path, first: u16, urls: &mut UrlFile) -> Result<JoinHandle<()>, AnyError> {
    let listener = bind(first, 3).await?;
    urls.demo_url = Some(format!("http://{}", listener.local_addr()?));
    let router = demo::router(folder, urls);
    Ok(tokio::spawn(async move {
        // It never ends by itself.
        let _ = axum::serve(listener, router).await;
    }))
}

fn serve<H, T>(listener: TcpListener, gateway: &Arc<Gateway>, answer: H) -> JoinHandle<()>
where
    H: Handler<T, Arc<Gateway>>,
    T: 'static,
{
    let router = Router::new().fallback(answer).with_state(Arc::clone(gateway));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.tap_io(|socket| {
        // Without it a small answer may wait 40 ms; a socket that refuses is slow, not broken.
        let _ = socket.set_nodelay(true);
    });
    tokio::spawn(async move {
        // It never ends by itself.
        let _ = axum::serve(listener, service).await;
    })
}

async fn sweep_ttl(database: Database) {
    loop {
        tokio::time::sleep(TTL_SWEEP).await;
        let database = database.clone();
        // A sweep that fails leaves rubbish for the next one.
        let _ = tokio::task::spawn_blocking(move || database.sweep_ttl().ok()).await;
    }
}

/// What somebody should know before the first request.
fn notes(stack: &Stack, options: &Options) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(folder) = options.demo.as_ref().filter(|folder| !folder.join("index.html").exists()) {
        notes.push(format!("{} has no index.html: build the demo page with `make web`", folder.display()));
    }
    for function in &stack.functions {
        let path = options.bin_dir.join(&function.binary);
        if !path.exists() {
            notes.push(lambda::pool::missing(&path, function));
        }
    }
    for container in stack.tasks.iter().flat_map(|task| &task.containers) {
        if !options.containers.contains_key(&container.name) {
            notes.push(format!(
                "no program runs container {0}: RunTask answers with failures until one is named, with \
                 --container {0}=<program>{1}",
                container.name,
                if container.name == "sfu" { " or SFU_COMMAND" } else { "" }
            ));
        }
    }
    notes
}
