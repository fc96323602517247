//! The way of a call: it travels, is done or not, and is answered or not.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::call::Call;
use crate::invocation::{INVOCATION, Moment};
use crate::world::World;

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
                let caller = caller.map_or_else(|| "init".to_owned(), |caller| caller.name.clone());
                let answer = (world.services)(Arc::clone(&world), call, caller).await;
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
