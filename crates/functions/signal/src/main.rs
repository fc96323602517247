//! The `signal` Lambda.

use gateway::{edge, logging};
use signal::{Deps, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.departures, async |call| signal(&deps, call).await).await
}
