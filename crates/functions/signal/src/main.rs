//! The `signal` Lambda.

use gateway::{edge, logging};
use model::error::Error;
use model::request::Request;
use signal::{deps, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = deps().await?;
    edge::serve_messages(&deps.app, async |sender, request| {
        let Request::Signal(request) = request else { return Err(Error::UnknownAction) };
        signal(&deps, sender, request).await
    })
    .await
}
