//! How everything starts and stops.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::serve::ListenerExt;
use dynoxide::Database;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::Admin;
use crate::aws::ecs::Tasks;
use crate::aws::{self, Endpoints, dynamodb};
use crate::events::Events;
use crate::faults::Faults;
use crate::http::api;
use crate::lambda::Lambda;
use crate::lambda::processes::{self, Processes};
use crate::launcher::Launcher;
use crate::options::{AnyError, Options};
use crate::queues::{self, Queues};
use crate::secrets::Secrets;
use crate::state::State;
use crate::template::parameters;
use crate::template::stack::{Function, Stack, Table};
use crate::template::{Template, resources};
use crate::throttle::Throttle;
use crate::urls::{UrlFile, Urls};
use crate::websocket::api::Api;
use crate::websocket::journal::Journal;
use crate::websocket::{socket, upgrade};
use crate::{demo, terminal};

/// The name of the stack: the first part of its resources' names.
const STACK: &str = "local";
/// How long sockets, functions and tasks may take to end.
const STOP: Duration = Duration::from_secs(5);
/// The interval between sweeps of items past their TTL. At AWS they may stay for days: nothing waits for it.
const TTL_SWEEP: Duration = Duration::from_mins(5);

/// A gateway whose servers answer.
pub(crate) struct Running {
    pub(crate) state: Arc<State>,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) database: Database,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) urls: UrlFile,
    /// Resources that are accepted and not emulated, by type.
    pub(crate) accepted: BTreeMap<String, usize>,
    /// What somebody should know before the first request.
    pub(crate) notes: Vec<String>,
    tasks: Arc<Tasks>,
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
    let secrets = Arc::new(Secrets::open(&stack.secrets, &options.folder, options.in_memory)?);
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

    let mut functions: Vec<_> = stack.functions.into_iter().map(Arc::new).collect();
    functions.sort_by(|a, b| a.logical.cmp(&b.logical));
    let events = Arc::new(Events::new(options.terminal.then(terminal::start)));
    let launcher = Arc::new(Launcher::new());
    let state = State::new(Arc::clone(&events), Faults::new(functions.clone()));
    let tasks =
        Tasks::new(stack.tasks, options.containers.clone(), Arc::clone(&launcher), Arc::clone(&events));
    let tasks = Arc::new(tasks);
    let queues = Arc::new(Queues::new(stack.queues, Arc::clone(&events)));
    let processes = Processes::new(launcher, Arc::clone(&events), options.bin_dir.clone(), urls.aws_host);
    let lambda = Lambda::new(&functions, Arc::clone(&processes), &events, options.most_processes);
    let lambda = Arc::new(lambda);
    let throttle = |settings| Throttle::new(options.throttle.then_some(settings));
    let server = api::Server {
        admin: Admin {
            state: Arc::clone(&state),
            lambda: Arc::clone(&lambda),
            tasks: Arc::clone(&tasks),
            queues: Arc::clone(&queues),
            database: database.clone(),
            tables: stack.tables.clone(),
            routes: stack.websocket.as_ref().map(|api| api.routes.keys().cloned().collect()),
            host: urls.http_host,
        },
        api: stack.http.map(|definition| api::Api {
            throttle: throttle(definition.throttling.clone()),
            definition,
            lambda: Arc::clone(&lambda),
            events,
        }),
    };
    let websocket_api = stack.websocket.map(|definition| {
        Arc::new(Api {
            throttle: throttle(definition.throttling.clone()),
            definition,
            domain: urls.websocket_host,
            limits: options.limits,
            journal,
            lambda: Arc::clone(&lambda),
            state: Arc::clone(&state),
        })
    });
    let aws_endpoints = Arc::new(Endpoints {
        state: Arc::clone(&state),
        processes,
        database: database.clone(),
        secrets: Arc::clone(&secrets),
        tasks: Arc::clone(&tasks),
        queues: Arc::clone(&queues),
    });
    let websocket_server =
        upgrade::Server { api: websocket_api.clone(), endpoints: Arc::clone(&aws_endpoints) };

    let [http, websocket, endpoints] = listeners;
    let mut background = vec![
        serve(http, Arc::new(server), api::answer),
        serve(websocket, Arc::new(websocket_server), upgrade::answer),
        serve(endpoints, aws_endpoints, aws::answer),
        tokio::spawn(Arc::clone(&lambda).sweep(options.keep_warm)),
        tokio::spawn(sweep_ttl(database.clone())),
    ];
    background.extend(demo);
    let polls = stack.sources.into_iter();
    let polls = polls.map(|source| queues::source::poll(Arc::clone(&queues), Arc::clone(&lambda), source));
    background.extend(polls.map(tokio::spawn));
    for fault in &options.faults {
        state.add_fault(fault).map_err(|error| format!("--fault: {error}"))?;
    }
    if let Some(api) = &websocket_api {
        socket::disconnect_left(api, left).await;
    }
    Ok(Running {
        state,
        lambda,
        functions,
        database,
        tables: stack.tables,
        secrets,
        urls: url_file,
        accepted,
        notes,
        tasks,
        background,
    })
}

impl Running {
    /// Ends everything: sockets, functions, tasks, servers.
    pub(crate) async fn stop(self) {
        self.state.stop();
        for connection in self.state.connections.all() {
            connection.close(1001, "Going away");
        }
        let processes = async { tokio::join!(self.lambda.stop(), self.tasks.stop()) };
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

fn serve<S, H, T>(listener: TcpListener, server: Arc<S>, answer: H) -> JoinHandle<()>
where
    S: Send + Sync + 'static,
    H: Handler<T, Arc<S>>,
    T: 'static,
{
    let router = Router::new().fallback(answer).with_state(server);
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
            notes.push(processes::missing(&path, function));
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
