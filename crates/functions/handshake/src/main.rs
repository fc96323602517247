//! The `handshake` Lambda.

use gateway::departure::Departures;
use gateway::{aws, edge, logging};
use handshake::handshake;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let departures = Departures::from_env(&aws::load().await).await?;
    edge::serve_messages(&departures, async |call| handshake(&departures, call).await).await
}
