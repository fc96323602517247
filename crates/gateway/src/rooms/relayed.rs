//! Relayed sessions: their media goes from client to client, without an SFU, between two at most.

use model::error::Error;
use model::id::{PeerId, RoomId};
use model::session::MediaMode;

use crate::app::App;
use crate::failure::Failure;

/// Between how many media goes.
const MOST: usize = 2;

/// Whether a session is relayed: one read.
///
/// # Errors
/// When the read fails.
pub async fn is_relayed(app: &App, session: &RoomId) -> Result<bool, Failure> {
    let session = app.store.session(session).await?;
    Ok(session.is_some_and(|session| session.media_mode == MediaMode::Relayed))
}

/// Checks that media may go between two of a relayed session: those who have been there longest. One query, of a session that has
/// a few members.
///
/// # Errors
/// `relayed_session_full`.
pub async fn check(app: &App, session: &RoomId, peers: [&PeerId; 2]) -> Result<(), Error> {
    let roster = app.store.roster(session, app.clock.now()).await?;
    let mut members: Vec<_> = roster.members.iter().map(|(peer, member)| (member.joined_at, peer)).collect();
    members.sort();
    let first: Vec<_> = members.iter().take(MOST).map(|(_, peer)| *peer).collect();
    if peers.iter().all(|peer| first.contains(peer)) { Ok(()) } else { Err(Error::RelayedSessionFull) }
}
