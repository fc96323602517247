//! The message routes. They always answer API Gateway 200, so that it never speaks in our place; what the sender
//! is told is posted to its connection.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn};
use model::codec::Codec;
use model::codec::json::Json;
use model::departure::Departure;
use model::error::Error as Refusal;
use model::notice::Notice;
use model::outcome::Delivery;
use model::request::{Action, Request};
use model::session::Otc;
use model::stamp::Stamp;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::refusals::Refusals;
use super::{Error, stamp};
use crate::app::App;
use crate::failure::Failure;
use crate::rooms::departure;
use crate::rooms::sender::Sender;
use crate::sockets::Sockets;

/// What the sender of a request that succeeded is told.
#[derive(Debug)]
pub enum Reply {
    /// `ack`, if the request had a name; else nothing, which costs nothing.
    Ack,
    /// This.
    Notice(Notice),
    /// It has been sent already.
    AlreadySent,
}

/// What answering a connection takes.
pub trait Respond {
    /// The open sockets.
    fn sockets(&self) -> &Sockets;

    /// The connection was found gone while it was being answered.
    fn found_gone(&self, stamp: &Stamp) -> impl Future<Output = Result<(), Failure>>;

    /// The connection is about to be closed, for what it has sent.
    fn closing(&self, stamp: &Stamp) -> impl Future<Output = Result<(), Failure>>;

    /// Whether the connection has never said who it is, and should have by now.
    fn is_overdue(&self, stamp: &Stamp) -> impl Future<Output = Result<bool, Failure>>;

    /// Whether the connection is in a session, so that errors have OpenTok's numbers.
    fn in_session(&self, sender: &Sender<'_>) -> impl Future<Output = Result<bool, Failure>>;
}

impl Respond for App {
    fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Does what `$disconnect` would have done, in case that it was dropped.
    async fn found_gone(&self, stamp: &Stamp) -> Result<(), Failure> {
        departure::disconnected(self, stamp, Departure::Lost).await
    }

    /// Its stay ends as lost: `$disconnect` will have the code of a socket that its client has closed, which has left, and for
    /// whom nothing is held.
    async fn closing(&self, stamp: &Stamp) -> Result<(), Failure> {
        departure::disconnected_for_good(self, stamp).await
    }

    async fn is_overdue(&self, stamp: &Stamp) -> Result<bool, Failure> {
        self.store.is_overdue(stamp, self.clock.now()).await
    }

    async fn in_session(&self, sender: &Sender<'_>) -> Result<bool, Failure> {
        sender.is_in_session(self).await
    }
}

/// Runs the Lambda runtime for a message route whose clients speak JSON.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_messages(
    to: &impl Respond,
    handler: impl AsyncFn(&Sender<'_>, Request<'_>) -> Result<Reply, Refusal>,
) -> Result<(), Error> {
    serve_messages_in(&Json, to, handler).await
}

/// As [`serve_messages`], for clients that speak `codec`.
///
/// # Errors
/// When the runtime ends.
pub async fn serve_messages_in(
    codec: &dyn Codec,
    to: &impl Respond,
    handler: impl AsyncFn(&Sender<'_>, Request<'_>) -> Result<Reply, Refusal>,
) -> Result<(), Error> {
    let refusals = Refusals::default();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| {
        on_message(codec, to, &handler, &refusals, event.payload).await
    }))
    .await
}

/// Handles one message.
///
/// # Errors
/// When the event does not say which socket it came over.
pub async fn on_message(
    codec: &dyn Codec,
    to: &impl Respond,
    handler: &impl AsyncFn(&Sender<'_>, Request<'_>) -> Result<Reply, Refusal>,
    refusals: &Refusals,
    event: ApiGatewayWebsocketProxyRequest,
) -> Result<Value, Error> {
    let route = event.request_context.route_key.clone().unwrap_or_default();
    let body = event.body.unwrap_or_default();
    let stamp = stamp(event.request_context)?;
    let span = tracing::info_span!(
        "message",
        route,
        connection.id = %stamp.connection_id,
        room.id = tracing::field::Empty,
        peer.id = tracing::field::Empty,
    );
    // Boxed: the SDK's futures nest deeper than the compiler follows.
    Box::pin(handle(codec, to, handler, refusals, stamp, &body)).instrument(span).await;
    Ok(json!({ "statusCode": 200 }))
}

async fn handle(
    codec: &dyn Codec,
    to: &impl Respond,
    handler: &impl AsyncFn(&Sender<'_>, Request<'_>) -> Result<Reply, Refusal>,
    refusals: &Refusals,
    stamp: Stamp,
    body: &str,
) {
    let started = Instant::now();
    let message = codec.decode(body);
    let sender = Sender::new(stamp, codec, message.request_id);
    let result = match message.request {
        Ok(request) => handler(&sender, request).await,
        Err(refusal) => Err(refusal),
    };
    log(&result, started);
    let close = match &result {
        Ok(_) => false,
        Err(refusal) => is_last(to, &sender, refusal, refusals).await,
    };
    let notice = match result {
        Ok(Reply::Ack) => sender.request_id().cloned().map(|request_id| Notice::Ack { request_id }),
        Ok(Reply::AlreadySent) => None,
        Ok(Reply::Notice(notice)) => Some(notice),
        Err(refusal) => {
            let number = number(to, &sender, message.action, &refusal).await;
            Some(Notice::error(&refusal, number))
        }
    };
    if let Err(failure) = send(to, &sender, notice, close).await {
        tracing::error!(%failure, "Answer not delivered");
    }
}

/// Whether the socket is closed when it has heard of the refusal.
async fn is_last(to: &impl Respond, sender: &Sender<'_>, refusal: &Refusal, refusals: &Refusals) -> bool {
    let stamp = sender.stamp();
    if refusal.status() == 401 || refusals.too_many(&stamp.connection_id, refusal, Instant::now()) {
        return true;
    }
    matches!(refusal, Refusal::ConnectionNotFound)
        && to.is_overdue(stamp).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "Connection not looked up");
            false
        })
}

/// The number that OpenTok has for an error, if it is a session's client that is told of it. Who has not got so far
/// that its connection was looked up is looked up now.
async fn number(
    to: &impl Respond,
    sender: &Sender<'_>,
    action: Option<Action>,
    refusal: &Refusal,
) -> Option<Otc> {
    let number = Otc::of(refusal, action)?;
    // Our side fails already, or the connection is in no session.
    let is_looked_up = !matches!(refusal, Refusal::Internal(_) | Refusal::ConnectionNotFound);
    let in_session = match sender.known_in_session().or_else(|| action.and_then(Action::names_session)) {
        Some(in_session) => in_session,
        None if !is_looked_up => false,
        None => to.in_session(sender).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "Connection not looked up");
            false
        }),
    };
    in_session.then_some(number)
}

async fn send(
    to: &impl Respond,
    sender: &Sender<'_>,
    notice: Option<Notice>,
    close: bool,
) -> Result<(), Failure> {
    if let Some(notice) = notice {
        match sender.answer(to.sockets(), notice).await? {
            Delivery::Delivered => {}
            Delivery::Gone(_) => to.found_gone(sender.stamp()).await?,
            delivery @ (Delivery::Busy | Delivery::TooLarge) => {
                tracing::warn!(?delivery, "Answer not delivered");
            }
        }
    }
    if close {
        to.closing(sender.stamp()).await?;
        to.sockets().close(&sender.stamp().connection_id).await?;
    }
    Ok(())
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
