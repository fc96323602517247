//! The `moderate` Lambda: `forceDisconnect`, `forceMuteStream`, `forceMuteAll`, `disableForceMute` and `forceUnpublish`.

use gateway::app::App;
use gateway::{aws, edge, logging};
use moderate::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let app = App::from_env(&aws::load().await).await?;
    edge::serve_messages(&app, async |sender, request| handle(&app, sender, request).await).await
}
