//! The `leave` Lambda.

use gateway::{edge, logging};
use leave::{Deps, leave};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.departures, async |call| leave(&deps, call).await).await
}
