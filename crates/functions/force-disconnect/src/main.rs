//! The `forceDisconnect` Lambda.

use force_disconnect::force_disconnect;
use gateway::departure::Departures;
use gateway::{aws, edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let departures = Departures::from_env(&aws::load().await).await?;
    edge::serve_messages(&departures, async |call| force_disconnect(&departures, call).await).await
}
