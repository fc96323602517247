//! `publish`, `unpublish` and `updateStream`: the streams of a session.

use gateway::app::App;
use gateway::config;
use gateway::edge::Reply;
use gateway::failure::Failure;
use gateway::machine;
use gateway::rooms::sender::{Allowance, Allowed, Sender};
use gateway::rooms::streams;
use gateway::store::Sequence;
use model::error::Error;
use model::id::RoomId;
use model::member::Member;
use model::notice::Notice;
use model::request::Request;
use model::session::Permission;
use model::session::event::StreamEvent;
use model::session::notice::Destroyed;
use model::session::stream::Mute;
use model::session::stream::{Publish, Stream, StreamId, Unpublish, UpdateStream};
use rand::RngExt as _;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// Who may publish, and how often: everybody in the session hears of it, as of a signal.
    pub allowance: Allowance,
    /// Who may end a stream of its own, as often: everybody, for it may have a lesser role by now.
    pub ending: Allowance,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let rate = config::signal_rate()?;
        let allowance = Allowance::new(Permission::Publish, false, rate);
        let ending = Allowance::new(Permission::Belong, false, rate);
        Ok(Self { allowance, ending, app: App::from_env(&gateway::aws::load().await).await? })
    }
}

/// Serves the three requests.
///
/// # Errors
/// Those of [`publish`], [`unpublish`] and [`update_stream`]; `unknown_action` for any other request.
pub async fn handle(deps: &Deps, sender: &Sender<'_>, request: Request<'_>) -> Result<Reply, Error> {
    match request {
        Request::Publish(request) => publish(deps, sender, request).await,
        Request::Unpublish(request) => unpublish(deps, sender, request).await,
        Request::UpdateStream(request) => update_stream(deps, sender, request).await,
        Request::Identify(_)
        | Request::Handshake(_)
        | Request::Leave(_)
        | Request::Signal(_)
        | Request::ForceDisconnect(_)
        | Request::ForceMuteStream(_)
        | Request::ForceMuteAll(_)
        | Request::DisableForceMute
        | Request::ForceUnpublish(_)
        | Request::ReportIssue(_)
        | Request::Subscribe(_)
        | Request::Roster(_)
        | Request::Ping => Err(Error::UnknownAction),
    }
}

/// Begins a stream, without sound if its session is muted: one conditional write, which counts the request and tells who sends
/// it; one batched read of its place and the mute, and one transaction; then one read of who is told, and the posts. Who asks again for the same id is answered again.
///
/// # Errors
/// `connection_not_found` before an identify, `forbidden` for a role that may not and for an id of somebody else,
/// `stream_limit_exceeded`, `stream_not_found` for the id of a stream that has ended, `too_many_requests` above the rate.
pub async fn publish(deps: &Deps, sender: &Sender<'_>, request: Publish) -> Result<Reply, Error> {
    let app = &deps.app;
    let Publish { id, name, has_audio, has_video, video_type, dimensions } = request;
    let Allowed { session, peer, .. } = allowed(deps, sender, &deps.allowance).await?;
    let id = id.unwrap_or_else(|| StreamId::from_bits(machine::chance().random(), peer.clone()));
    if *id.peer() != peer {
        return Err(Error::Forbidden("streamId: must end in the connection's own id"));
    }
    let since = app.clock.now();
    let begin = |member: &mut Member, mute: &Mute| {
        let layout_class_list = member.session.as_ref().map(|session| session.layout_classes.clone());
        let (name, layout_class_list) = (name.clone(), layout_class_list.unwrap_or_default());
        let has_audio = has_audio && !mute.active;
        let mute = mute.version;
        let stream =
            Stream { since, name, has_audio, has_video, video_type, dimensions, layout_class_list, mute };
        member.streams.publish(&id, stream).map(|()| StreamEvent::Created)
    };
    let member = streams::change(app, &session, &id, Some(sender.stamp()), begin).await?;
    let stream = member.streams.info(&id).ok_or(Error::StreamNotFound)?;
    Ok(Reply::Notice(Notice::Published { stream, version: member.streams.version, request_id: None }))
}

/// Ends a stream: one of the sender's own, or, from the session's SFU, one whose media has stopped. To end one again is nothing
/// new.
///
/// # Errors
/// `connection_not_found` before an identify; `forbidden` for somebody else's stream, and from an SFU for another room;
/// `stream_not_found`; `too_many_requests` above the rate.
pub async fn unpublish(deps: &Deps, sender: &Sender<'_>, request: Unpublish) -> Result<Reply, Error> {
    let app = &deps.app;
    let Unpublish { id, room } = request;
    let end = |reason| {
        let id = &id;
        move |member: &mut Member, _: &Mute| {
            member.streams.unpublish(id).map(|()| StreamEvent::Destroyed(reason))
        }
    };
    let Some(room) = room else {
        let session = own(deps, sender, &deps.ending, &id).await?;
        let stamp = Some(sender.stamp());
        streams::change(app, &session, &id, stamp, end(Destroyed::ClientDisconnected)).await?;
        return Ok(Reply::Ack);
    };
    let serves = sender.sfu_of(app, "Only the room's SFU may name a room").await?;
    if serves != room {
        return Err(Error::Forbidden("The room must be the connection's own"));
    }
    match streams::change(app, &room, &id, None, end(Destroyed::MediaStopped)).await {
        // Its member may be gone, and the stream with it.
        Ok(_) | Err(Error::StreamNotFound | Error::ConnectionNotFound) => Ok(Reply::Ack),
        Err(error) => Err(error),
    }
}

/// Changes properties of one of the sender's streams. What does not change is told to nobody.
///
/// # Errors
/// As for [`unpublish`], and `forbidden` for a role that may not publish.
pub async fn update_stream(deps: &Deps, sender: &Sender<'_>, request: UpdateStream) -> Result<Reply, Error> {
    let session = own(deps, sender, &deps.allowance, &request.id).await?;
    let update =
        |member: &mut Member, mute: &Mute| member.streams.update(&request, mute).map(StreamEvent::Changed);
    streams::change(&deps.app, &session, &request.id, Some(sender.stamp()), update).await?;
    Ok(Reply::Ack)
}

async fn allowed(deps: &Deps, sender: &Sender<'_>, allowance: &Allowance) -> Result<Allowed, Error> {
    sender.allowed(&deps.app, allowance, Sequence::Unnumbered, "Streams are for sessions").await
}

/// The session in which a stream is the sender's own.
async fn own(
    deps: &Deps,
    sender: &Sender<'_>,
    allowance: &Allowance,
    id: &StreamId,
) -> Result<RoomId, Error> {
    let Allowed { session, peer, .. } = allowed(deps, sender, allowance).await?;
    if *id.peer() == peer { Ok(session) } else { Err(Error::Forbidden("The stream is somebody else's")) }
}
