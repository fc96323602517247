//! Calls of functions to AWS: they travel, are done or not, and are answered or not.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use rand::RngExt as _;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::faults::Service;
use crate::lambda::{INVOCATION, Invocation, Moment};
use crate::world::World;
use crate::{dynamodb, queues};

/// The endpoint of the management API. Every other service has [`SERVICES`].
pub(crate) const MANAGEMENT: &str = "http://management.test/prod";
pub(crate) const SERVICES: &str = "http://services.test";
/// No client waits for an answer as long as this.
const NO_ANSWER: Duration = Duration::from_mins(1);

/// What a service answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A refusal of a request.
    pub(crate) fn refused(kind: &str) -> Self {
        Self::failed(400, kind)
    }

    pub(crate) fn failed(status: u16, kind: &str) -> Self {
        let body = serde_json::json!({ "__type": kind, "message": "simulated" });
        Self { status, body: body.to_string().into() }
    }

    /// How it goes into the record.
    fn word(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = body["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let reasons = body["CancellationReasons"].as_array().into_iter().flatten();
        let reasons: Vec<_> = reasons.filter_map(|reason| reason["Code"].as_str()).collect();
        format!("{} {kind} {}", self.status, reasons.join(",")).trim_end().to_owned()
    }
}

/// A call on its way.
struct Call {
    host: String,
    method: String,
    path: String,
    operation: String,
    body: Vec<u8>,
}

impl Call {
    fn new(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let uri = request.uri().trim_start_matches("http://");
        let (host, path) = uri.split_once('/').unwrap_or((uri, ""));
        let operation = target.rsplit('.').next().unwrap_or_default();
        let service = target.split(['.', '_']).next().unwrap_or_default();
        Self {
            host: if target.is_empty() { host.to_owned() } else { service.to_owned() },
            method: request.method().to_owned(),
            path: path.to_owned(),
            operation: if operation.is_empty() { request.method().to_owned() } else { operation.to_owned() },
            body: request.body().bytes().unwrap_or_default().to_owned(),
        }
    }

    /// What it is about, for the record. Bodies are not in the order in which they were put together.
    fn text(&self) -> String {
        match self.host.as_str() {
            "management.test" => {
                let text = String::from_utf8_lossy(&self.body);
                format!("{} {} {text}", self.method, self.path.rsplit('/').next().unwrap_or_default())
            }
            _ => format!("{} {}", self.host, self.operation),
        }
    }
}

/// Connections of one machine.
#[derive(Debug)]
pub(crate) struct Connector(pub(crate) Arc<World>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = Arc::clone(&self.0);
        let call = Call::new(&request);
        let invocation = INVOCATION.try_with(Arc::clone).ok();
        HttpConnectorFuture::new(async move {
            let moment = invocation.as_ref().and_then(|invocation| invocation.calls());
            if moment == Some(Moment::Before) {
                return invocation.unwrap().dies().await;
            }
            let (sender, receiver) = oneshot::channel();
            let caller = invocation.clone();
            // Once it is sent a call is on its own: whoever has made it may die, or lose patience.
            spawn_local(async move {
                world.travel().await;
                let answer = serve(&world, &call, caller.as_deref()).await;
                world.travel().await;
                let _ = sender.send(answer);
            });
            if moment == Some(Moment::After) {
                return invocation.unwrap().dies().await;
            }
            let answer = receiver.await.unwrap();
            Ok(HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(answer.body)))
        })
    }
}

async fn serve(world: &Arc<World>, call: &Call, caller: Option<&Invocation>) -> Answer {
    let caller = caller.map_or_else(|| "init".to_owned(), |caller| caller.name.clone());
    let note = |what: &str| world.note(|| format!("{caller}: {} -> {what}", call.text()));
    let faults = &world.faults;
    let hangs = world.strikes(faults.hang);
    if hangs && world.draw(|fate| fate.random_bool(0.5)) {
        note("nothing, and no answer");
        sleep(NO_ANSWER).await;
    }
    let (refusal, loses) = match call.host.as_str() {
        "DynamoDB" => (faults.refuse, faults.lose_answer),
        "management.test" => (faults.post_fails, faults.post_fails / 2.0),
        _ => (faults.service, faults.service / 2.0),
    };
    let out = match call.host.as_str() {
        "DynamoDB" => world.is_out(Service::Tables),
        "management.test" => world.is_out(Service::Management),
        _ => false,
    };
    if out {
        note("out");
        return Answer::failed(500, "InternalServerError");
    }
    if world.strikes(refusal) {
        let answer = match call.host.as_str() {
            "DynamoDB" => dynamodb::refusal(world, &call.operation, &call.body),
            _ => Answer::failed(500, "InternalServerError"),
        };
        note(&format!("refused: {}", answer.word()));
        return answer;
    }
    let answer = match call.host.as_str() {
        "DynamoDB" => dynamodb::execute(world, &call.operation, &call.body).await,
        "management.test" => crate::api::management(world, &call.method, &call.path, &call.body),
        "AmazonSQS" => queues::send(world, &call.operation, &call.body),
        "secretsmanager" => queues::secret(&call.body),
        "AmazonEC2ContainerServiceV20141113" => queues::run_task(world, &call.body),
        other => panic!("nobody is called {other}"),
    };
    note(&answer.word());
    if hangs {
        note("no answer");
        sleep(NO_ANSWER).await;
    }
    if world.strikes(loses) {
        note("answer lost");
        return Answer::failed(503, "ServiceUnavailable");
    }
    answer
}
