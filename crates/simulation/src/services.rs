//! The services that functions call, and how they fail.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use tokio::time::sleep;

use crate::call::{Answer, Call};
use crate::faults::Service;
use crate::world::{Serving, World};
use crate::{api, dynamodb, queues};

/// No client waits for an answer as long as this.
const NO_ANSWER: Duration = Duration::from_mins(1);

/// All services.
pub(crate) fn services(world: Arc<World>, call: Call, caller: String) -> Serving {
    Box::pin(async move { serve(&world, &call, &caller).await })
}

async fn serve(world: &Arc<World>, call: &Call, caller: &str) -> Answer {
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
        "management.test" => api::management(world, &call.method, &call.path, &call.body),
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
