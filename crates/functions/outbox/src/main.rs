//! The Lambda of the rooms table's stream.

use gateway::app::App;
use gateway::{aws, edge, logging};
use outbox::outbox;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let app = App::from_env(&aws::load().await).await?;
    edge::serve_stream(async |keys| outbox(&app, keys).await).await
}
