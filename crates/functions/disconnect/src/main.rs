//! The `$disconnect` Lambda.

use disconnect::{Deps, disconnect};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_disconnects(async |event| disconnect(&deps, event).await).await
}
