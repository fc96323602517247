//! The Lambda of the refill queue.

use gateway::{edge, logging};
use refill::{Deps, refill};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_queue(async |_| refill(&deps).await).await
}
