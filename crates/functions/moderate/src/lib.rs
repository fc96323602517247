//! `forceDisconnect`, `forceMuteStream`, `forceMuteAll`, `disableForceMute` and `forceUnpublish`: what a moderator does to others
//! in its session.

use gateway::app::App;
use gateway::edge::Reply;
use gateway::rooms::sender::{Sender, check};
use gateway::rooms::{departure, moderation};
use model::error::Error;
use model::id::RoomId;
use model::outcome::Delivery;
use model::request::Request;
use model::session::Permission;
use model::session::moderation::{ForceDisconnect, ForceMuteAll, ForceMuteStream, ForceUnpublish};

/// Serves the five requests.
///
/// # Errors
/// Those of each; `unknown_action` for any other request.
pub async fn handle(app: &App, sender: &Sender<'_>, request: Request<'_>) -> Result<Reply, Error> {
    match request {
        Request::ForceDisconnect(request) => force_disconnect(app, sender, request).await,
        Request::ForceMuteStream(request) => force_mute_stream(app, sender, request).await,
        Request::ForceMuteAll(request) => force_mute_all(app, sender, request).await,
        Request::DisableForceMute => disable_force_mute(app, sender).await,
        Request::ForceUnpublish(request) => force_unpublish(app, sender, request).await,
        Request::Identify(_)
        | Request::Handshake(_)
        | Request::Leave(_)
        | Request::Signal(_)
        | Request::ReportIssue(_)
        | Request::Publish(_)
        | Request::Unpublish(_)
        | Request::UpdateStream(_)
        | Request::Subscribe(_)
        | Request::Roster(_)
        | Request::Ping => Err(Error::UnknownAction),
    }
}

/// Ends a connection of the sender's session: its place is freed, it is told and closed, and the others are told.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` unless the sender is a moderator, `peer_not_found` when
/// nobody of that id is there.
pub async fn force_disconnect(
    app: &App,
    sender: &Sender<'_>,
    request: ForceDisconnect,
) -> Result<Reply, Error> {
    let session = moderated(app, sender, Permission::ForceDisconnect).await?;
    match departure::forced(app, &session, &request.connection).await? {
        Delivery::Delivered | Delivery::Busy | Delivery::TooLarge => Ok(Reply::Ack),
        Delivery::Gone(_) => Err(Error::PeerNotFound),
    }
}

/// Takes the sound of a stream, which its publisher may switch on again. One that has none stays as it is.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` unless the sender is a moderator, `stream_not_found`.
pub async fn force_mute_stream(
    app: &App,
    sender: &Sender<'_>,
    request: ForceMuteStream,
) -> Result<Reply, Error> {
    let session = moderated(app, sender, Permission::ForceMute).await?;
    moderation::mute_stream(app, &session, &request.id).await?;
    Ok(Reply::Ack)
}

/// Takes the sound of all streams that there are but some, and of those that begin from now on.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` unless the sender is a moderator.
pub async fn force_mute_all(app: &App, sender: &Sender<'_>, request: ForceMuteAll) -> Result<Reply, Error> {
    let session = moderated(app, sender, Permission::ForceMute).await?;
    moderation::switch_mute(app, &session, Some(&request.excluded)).await?;
    Ok(Reply::Ack)
}

/// Lets streams begin with sound again. It gives none back.
///
/// # Errors
/// As [`force_mute_all`].
pub async fn disable_force_mute(app: &App, sender: &Sender<'_>) -> Result<Reply, Error> {
    let session = moderated(app, sender, Permission::ForceMute).await?;
    moderation::switch_mute(app, &session, None).await?;
    Ok(Reply::Ack)
}

/// Ends a stream. To end one again is nothing new, as long as that is remembered.
///
/// # Errors
/// As [`force_mute_stream`].
pub async fn force_unpublish(
    app: &App,
    sender: &Sender<'_>,
    request: ForceUnpublish,
) -> Result<Reply, Error> {
    let session = moderated(app, sender, Permission::ForceUnpublish).await?;
    moderation::unpublish(app, &session, &request.id).await?;
    Ok(Reply::Ack)
}

/// The session of a sender that has a moderator's right.
async fn moderated(app: &App, sender: &Sender<'_>, right: Permission) -> Result<RoomId, Error> {
    let (session, own) = sender.in_session(app, "Only sessions have moderators").await?;
    check(own.role, right)?;
    Ok(session)
}
