//! The `$connect` Lambda.

use connect::{Deps, connect};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_connects(async |event| connect(&deps, event).await).await
}
