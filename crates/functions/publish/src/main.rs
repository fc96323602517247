//! The `publish` Lambda, also of `unpublish` and `updateStream`.

use gateway::{edge, logging};
use publish::{deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = deps().await?;
    edge::serve_messages(&deps.app, async |sender, request| handle(&deps, sender, request).await).await
}
