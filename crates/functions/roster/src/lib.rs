//! `roster`: an SFU asks which of its people are members of its room, and on which sockets. What it was told, and missed, it
//! learns from the answer.

use gateway::app::App;
use gateway::edge::Reply;
use gateway::rooms::sender::Sender;
use gateway::store::Members;
use model::connection::Identity;
use model::error::Error;
use model::notice::Notice;
use model::roster::{AskRoster, Listed};

/// Answers with those who are there: one read of the sender's row and of theirs. Nothing is read of anybody else, and nothing
/// is written.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` to clients and about other rooms than the one that the SFU serves.
pub async fn roster(app: &App, sender: &Sender<'_>, request: AskRoster) -> Result<Reply, Error> {
    let AskRoster { room, peers } = request;
    let look = async || {
        let id = &sender.stamp().connection_id;
        let Members { sender: row, members } =
            app.store.members(id, &room, peers.clone(), app.clock.now()).await?;
        let row = row.filter(|row| row.stamp == *sender.stamp()).ok_or(Error::ConnectionNotFound)?;
        Ok(row.identity.map(|identity| (identity, members)))
    };
    let (identity, members) = sender.once_identified(look).await?;
    sender.recognized(&identity);
    match &identity {
        Identity::Client { .. } => return Err(Error::Forbidden("Only an SFU may ask who is there")),
        Identity::Sfu { .. } if *identity.room() != room => {
            return Err(Error::Forbidden("The room must be the connection's own"));
        }
        Identity::Sfu { .. } => {}
    }
    let peers = members.into_iter().map(|(peer, member)| Listed::of(peer, member)).collect();
    Ok(Reply::Notice(Notice::Roster { peers, request_id: None }))
}
