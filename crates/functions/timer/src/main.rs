//! The Lambda of the timer queue.

use gateway::app::App;
use gateway::{aws, edge, logging};
use timer::timer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let app = App::from_env(&aws::load().await).await?;
    edge::serve_queue(async |message| timer(&app, message).await).await
}
