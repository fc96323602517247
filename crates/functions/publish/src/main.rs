//! The `publish` Lambda, also of `unpublish` and `updateStream`.

use gateway::{edge, logging};
use model::error::Error;
use model::request::Request;
use publish::{Deps, publish, unpublish, update_stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.app, async |sender, request| match request {
        Request::Publish(request) => publish(&deps, sender, request).await,
        Request::Unpublish(request) => unpublish(&deps, sender, request).await,
        Request::UpdateStream(request) => update_stream(&deps, sender, request).await,
        _ => Err(Error::UnknownAction),
    })
    .await
}
