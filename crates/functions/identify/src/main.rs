//! The `identify` Lambda.

use gateway::{edge, logging};
use identify::{Deps, identify};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.departures, async |call| identify(&deps, call).await).await
}
