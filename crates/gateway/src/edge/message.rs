//! The message routes. They always answer API Gateway 200, so that it never speaks in our place; what the sender
//! is told is posted to its connection.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use model::error::Error as Refusal;
use model::id::RequestId;
use model::life::Life;
use model::notice::Notice;
use model::request::Request;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{Error, life};
use crate::departure::Departures;
use crate::failure::Failure;
use crate::sockets::{Posted, Sockets};

/// A message of a connection.
#[derive(Debug)]
pub struct Call<'a> {
    /// Which connection.
    pub life: &'a Life,
    /// What it sent.
    pub request: &'a Request<'a>,
    /// The request's name, which the answer repeats.
    pub request_id: Option<RequestId>,
}

/// What the sender of a request that succeeded is told.
#[derive(Debug)]
pub enum Reply {
    /// `ack`, if the request had a name; else nothing, which costs nothing.
    Ack,
    /// This.
    Notice(Notice),
    /// It was told already.
    Told,
}

/// How a route answers a connection.
pub trait Post {
    /// The open sockets.
    fn sockets(&self) -> &Sockets;

    /// The connection was found gone while it was being answered.
    fn found_gone(&self, life: &Life) -> impl Future<Output = Result<(), Failure>>;
}

impl Post for Departures {
    fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Does what `$disconnect` would have done, in case that it was dropped.
    async fn found_gone(&self, life: &Life) -> Result<(), Failure> {
        self.disconnected(life, model::notice::Departure::Lost).await
    }
}

impl Post for Sockets {
    fn sockets(&self) -> &Sockets {
        self
    }

    /// A route without access to the tables has nothing to clear away.
    async fn found_gone(&self, _life: &Life) -> Result<(), Failure> {
        Ok(())
    }
}

/// Runs the Lambda runtime for a message route.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_messages<P: Post>(
    post: &P,
    handler: impl AsyncFn(Call<'_>) -> Result<Reply, Refusal>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| {
        let route = event.payload.request_context.route_key.clone().unwrap_or_default();
        let body = event.payload.body.unwrap_or_default();
        let life = life(event.payload.request_context)?;
        let span = tracing::info_span!(
            "message",
            route,
            connection.id = %life.connection_id,
            room.id = tracing::field::Empty,
            peer.id = tracing::field::Empty,
        );
        // Boxed: the SDK's futures nest deeper than the compiler follows.
        Box::pin(handle(post, &handler, &life, &body)).instrument(span).await;
        Ok::<Value, Error>(json!({ "statusCode": 200 }))
    }))
    .await
}

async fn handle<P: Post>(
    post: &P,
    handler: &impl AsyncFn(Call<'_>) -> Result<Reply, Refusal>,
    life: &Life,
    body: &str,
) {
    let started = Instant::now();
    let mut request_id = None;
    let result = match Request::parse(body) {
        Err(refusal) => Err(refusal),
        Ok(request) => match request.request_id() {
            Err(refusal) => Err(refusal),
            Ok(id) => {
                request_id.clone_from(&id);
                handler(Call { life, request: &request, request_id: id }).await
            }
        },
    };
    log(&result, started);
    let close = result.as_ref().is_err_and(|refusal| refusal.status() == 401);
    let notice = match result {
        Ok(Reply::Ack) => request_id.map(|request_id| Notice::Ack { request_id }),
        Ok(Reply::Told) => None,
        Ok(Reply::Notice(notice)) => Some(notice),
        Err(refusal) => Some(Notice::error(&refusal, request_id)),
    };
    if let Err(failure) = answer(post, life, notice, close).await {
        tracing::error!(%failure, "Answer not delivered");
    }
}

async fn answer<P: Post>(post: &P, life: &Life, notice: Option<Notice>, close: bool) -> Result<(), Failure> {
    if let Some(notice) = notice {
        match post.sockets().post(&life.connection_id, &notice.to_json()).await? {
            Posted::Delivered => {}
            Posted::Gone => post.found_gone(life).await?,
            posted @ (Posted::Busy | Posted::TooLarge) => tracing::warn!(?posted, "Answer not delivered"),
        }
    }
    if close { post.sockets().close(&life.connection_id).await } else { Ok(()) }
}

fn log(result: &Result<Reply, Refusal>, started: Instant) {
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    match result {
        Ok(_) => tracing::info!(duration_ms, "Request handled"),
        Err(refusal) => match refusal.failure() {
            Some(cause) => tracing::error!(cause, duration_ms, "Request failed"),
            None => {
                tracing::info!(
                    code = refusal.code(),
                    status = refusal.status(),
                    duration_ms,
                    "Request refused"
                );
            }
        },
    }
}
