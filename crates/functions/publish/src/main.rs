//! The `publish` Lambda, also of `unpublish` and `updateStream`.

use gateway::{edge, logging};
use publish::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.app, async |sender, request| handle(&deps, sender, request).await).await
}
