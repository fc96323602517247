//! Lambda: functions with their instances, which take one event at a time and may be killed at any call.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use gateway::app::App;
use gateway::edge::Refusals;
use gateway::machine::{self, Machine};
use gateway::rooms::sender;
use gateway::{aws, edge};
use model::codec::json::Json;
use model::error::Error;
use model::request::Request;
use model::time::EpochMillis;
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use crate::connector::Connector;
use crate::invocation::{Function, INVOCATION, Invocation, Moment};
use crate::world::World;
use crate::{names, tables};

/// How long a function has.
const TIMEOUT: Duration = Duration::from_secs(29);

/// A machine of Lambda's: its clock is its own.
#[derive(Debug)]
struct Instance {
    world: Arc<World>,
    number: u64,
    /// In milliseconds, from the true time.
    skew: i64,
    refusals: Refusals,
}

impl Machine for Instance {
    fn variable(&self, name: &str) -> Option<String> {
        let value = match name {
            // What the SDK draws retries from is one for all clients of a region: here each instance has its own.
            "AWS_REGION" => return Some(format!("simulated-{:x}-{}", self.world.seed, self.number)),
            "AWS_ENDPOINT_URL" => names::SERVICES,
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI" => names::MANAGEMENT,
            "CONNECTIONS_TABLE" => tables::CONNECTIONS,
            "ROOMS_TABLE" => tables::ROOMS,
            "SFU_GRACE_SECONDS" => "5",
            "RECONNECT_GRACE_SECONDS" | "ROOM_RECONNECT_GRACE_SECONDS" => {
                return Some(self.world.reconnect_grace().to_string());
            }
            "TIMER_QUEUE_URL" => names::TIMERS,
            "REFILL_QUEUE_URL" => names::REFILLS,
            "ALLOWED_ORIGINS" => "*",
            "AUTH_MODE" => "open",
            "CONNECT_TICKETS" => "no",
            "RTC_CONFIG" => r#"{"iceServers":[]}"#,
            "PROJECTS" => names::PROJECTS,
            "SESSION_CONNECTIONS" => "3000",
            "SUBSCRIBERS_MAY_SIGNAL" => "yes",
            "CONNECTIONS_PER_TOKEN" | "SIGNALS_PER_SECOND" => "10",
            "SIGNAL_BURST" => "50",
            "IDLE_ROOMS" => "1",
            "MAX_ROOMS" => return Some(names::MAX_ROOMS.to_string()),
            "MAX_IDLE_ROOMS" => "3",
            "SIGNAL_SERVER_URL" => "wss://signal.test/prod",
            "AWS_ACCESS_KEY_ID"
            | "AWS_SECRET_ACCESS_KEY"
            | "SFU_CLUSTER"
            | "SFU_TASK_DEFINITION"
            | "SFU_SUBNETS"
            | "SFU_SECURITY_GROUPS" => "simulated",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn now(&self) -> EpochMillis {
        EpochMillis(self.world.now().saturating_add_signed(self.skew))
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.world.fill(bytes);
    }

    fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(Arc::clone(&self.world)))
    }
}

/// What an instance runs.
enum Code {
    App(App),
    Default(default::Deps),
    Connect(connect::Deps),
    Identify(identify::Deps),
    Handshake(handshake::Deps),
    Leave(leave::Deps),
    Signal(sender::Deps),
    Publish(publish::Deps),
    GetRoomId(get_room_id::Deps),
    ClaimRoom(claim_room::Deps),
    CreateRoom(create_room::Deps),
    SessionApi(session_api::Deps),
    Refill(refill::Deps),
}

/// An instance with its code.
type Loaded = (Arc<Instance>, Arc<Code>);

/// Has a function handle an event; `None`: it was killed, ran out of time, or failed.
pub(crate) async fn invoke(world: &Arc<World>, function: Function, event: Value) -> Option<Value> {
    let functions = &world.functions;
    let number = functions.begins();
    let kill = world.strikes(world.faults.kill).then(|| {
        let moment = if world.draw(|fate| fate.random_bool(0.5)) { Moment::Before } else { Moment::After };
        (world.draw(|fate| fate.random_range(0..7)), moment)
    });
    let invocation = Arc::new(Invocation::new(format!("{function:?}-{number}"), kill));
    let (instance, code) = match functions.take::<Loaded>(function) {
        Some(warm) => warm,
        None => start(world, function).await,
    };
    world.note(|| format!("{} begins on {}", invocation.name, instance.number));
    let handled = machine::on(
        Arc::clone(&instance) as Arc<dyn Machine>,
        INVOCATION
            .scope(Arc::clone(&invocation), Box::pin(handle(function, &code, &instance.refusals, event))),
    );
    let ended = tokio::select! {
        biased;
        () = invocation.killed() => Err("killed"),
        ended = timeout(TIMEOUT, handled) => ended.unwrap_or(Err("out of time")),
    };
    functions.ends();
    let outcome = match &ended {
        Ok(answer) => answer.to_string(),
        Err(error) => (*error).to_owned(),
    };
    world.note(|| format!("{} ends: {outcome}", invocation.name));
    if !matches!(ended, Err("killed" | "out of time")) {
        functions.give_back(function, (instance, code));
    }
    ended.ok()
}

/// A cold start. One that fails is repeated, as Lambda does with the next event.
async fn start(world: &Arc<World>, function: Function) -> Loaded {
    loop {
        let most = i64::try_from(world.faults.skew).unwrap();
        let instance = Arc::new(Instance {
            world: Arc::clone(world),
            refusals: Refusals::default(),
            number: world.functions.instance(),
            skew: world.draw(|fate| fate.random_range(-most..=most)),
        });
        world.wait(50, 300).await;
        let code = machine::on(Arc::clone(&instance) as Arc<dyn Machine>, Box::pin(Code::load(function)));
        match code.await {
            Ok(code) => return (instance, Arc::new(code)),
            Err(failure) => world.note(|| format!("{function:?} does not start: {failure}")),
        }
    }
}

impl Code {
    async fn load(function: Function) -> Result<Self, gateway::failure::Failure> {
        Ok(match function {
            Function::Connect => Self::Connect(connect::Deps::from_env().await?),
            Function::Identify => Self::Identify(identify::Deps::from_env().await?),
            Function::Handshake => Self::Handshake(handshake::Deps::from_env().await?),
            Function::Leave => Self::Leave(leave::Deps::from_env().await?),
            Function::Signal => Self::Signal(signal::deps().await?),
            Function::Publish => Self::Publish(publish::Deps::from_env().await?),
            Function::GetRoomId => Self::GetRoomId(get_room_id::Deps::from_env().await?),
            Function::ClaimRoom => Self::ClaimRoom(claim_room::Deps::from_env().await?),
            Function::CreateRoom => Self::CreateRoom(create_room::Deps::from_env().await?),
            Function::SessionApi => Self::SessionApi(session_api::Deps::from_env().await?),
            Function::Refill => Self::Refill(refill::Deps::from_env().await?),
            Function::Default => Self::Default(default::Deps::from_env().await?),
            Function::Disconnect
            | Function::Moderate
            | Function::Roster
            | Function::Timer
            | Function::Outbox => Self::App(App::from_env(&aws::load().await).await?),
        })
    }
}

/// Handles an event as the function's `main` has it handled.
#[expect(clippy::too_many_lines, reason = "a line or five for each function")]
async fn handle(
    function: Function,
    code: &Code,
    refusals: &Refusals,
    event: Value,
) -> Result<Value, &'static str> {
    let failed = |_| "failed";
    match (function, code) {
        (Function::Connect, Code::Connect(deps)) => {
            edge::on_connect(&async |event| connect::connect(deps, event).await, read(&event))
                .await
                .map_err(failed)
        }
        (Function::Disconnect, Code::App(app)) => {
            edge::on_disconnect(&async |event| disconnect::disconnect(app, event).await, read(&event))
                .await
                .map_err(failed)
        }
        (Function::Default, Code::Default(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                deps,
                &async |sender, request| default::default(deps, sender, &request).await,
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Identify, Code::Identify(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                &deps.app,
                &async |sender, request| {
                    let Request::Identify(request) = request else { return Err(Error::UnknownAction) };
                    identify::identify(deps, sender, request).await
                },
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Handshake, Code::Handshake(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                &deps.app,
                &async |sender, request| {
                    let Request::Handshake(request) = request else { return Err(Error::UnknownAction) };
                    handshake::handshake(deps, sender, request).await
                },
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Leave, Code::Leave(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                &deps.app,
                &async |sender, request| {
                    let Request::Leave(request) = request else { return Err(Error::UnknownAction) };
                    leave::leave(deps, sender, request).await
                },
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Signal, Code::Signal(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                &deps.app,
                &async |sender, request| {
                    let Request::Signal(request) = request else { return Err(Error::UnknownAction) };
                    signal::signal(deps, sender, request).await
                },
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Publish, Code::Publish(deps)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                &deps.app,
                &async |sender, request| publish::handle(deps, sender, request).await,
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Moderate, Code::App(app)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                app,
                &async |sender, request| moderate::handle(app, sender, request).await,
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::Roster, Code::App(app)) => {
            let event = read(&event);
            edge::on_message(
                &Json,
                app,
                &async |sender, request| {
                    let Request::Roster(request) = request else { return Err(Error::UnknownAction) };
                    roster::roster(app, sender, request).await
                },
                refusals,
                event,
            )
            .await
            .map_err(failed)
        }
        (Function::GetRoomId, Code::GetRoomId(deps)) => {
            let handler = async |call| get_room_id::get_room_id(deps, call).await;
            Ok(answered(&edge::on_http(&handler, request(&event)).await.unwrap()))
        }
        (Function::ClaimRoom, Code::ClaimRoom(deps)) => {
            let handler = async |call| claim_room::claim_room(deps, call).await;
            Ok(answered(&edge::on_http(&handler, request(&event)).await.unwrap()))
        }
        (Function::CreateRoom, Code::CreateRoom(deps)) => {
            let handler = async |call| create_room::create_room(deps, call).await;
            Ok(answered(&edge::on_http(&handler, request(&event)).await.unwrap()))
        }
        (Function::SessionApi, Code::SessionApi(deps)) => {
            let handler = async |call| session_api::session_api(deps, call).await;
            let answer = edge::on_rest(&handler, request(&event)).await.unwrap();
            let (parts, body) = answer.into_parts();
            Ok(answered(&lambda_http::Response::from_parts(
                parts,
                String::from_utf8_lossy(&body).into_owned(),
            )))
        }
        (Function::Refill, Code::Refill(deps)) => {
            let response = edge::on_messages(&async |_| refill::refill(deps).await, read(&event)).await;
            if response.batch_item_failures.is_empty() { Ok(Value::Null) } else { Err("failed") }
        }
        (Function::Timer, Code::App(app)) => {
            let response =
                edge::on_messages(&async |message| timer::timer(app, message).await, read(&event)).await;
            if response.batch_item_failures.is_empty() { Ok(Value::Null) } else { Err("failed") }
        }
        (Function::Outbox, Code::App(app)) => {
            edge::on_records(&async |keys| outbox::outbox(app, keys).await, read(&event))
                .await
                .map_err(failed)
        }
        (function, _) => panic!("{function:?} runs other code"),
    }
}

/// An event as its function's edge takes it.
fn read<T: DeserializeOwned>(event: &Value) -> T {
    serde_json::from_value(event.clone()).unwrap()
}

fn request(event: &Value) -> lambda_http::Request {
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

fn answered(response: &lambda_http::Response<String>) -> Value {
    let body: Value = serde_json::from_str(response.body()).unwrap_or_default();
    serde_json::json!({ "status": response.status().as_u16(), "body": body })
}
