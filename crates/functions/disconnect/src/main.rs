//! The `$disconnect` Lambda.

use disconnect::disconnect;
use gateway::app::App;
use gateway::{aws, edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let app = App::from_env(&aws::load().await).await?;
    edge::serve_disconnects(async |event| disconnect(&app, event).await).await
}
