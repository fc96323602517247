//! The `claimRoom` Lambda.

use claim_room::{Deps, claim_room};
use gateway::{edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_http(async |call| claim_room(&deps, call).await).await
}
