//! How everything starts and stops.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
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
use crate::guard::{self, Guard};
use crate::http::api;
use crate::lambda::Lambda;
use crate::lambda::processes::{self, Processes};
use crate::launcher::Launcher;
use crate::options::{AnyError, Options};
use crate::queues::{self, Queues};
use crate::secrets::Secrets;
use crate::state::State;
use crate::streams::Streams;
use crate::streams::source::Deps;
use crate::template::parameters;
use crate::template::stack::{Function, Stack, Table, Throttling, WebSocketApi};
use crate::template::{Template, resources};
use crate::throttle::Throttle;
use crate::urls::{UrlFile, Urls};
use crate::websocket::api::Api;
use crate::websocket::journal::Journal;
use crate::websocket::{socket, upgrade};
use crate::{demo, ids, terminal};

/// The name of the stack: the first part of its resources' names.
const STACK: &str = "local";
/// How long sockets, functions and tasks may take to end.
const STOP: Duration = Duration::from_secs(5);
/// The interval between sweeps of items past their TTL. At AWS they may stay for days: nothing waits for it.
const TTL_SWEEP: Duration = Duration::from_mins(5);

/// What the servers answer from.
pub(crate) struct Services {
    pub(crate) state: Arc<State>,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) database: Database,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Arc<Secrets>,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
    queues: Arc<Queues>,
    streams: Arc<Streams>,
}

/// A gateway whose servers answer.
pub(crate) struct Running {
    pub(crate) services: Services,
    pub(crate) urls: UrlFile,
    /// Resources that are accepted and not emulated, by type.
    pub(crate) accepted: BTreeMap<String, usize>,
    /// What somebody should know before the first request.
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
    let word = ids::task();
    let aws = format!("{}/{word}", host(endpoints)?);
    let urls = Urls { http_host: host(http)?, websocket_host: host(websocket)?, aws };
    urls.localize(&mut stack);
    let services = Services::open(&stack, &urls, options)?;
    let (journal, left) =
        if options.in_memory { (Journal::none(), Vec::new()) } else { Journal::open(&options.folder)? };
    let mut accepted = BTreeMap::new();
    for (_, kind) in &stack.accepted {
        *accepted.entry(kind.trim_start_matches("AWS::").to_owned()).or_default() += 1;
    }
    let mut url_file = urls.file(&stack);
    let pages = Guard::pages(&stack);
    let demo = match &options.demo {
        Some(folder) => Some(demo(folder, options.port, &mut url_file, pages.clone()).await?),
        None => None,
    };
    let endpoints = Arc::new(services.endpoints(word));
    let api =
        stack.websocket.as_ref().map(|api| Arc::new(services.websocket_api(api, &urls, options, journal)));
    let websocket = upgrade::Server { api: api.clone(), endpoints: Arc::clone(&endpoints) };
    let [http_listener, websocket_listener, endpoints_listener] = listeners;
    let Services { state, lambda, queues, streams, .. } = &services;
    let mut background = vec![
        serve(http_listener, Arc::new(services.http(&stack, &urls, options)), api::answer, pages.clone()),
        serve(websocket_listener, Arc::new(websocket), upgrade::answer, pages),
        serve(endpoints_listener, endpoints, aws::answer, Guard::NoPages),
        tokio::spawn(Arc::clone(lambda).sweep(options.keep_warm)),
        tokio::spawn(sweep_ttl(services.database.clone(), Arc::clone(streams))),
    ];
    background.extend(demo);
    let polls = stack.sources.iter().cloned();
    let polls = polls.map(|source| queues::source::poll(Arc::clone(queues), Arc::clone(lambda), source));
    background.extend(polls.map(tokio::spawn));
    let readers = streams.readers().map(|(reader, written)| reader.run(services.readers(), written));
    background.extend(readers.map(tokio::spawn));
    for fault in &options.faults {
        state.add_fault(fault).map_err(|error| format!("--fault: {error}"))?;
    }
    if let Some(api) = &api {
        socket::disconnect_left(api, left).await;
    }
    Ok(Running { services, urls: url_file, accepted, notes: notes(&stack, options), background })
}

impl Running {
    /// Ends everything: sockets, functions, tasks, servers.
    pub(crate) async fn stop(self) {
        let Services { state, lambda, tasks, .. } = &self.services;
        state.stop();
        for connection in state.connections.all() {
            connection.close(1001, "Going away");
        }
        let processes = async { tokio::join!(lambda.stop(), tasks.stop()) };
        // What has not ended by then is killed with this process.
        let _ = timeout(STOP, processes).await;
        for task in self.background {
            task.abort();
        }
    }
}

impl Services {
    fn open(stack: &Stack, urls: &Urls, options: &Options) -> Result<Self, AnyError> {
        let file = options.folder.join("dynamodb.sqlite");
        let database = dynamodb::open((!options.in_memory).then_some(file.as_path()), &stack.tables)?;
        let secrets = Secrets::open(&stack.secrets, &options.folder, options.in_memory)?;
        let mut functions: Vec<_> = stack.functions.iter().cloned().map(Arc::new).collect();
        functions.sort_by(|a, b| a.logical.cmp(&b.logical));
        let events = Arc::new(Events::new(options.terminal.then(terminal::start)));
        let launcher = Arc::new(Launcher::new());
        let (programs, endpoint) = (options.containers.clone(), urls.aws.clone());
        let tasks = Tasks::new(stack.tasks.clone(), programs, Arc::clone(&launcher), Arc::clone(&events));
        let processes = Processes::new(launcher, Arc::clone(&events), options.bin_dir.clone(), endpoint);
        let lambda = Lambda::new(&functions, Arc::clone(&processes), &events, options.most_processes);
        let queues = Queues::new(stack.queues.clone(), Arc::clone(&events));
        let folder = (!options.in_memory).then_some(options.folder.as_path());
        let streams = Streams::open(stack, &database, folder)?;
        Ok(Self {
            state: State::new(events, Faults::new(functions.clone())),
            lambda: Arc::new(lambda),
            functions,
            database,
            tables: stack.tables.clone(),
            secrets: Arc::new(secrets),
            processes,
            tasks: Arc::new(tasks),
            queues: Arc::new(queues),
            streams: Arc::new(streams),
        })
    }

    fn http(&self, stack: &Stack, urls: &Urls, options: &Options) -> api::Server {
        let admin = Admin {
            state: Arc::clone(&self.state),
            lambda: Arc::clone(&self.lambda),
            tasks: Arc::clone(&self.tasks),
            queues: Arc::clone(&self.queues),
            streams: Arc::clone(&self.streams),
            database: self.database.clone(),
            tables: self.tables.clone(),
            routes: stack.websocket.as_ref().map(|api| api.routes.keys().cloned().collect()),
            host: urls.http_host.clone(),
        };
        let api = stack.http.as_ref().map(|definition| api::Api {
            definition: definition.clone(),
            throttle: throttle(&definition.throttling, options),
            lambda: Arc::clone(&self.lambda),
            events: Arc::clone(&self.state.events),
        });
        api::Server { admin, api }
    }

    fn websocket_api(
        &self,
        definition: &WebSocketApi,
        urls: &Urls,
        options: &Options,
        journal: Journal,
    ) -> Api {
        let mut throttling = definition.throttling.clone();
        throttling.routes.extend(options.route_throttles.clone());
        Api {
            definition: definition.clone(),
            domain: urls.websocket_host.clone(),
            limits: options.limits,
            throttle: throttle(&throttling, options),
            journal,
            lambda: Arc::clone(&self.lambda),
            state: Arc::clone(&self.state),
        }
    }

    fn endpoints(&self, word: String) -> Endpoints {
        Endpoints {
            word,
            state: Arc::clone(&self.state),
            processes: Arc::clone(&self.processes),
            database: self.database.clone(),
            secrets: Arc::clone(&self.secrets),
            tasks: Arc::clone(&self.tasks),
            queues: Arc::clone(&self.queues),
            streams: Arc::clone(&self.streams),
        }
    }

    /// What the readers of streams work with.
    fn readers(&self) -> Deps {
        Deps {
            lambda: Arc::clone(&self.lambda),
            queues: Arc::clone(&self.queues),
            state: Arc::clone(&self.state),
        }
    }
}

fn throttle(settings: &Throttling, options: &Options) -> Throttle {
    Throttle::new(options.throttle.then(|| settings.clone()))
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
async fn demo(
    folder: &Path,
    first: u16,
    urls: &mut UrlFile,
    guard: Guard,
) -> Result<JoinHandle<()>, AnyError> {
    let listener = bind(first, 3).await?;
    urls.demo_url = Some(format!("http://{}", listener.local_addr()?));
    let router = demo::router(folder, urls).layer(from_fn_with_state(guard, guard::check));
    Ok(tokio::spawn(async move {
        // It never ends by itself.
        let _ = axum::serve(listener, router).await;
    }))
}

fn serve<S, H, T>(listener: TcpListener, server: Arc<S>, answer: H, guard: Guard) -> JoinHandle<()>
where
    S: Send + Sync + 'static,
    H: Handler<T, Arc<S>>,
    T: 'static,
{
    let router = Router::new().fallback(answer).with_state(server);
    let router = router.layer(from_fn_with_state(guard, guard::check));
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

async fn sweep_ttl(database: Database, streams: Arc<Streams>) {
    loop {
        tokio::time::sleep(TTL_SWEEP).await;
        let database = database.clone();
        // A sweep that fails leaves rubbish for the next one.
        let _ = tokio::task::spawn_blocking(move || database.sweep_ttl().ok()).await;
        streams.wrote();
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
