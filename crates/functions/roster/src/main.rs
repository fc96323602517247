//! The `roster` Lambda.

use gateway::app::App;
use gateway::{aws, edge, logging};
use model::error::Error;
use model::request::Request;
use roster::roster;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), edge::Error> {
    logging::init();
    let app = App::from_env(&aws::load().await).await?;
    edge::serve_messages(&app, async |sender, request| {
        let Request::Roster(request) = request else { return Err(Error::UnknownAction) };
        roster(&app, sender, request).await
    })
    .await
}
