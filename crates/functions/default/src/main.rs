//! The `$default` Lambda.

use default::default;
use gateway::sockets::Sockets;
use gateway::{aws, edge, logging};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let sockets = Sockets::new(&aws::load().await);
    sockets.warm_up().await;
    edge::serve_messages(&sockets, async |_, request| default(&request)).await
}
