//! `RunTask` of ECS: a task is a child process.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::{Notify, watch};

use super::call::Called;
use super::reply::Reply;
use crate::clock::now_ms;
use crate::events::{Event, Events, Kind, redact};
use crate::faults::Ecs;
use crate::ids;
use crate::launcher::{self, Launcher, Program};
use crate::sync::lock;
use crate::template::names;
use crate::template::stack::{Container, TaskDefinition};

/// Between SIGTERM and SIGKILL. ECS gives 30 s; here everything ends within seconds.
const STOP: Duration = Duration::from_secs(2);
/// Stopped tasks that are still shown.
const SHOWN: usize = 200;

/// The task definitions of the template, and the tasks that have been started.
pub(crate) struct Tasks {
    definitions: Vec<TaskDefinition>,
    /// Command line by container name.
    programs: BTreeMap<String, Vec<String>>,
    launcher: Arc<Launcher>,
    events: Arc<Events>,
    started: Mutex<Vec<Arc<Task>>>,
    /// Tasks by `clientToken`: asked for twice, a task is started once.
    tokens: tokio::sync::Mutex<HashMap<String, Arc<Task>>>,
}

/// One started task.
struct Task {
    id: String,
    definition: String,
    container: String,
    environment: BTreeMap<String, String>,
    pid: u32,
    started_at: u64,
    /// How it ended.
    end: watch::Sender<Option<Ended>>,
    stop: Notify,
}

#[derive(Clone, Copy)]
struct Ended {
    /// `None` when a signal ended it.
    exit_code: Option<i32>,
    at: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunTask {
    task_definition: String,
    #[serde(default)]
    cluster: Option<String>,
    #[serde(default)]
    client_token: Option<String>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    overrides: Overrides,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Overrides {
    container_overrides: Vec<ContainerOverride>,
}

#[derive(Deserialize)]
struct ContainerOverride {
    name: String,
    #[serde(default)]
    environment: Vec<Variable>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
}

/// Answers `RunTask`.
pub(crate) async fn answer(tasks: &Tasks, called: &Called<'_>) -> Reply {
    if called.operation != "RunTask" {
        return Reply::failure(StatusCode::BAD_REQUEST, "UnknownOperationException", "only RunTask is here");
    }
    if let Some(struck) = called.struck(&(), Ecs::text) {
        return struck.fault.failure();
    }
    match serde_json::from_slice::<RunTask>(called.body) {
        Ok(request) => tasks.run(request).await,
        Err(error) => {
            Reply::failure(StatusCode::BAD_REQUEST, "InvalidParameterException", &error.to_string())
        }
    }
}

impl Tasks {
    pub(crate) fn new(
        definitions: Vec<TaskDefinition>,
        programs: BTreeMap<String, Vec<String>>,
        launcher: Arc<Launcher>,
        events: Arc<Events>,
    ) -> Self {
        let (started, tokens) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { definitions, programs, launcher, events, started, tokens }
    }

    async fn run(&self, request: RunTask) -> Reply {
        let wanted = &request.task_definition;
        let is = |definition: &&TaskDefinition| {
            definition.arn == *wanted
                || definition.family == *wanted
                || definition.arn.ends_with(&format!("/{wanted}"))
        };
        let Some(definition) = self.definitions.iter().find(is) else {
            return Reply::failure(StatusCode::BAD_REQUEST, "ClientException", "TaskDefinition not found.");
        };
        if request.count.is_some_and(|count| count != 1) {
            return Reply::failure(
                StatusCode::BAD_REQUEST,
                "InvalidParameterException",
                "only a count of 1 is here",
            );
        }
        let Some(container) = definition.containers.first() else {
            return Reply::task_failures("the task definition has no container");
        };
        // Held while the task starts, so that two requests with one token start one task.
        let mut tokens = self.tokens.lock().await;
        let known = request.client_token.as_ref().and_then(|token| tokens.get(token));
        let task = match known {
            Some(task) => Arc::clone(task),
            None => match self.start(definition, container, &request.overrides).await {
                Ok(task) => task,
                Err(why) => {
                    let event = Event::new(Kind::Task).function(&container.name).failed(true);
                    self.events.emit(event.text(format!("not started: {why}")));
                    return Reply::task_failures(&why);
                }
            },
        };
        if let Some(token) = request.client_token {
            tokens.insert(token, Arc::clone(&task));
        }
        Reply::ok(
            json!({ "tasks": [task.described(request.cluster.as_deref())], "failures": [] }).to_string(),
        )
    }

    async fn start(
        &self,
        definition: &TaskDefinition,
        container: &Container,
        overrides: &Overrides,
    ) -> Result<Arc<Task>, String> {
        let name = &container.name;
        let command = self.programs.get(name).filter(|command| !command.is_empty()).ok_or_else(|| {
            format!("no program runs container {name}: name one with --container {name}=<program> (or SFU_COMMAND)")
        })?;
        let (first, arguments) = command.split_first().ok_or("the command is empty")?;
        let path = launcher::find(first)?;
        let mut environment = container.environment.clone();
        let own = overrides.container_overrides.iter().filter(|own| own.name == *name);
        for variable in own.flat_map(|own| &own.environment) {
            environment.insert(variable.name.clone(), variable.value.clone());
        }
        let mut given = environment.clone();
        given.insert("AWS_REGION".into(), names::REGION.into());
        given.insert("AWS_EXECUTION_ENV".into(), "AWS_ECS_FARGATE".into());
        let arguments = arguments.iter().map(OsString::from).collect();
        let child = self.launcher.start(&Program { path, arguments, environment: given }).await;
        let child = child.map_err(|error| format!("{first} cannot be started: {error}"))?;
        let task = Arc::new(Task {
            id: ids::task(),
            definition: definition.arn.clone(),
            container: name.clone(),
            environment,
            pid: child.id().unwrap_or_default(),
            started_at: now_ms(),
            end: watch::Sender::new(None),
            stop: Notify::new(),
        });
        let text = format!("started {} (pid {}): {}", task.short(), task.pid, command.join(" "));
        self.events.emit(Event::new(Kind::Task).function(name).text(text));
        let mut tasks = lock(&self.started);
        let stopped = tasks.iter().filter(|task| !task.is_running()).count();
        if stopped > SHOWN
            && let Some(oldest) = tasks.iter().position(|task| !task.is_running())
        {
            tasks.remove(oldest);
        }
        tasks.push(Arc::clone(&task));
        drop(tasks);
        tokio::spawn(watch(Arc::clone(&task), child, Arc::clone(&self.events)));
        Ok(task)
    }

    /// All tasks, for the admin API.
    pub(crate) fn list(&self) -> Json {
        lock(&self.started).iter().map(|task| task.shown()).collect()
    }

    /// Ends every task and waits until they are gone.
    pub(crate) async fn stop(&self) {
        let tasks = lock(&self.started).clone();
        for task in &tasks {
            task.stop.notify_one();
        }
        for task in tasks {
            let mut end = task.end.subscribe();
            let _ = end.wait_for(Option::is_some).await;
        }
    }
}

impl Task {
    fn is_running(&self) -> bool {
        self.end.borrow().is_none()
    }

    fn short(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }

    fn shown(&self) -> Json {
        let end = *self.end.borrow();
        json!({
            "taskId": self.id,
            "container": self.container,
            "status": if end.is_none() { "RUNNING" } else { "STOPPED" },
            "pid": self.pid,
            "environment": self.environment,
            "startedAt": self.started_at,
            "stoppedAt": end.map(|end| end.at),
            "exitCode": end.and_then(|end| end.exit_code),
        })
    }

    /// The task as `RunTask` answers it.
    fn described(&self, cluster: Option<&str>) -> Json {
        let arn = |what: &str, name: &str| {
            format!("arn:aws:ecs:{}:{}:{what}/{name}", names::REGION, names::ACCOUNT)
        };
        let cluster = cluster.unwrap_or("default");
        let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
        json!({
            "taskArn": arn("task", &format!("{cluster}/{}", self.id)),
            "clusterArn": arn("cluster", cluster),
            "taskDefinitionArn": self.definition,
            "containers": [{ "name": self.container, "lastStatus": "PENDING" }],
            "lastStatus": "PROVISIONING",
            "desiredStatus": "RUNNING",
            "launchType": "FARGATE",
        })
    }
}

async fn watch(task: Arc<Task>, mut child: Child, events: Arc<Events>) {
    for pipe in [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn AsyncRead + Send + Unpin>),
    ]
    .into_iter()
    .flatten()
    {
        tokio::spawn(follow(task.container.clone(), pipe, Arc::clone(&events)));
    }
    let status = tokio::select! {
        status = child.wait() => status,
        () = task.stop.notified() => {
            launcher::kill_group(task.pid, true);
            if let Ok(status) = tokio::time::timeout(STOP, child.wait()).await {
                status
            } else {
                launcher::kill_group(task.pid, false);
                child.wait().await
            }
        }
    };
    let exit_code = status.as_ref().ok().and_then(ExitStatus::code);
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let event = Event::new(Kind::Task).function(&task.container).failed(exit_code != Some(0));
    events.emit(event.text(format!("stopped {}: {how}", task.short())));
    task.end.send_replace(Some(Ended { exit_code, at: now_ms() }));
}

async fn follow(container: String, pipe: Box<dyn AsyncRead + Send + Unpin>, events: Arc<Events>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        events.emit(Event::new(Kind::Log).function(&container).text(redact(&line)));
    }
}
