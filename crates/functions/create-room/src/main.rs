//! The `createRoom` Lambda.

use create_room::{Deps, create_room, refill};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_http_and_queue(async |call| create_room(&deps, call).await, async || refill(&deps).await)
        .await
}
