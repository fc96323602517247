//! The `leave` Lambda.

use gateway::{edge, logging};
use leave::{Deps, leave};
use model::error::Error;
use model::request::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.app, async |sender, request| {
        let Request::Leave(request) = request else { return Err(Error::UnknownAction) };
        leave(&deps, sender, request).await
    })
    .await
}
