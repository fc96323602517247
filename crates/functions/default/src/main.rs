//! The `$default` Lambda.

use default::{Deps, default};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps, async |sender, request| default(&deps, sender, &request).await).await
}
