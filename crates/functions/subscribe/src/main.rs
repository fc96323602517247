//! The `subscribe` Lambda, also of `unsubscribe`.

use gateway::{edge, logging};
use model::error::Error;
use model::request::Request;
use subscribe::{deps, subscribe};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = deps().await?;
    edge::serve_messages(&deps.app, async |sender, request| {
        let Request::Subscribe(request) = request else { return Err(Error::UnknownAction) };
        subscribe(&deps, sender, request).await
    })
    .await
}
