//! The `iceServers` Lambda.

use gateway::{edge, logging};
use get_ice_servers::{Deps, get_ice_servers};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_http(async |call| get_ice_servers(&deps, call).await).await
}
