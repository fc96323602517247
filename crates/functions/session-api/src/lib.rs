//! The REST API of sessions: what a project's server asks for, mostly through one of the vendor's SDKs.

use gateway::app::App;
use gateway::edge::RestCall;
use gateway::failure::Failure;
use gateway::machine;
use gateway::projects::Projects;
use gateway::rooms::{departure, moderation, outbox, signal};
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::member::Member;
use model::outcome::Delivery;
use model::session::notice::ReceivedSignal;
use model::session::rest::{
    self, Action, Answer, Connected, Created, Endpoint, NewSession, RestError, project_of,
};
use model::session::signal::Signal;
use model::session::stream::{StreamId, StreamInfo};
use model::session::{ApiKey, Session, id};
use rand::RngExt as _;

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// Who may ask.
    pub projects: Projects,
    /// The tables and the sockets.
    pub app: App,
}

impl Deps {
    /// Reads the settings, and opens the connections to DynamoDB, API Gateway and Secrets Manager.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let aws = gateway::aws::load().await;
        Ok(Self { projects: Projects::from_env(&aws)?, app: App::from_env(&aws).await? })
    }
}

/// Answers one request. Who asks is checked first, then what it says, and only then what there is: a stranger learns
/// nothing about sessions.
///
/// # Errors
/// [`RestError`], in that order.
pub async fn session_api(deps: &Deps, call: RestCall) -> Result<Answer, RestError> {
    let project = deps.projects.authenticate(call.credential()?, deps.app.clock.now()).await?;
    let segments = call.segments();
    if project_of(&segments).is_some_and(|named| named != project.as_str()) {
        return Err(RestError::OtherProject);
    }
    let (session, action) = match Endpoint::read(call.method(), &segments)? {
        Endpoint::CreateSession => return create(deps, project, &NewSession::of_form(&call.form()?)?).await,
        Endpoint::Session { id, action } => (id, action),
    };
    match action {
        Action::Signal { to: None } => {
            signal_all(deps, &project, &session, rest::signal(call.text()?)?).await
        }
        Action::Signal { to: Some(peer) } => {
            signal_one(deps, &project, &session, peer, rest::signal(call.text()?)?).await
        }
        Action::ForceDisconnect(peer) => force_disconnect(deps, &project, &session, &peer).await,
        Action::ListConnections => connections(deps, project, session).await,
        Action::ListStreams => streams(deps, &project, &session).await,
        Action::SetLayoutClasses => {
            set_layout_classes(deps, &project, &session, rest::layout_classes(call.text()?)?).await
        }
        Action::OneStream(Some(id)) => stream(deps, &project, &session, &id).await,
        Action::MuteStream(Some(id)) => mute_stream(deps, project, &session, &id).await,
        Action::MuteAll => {
            let muted = rest::mute(call.text()?)?;
            known(deps, &project, &session).await?;
            moderation::switch_mute(&deps.app, &session, muted.as_deref()).await?;
            Ok(Answer::Project(project))
        }
        Action::OneStream(None) | Action::MuteStream(None) => {
            known(deps, &project, &session).await?;
            Err(RestError::StreamNotFound)
        }
    }
}

/// Makes a session: one item, which stays.
async fn create(deps: &Deps, project: ApiKey, new: &NewSession) -> Result<Answer, RestError> {
    let now = deps.app.clock.now();
    let id = id::new(&project, new.location, now, machine::chance().random());
    let session = Session {
        api_key: project.clone(),
        media_mode: new.media_mode,
        e2ee: new.e2ee,
        connections: 0,
        sfu_room: None,
        created_at: now,
    };
    deps.app.store.create_session(&id, &session).await?;
    Ok(Answer::Created(Created { session: id, project, at: now, segment: machine::chance().random() }))
}

/// Whether a session is there and the project's. Whose it is otherwise is nobody's business.
fn owned(session: Option<Session>, project: &ApiKey) -> Result<(), RestError> {
    match session {
        Some(session) if session.api_key == *project => Ok(()),
        Some(_) | None => Err(RestError::SessionNotFound),
    }
}

async fn known(deps: &Deps, project: &ApiKey, session: &RoomId) -> Result<(), RestError> {
    owned(deps.app.store.session(session).await?, project)
}

/// A signal of the project's server: it has no place in the order of anybody's signals.
fn received(text: Signal, to: Option<PeerId>) -> ReceivedSignal {
    let id = signal::new_id();
    ReceivedSignal { id, kind: text.kind, data: text.data, from: None, seq: None, to }
}

/// A session with nobody in it takes signals too.
async fn signal_all(
    deps: &Deps,
    project: &ApiKey,
    session: &RoomId,
    signal: Signal,
) -> Result<Answer, RestError> {
    let App { store, clock, .. } = &deps.app;
    let mut found = store.roster(session, clock.now()).await?;
    owned(found.session.take(), project)?;
    signal::to_all(&deps.app, session, found, received(signal, None)).await?;
    Ok(Answer::Done)
}

async fn signal_one(
    deps: &Deps,
    project: &ApiKey,
    session: &RoomId,
    peer: PeerId,
    signal: Signal,
) -> Result<Answer, RestError> {
    let App { store, clock, .. } = &deps.app;
    let (item, member) = store.session_and_member(session, &peer, clock.now()).await?;
    owned(item, project)?;
    let member = member.ok_or(RestError::ConnectionNotFound)?;
    let signal = received(signal, Some(peer.clone()));
    delivered(&signal::to_one(&deps.app, session, &peer, member, signal).await?)
}

async fn force_disconnect(
    deps: &Deps,
    project: &ApiKey,
    session: &RoomId,
    peer: &PeerId,
) -> Result<Answer, RestError> {
    known(deps, project, session).await?;
    delivered(&departure::forced(&deps.app, session, peer).await?)
}

fn delivered(delivery: &Delivery) -> Result<Answer, RestError> {
    match delivery {
        Delivery::Delivered => Ok(Answer::Done),
        Delivery::Gone(_) => Err(RestError::ConnectionNotFound),
        Delivery::Busy | Delivery::TooLarge => Err(RestError::Busy),
    }
}

async fn connections(deps: &Deps, project: ApiKey, session: RoomId) -> Result<Answer, RestError> {
    let App { store, clock, .. } = &deps.app;
    let found = store.roster(&session, clock.now()).await?;
    owned(found.session.clone(), &project)?;
    let members = found.members.iter();
    let connections = members
        .map(|(peer, member)| Connected { connection_id: peer.clone(), created_at: member.joined_at })
        .collect();
    outbox::catch_up(&deps.app, &session, found).await;
    Ok(Answer::Connections { project, session, connections })
}

/// The streams of a session, the oldest first.
async fn streams(deps: &Deps, project: &ApiKey, session: &RoomId) -> Result<Answer, RestError> {
    let mut found = deps.app.store.roster(session, deps.app.clock.now()).await?;
    owned(found.session.take(), project)?;
    let listed = found.members.iter().flat_map(|(_, member)| member.streams.listed());
    let mut streams: Vec<StreamInfo> = listed.map(|listed| listed.stream).collect();
    streams.sort_by(|a, b| (a.creation_time, &a.stream_id).cmp(&(b.creation_time, &b.stream_id)));
    outbox::catch_up(&deps.app, session, found).await;
    Ok(Answer::Streams(streams))
}

async fn stream(deps: &Deps, project: &ApiKey, session: &RoomId, id: &StreamId) -> Result<Answer, RestError> {
    let App { store, clock, .. } = &deps.app;
    let now = clock.now();
    let (item, member) = store.session_and_member(session, id.peer(), now).await?;
    owned(item, project)?;
    let member = member.filter(|member| !member.is_overdue(now));
    let stream = member.and_then(|member| member.streams.info(id)).ok_or(RestError::StreamNotFound)?;
    Ok(Answer::Stream(Box::new(stream)))
}

/// Its publisher may switch the sound on again. A stream that has none stays as it is.
async fn mute_stream(
    deps: &Deps,
    project: ApiKey,
    session: &RoomId,
    id: &StreamId,
) -> Result<Answer, RestError> {
    known(deps, &project, session).await?;
    match moderation::mute_stream(&deps.app, session, id).await {
        Ok(()) => Ok(Answer::Project(project)),
        Err(Error::StreamNotFound) => Err(RestError::StreamNotFound),
        Err(Error::TooManyRequests) => Err(RestError::Busy),
        Err(error) => Err(RestError::Internal(Box::new(error))),
    }
}

/// All streams that are named get their classes, or none does. Nobody is told: who lays pictures out asks for them.
async fn set_layout_classes(
    deps: &Deps,
    project: &ApiKey,
    session: &RoomId,
    classes: Vec<(StreamId, Vec<String>)>,
) -> Result<Answer, RestError> {
    let App { store, clock, .. } = &deps.app;
    let now = clock.now();
    let mut found = store.roster(session, now).await?;
    owned(found.session.take(), project)?;
    let infos = |members: &[(PeerId, Member)]| -> Vec<StreamInfo> {
        let info =
            |(id, _): &(StreamId, _)| members.iter().find(|(peer, _)| peer == id.peer())?.1.streams.info(id);
        classes.iter().filter_map(info).collect()
    };
    let mut set = infos(&found.members);
    if !store.set_layout_classes(session, &classes, found.members, now).await? {
        return Err(RestError::StreamNotFound);
    }
    for (stream, (_, classes)) in set.iter_mut().zip(&classes) {
        stream.layout_class_list.clone_from(classes);
    }
    Ok(Answer::Streams(set))
}
