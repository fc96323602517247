//! The `getRoomId` Lambda.

use gateway::{edge, logging};
use get_room_id::{Deps, get_room_id};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let deps = Deps::from_env().await?;
    edge::serve_http(async |call| get_room_id(&deps, call).await).await
}
