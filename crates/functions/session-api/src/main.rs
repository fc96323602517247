//! The Lambda of the REST API of sessions.

use gateway::{edge, logging};
use session_api::{Deps, session_api};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_rest(async |call| session_api(&deps, call).await).await
}
