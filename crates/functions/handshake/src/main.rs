//! The `handshake` Lambda.

use gateway::{edge, logging};
use handshake::{Deps, handshake};
use model::error::Error;
use model::request::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.app, async |sender, request| {
        let Request::Handshake(request) = request else { return Err(Error::UnknownAction) };
        handshake(&deps, sender, request).await
    })
    .await
}
