//! The `createRoom` Lambda.

use create_room::{Deps, create_room};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_http(async |call| create_room(&deps, call).await).await
}
