//! The `$disconnect` Lambda.

use disconnect::disconnect;
use gateway::departure::Departures;
use gateway::{aws, edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let departures = Departures::from_env(&aws::load().await).await?;
    edge::serve_disconnects(async |event| disconnect(&departures, event).await).await
}
