//! Relayed sessions: their media goes from client to client, without an SFU, between two at most.

use model::id::{PeerId, RoomId};
use model::session::MediaMode;

use crate::app::App;
use crate::failure::Failure;

/// Between how many media goes.
const MOST: usize = 2;

/// What two clients are to each other, as far as media goes.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Media goes from one to the other.
    TheTwo,
    /// The media of their session goes between others, or would.
    Others,
    /// Their session has an SFU: nothing goes from client to client.
    NotRelayed,
}

/// Whether a session is relayed: one read.
///
/// # Errors
/// When the read fails.
pub async fn is_relayed(app: &App, session: &RoomId) -> Result<bool, Failure> {
    let session = app.store.session(session).await?;
    Ok(session.is_some_and(|session| session.media_mode == MediaMode::Relayed))
}

/// Whether media goes between two of a session: if that is relayed, between those who have been there longest. One query, of a
/// session that has a few members.
///
/// Race: who they are changes only when one of the two goes: what the other has sent by then is about a connection that its
/// end ends.
///
/// # Errors
/// When the query fails.
pub async fn between(app: &App, session: &RoomId, peers: [&PeerId; MOST]) -> Result<Between, Failure> {
    let roster = app.store.roster(session, app.clock.now()).await?;
    if roster.session.is_none_or(|session| session.media_mode != MediaMode::Relayed) {
        return Ok(Between::NotRelayed);
    }
    let mut members: Vec<_> = roster.members.iter().map(|(peer, member)| (member.joined_at, peer)).collect();
    members.sort();
    let first: Vec<_> = members.iter().take(MOST).map(|(_, peer)| *peer).collect();
    Ok(if peers.iter().all(|peer| first.contains(peer)) { Between::TheTwo } else { Between::Others })
}
