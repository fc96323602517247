//! The `handshake` Lambda.

use gateway::{edge, logging};
use handshake::{Deps, handshake};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_messages(&deps.departures, async |call| handshake(&deps, call).await).await
}
