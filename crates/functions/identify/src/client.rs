//! A client becomes a member of a room or a session.

use futures::future::try_join_all;
use gateway::app::App;
use gateway::edge::Reply;
use gateway::rooms::arrival::{self, Snapshot};
use gateway::rooms::departure::Probe;
use gateway::rooms::sender::Sender;
use gateway::rooms::{delivery, departure};
use gateway::store::{Join, Policy, Sequence};
use model::departure::Departure;
use model::error::Error;
use model::member::{Holder, Member};
use model::notice::{GoAway, Identified, Notice};
use model::outcome::{Delivery, Ended, Joined, PreviousHolder};
use model::room::RECONNECT_AFTER;
use model::session::MediaMode;
use model::session::mailbox::Mailbox;
use model::session::member::SessionConnection;
use model::session::notice::IdentifiedInSession;
use model::session::stream::ListedStream;
use serde::Serialize;

use crate::{Deps, HOLDERS, every_holder_gone, freed};

/// How much of the lists goes into one message, in bytes of JSON: API Gateway's limit is 128 KB, and `identified` holds
/// more than the list.
const MAX_LIST_BYTES: usize = 96 * 1024;

const TOO_OFTEN: &str = "Too many joins: one every 6 seconds";
const FULL: &str = "The session has as many connections as it may have";
const TOO_MANY_SOCKETS: &str = "The token is in use by as many connections as it may have";

/// Puts a client into its place, answers it, and tells the others.
pub(crate) async fn identify(deps: &Deps, sender: &Sender<'_>, join: Join) -> Result<Reply, Error> {
    let app = &deps.app;
    let mut ended = Vec::new();
    let (member, previous, mut snapshot, kept) = match take_place(deps, sender, &join, &mut ended).await {
        Ok(taken) => taken,
        Err(error) => {
            departure::announce_all_ended(app, &join.room, &ended).await;
            return Err(error);
        }
    };
    let notices = answers(deps, sender, &join, &member, &mut snapshot, kept);
    // Concurrently: the newcomer need not wait until a thousand others have been told of it.
    let (answered, (), ()) = futures::join!(
        answer(app, sender, notices, &previous),
        arrival::joined(app, &join.room, &join.peer, &member, &previous, &ended, snapshot),
        async {
            if let PreviousHolder::Older(older) = &previous {
                delivery::send_away(app, older, GoAway::Replaced).await;
            }
        },
    );
    answered?;
    Ok(Reply::AlreadySent)
}

/// Puts the client into its place; answers with that, who had it before, what the client finds, and what was kept for it.
async fn take_place(
    deps: &Deps,
    sender: &Sender<'_>,
    join: &Join,
    ended: &mut Vec<Ended>,
) -> Result<(Member, PreviousHolder, Snapshot, Vec<Mailbox>), Error> {
    let app = &deps.app;
    match &join.policy {
        Policy::Page { .. } => {
            // Both requests run concurrently: where the SFU is depends on nobody's place.
            let (joined, sfu) = futures::join!(joined(deps, sender, join, ended), app.store.sfu(&join.room));
            let (member, previous) = joined?;
            Ok((member, previous, Snapshot::of_page(sfu?), vec![]))
        }
        Policy::Session { .. } => {
            let (member, previous) = joined(deps, sender, join, ended).await?;
            let (snapshot, kept) = futures::join!(
                arrival::snapshot(app, &join.room, &join.peer),
                app.store.mailboxes(&member.mailboxes),
            );
            Ok((member, previous, snapshot?, kept?))
        }
    }
}

/// Writes the client's place. Holders of it that are found gone are ended on the way. A page is told of that first: an
/// SFU that does not know connections by their ids would take the newcomer for the one that is gone. A session is told
/// with the newcomer's arrival (`ended`), which does not wait until everybody has heard of them.
async fn joined(
    deps: &Deps,
    sender: &Sender<'_>,
    join: &Join,
    ended: &mut Vec<Ended>,
) -> Result<(Member, PreviousHolder), Error> {
    let app = &deps.app;
    let (mut swept, mut swept_own) = (false, false);
    for _ in 0..HOLDERS {
        let (holder, refusal) = match app.store.join(join, app.clock.now()).await? {
            Joined::Member { member, previous } => {
                if previous == PreviousHolder::Itself && member.session.is_some() {
                    let elsewhere = "The connection is in no session";
                    sender.allowed(app, &deps.again, Sequence::Unnumbered, elsewhere).await?;
                }
                return Ok((member, previous));
            }
            // Places whose holders are long gone count until somebody frees them.
            Joined::LimitExceeded if !swept => {
                swept = true;
                if departure::sweep(app, &join.room).await? == 0 {
                    return Err(Error::ConnectionLimitExceeded(FULL));
                }
                continue;
            }
            Joined::LimitExceeded => return Err(Error::ConnectionLimitExceeded(FULL)),
            Joined::TooOften => return Err(Error::RateExceeded(TOO_OFTEN)),
            // The same for the sockets of one person.
            Joined::SocketsExceeded(holders) if !swept_own => {
                swept_own = true;
                ended.extend(gone(deps, join, &holders).await?);
                continue;
            }
            Joined::SocketsExceeded(_) => return Err(Error::ConnectionLimitExceeded(TOO_MANY_SOCKETS)),
            Joined::ConnectionGone => return Err(Error::ConnectionNotFound),
            Joined::AlreadyIdentified => return Err(Error::AlreadyIdentified),
            Joined::RoomNotFound => return Err(Error::RoomNotFound),
            Joined::RoomClosed => return Err(Error::RoomClosed),
            Joined::OtherPath => {
                return Err(Error::Forbidden("The token or the ticket admits to another path"));
            }
            Joined::SecretMissing => return Err(Error::EncryptionSecretMissing),
            Joined::Held => return Err(Error::PeerInUse),
            Joined::PeerInUse(holder) => (holder, Error::PeerInUse),
            Joined::Superseded(holder) => (holder, Error::Superseded),
        };
        ended.extend(freed(deps, &holder, refusal).await?);
        if let Policy::Page { .. } = join.policy {
            departure::announce_all_ended(app, &join.room, &std::mem::take(ended)).await;
        }
    }
    Err(every_holder_gone())
}

/// Ends those of a person's sockets that are gone. Another room is told of it here; the one that is joined, with the rest.
async fn gone(deps: &Deps, join: &Join, holders: &[Holder]) -> Result<Vec<Ended>, Error> {
    let probed = try_join_all(holders.iter().map(|holder| departure::probe(&deps.app, holder))).await?;
    let ended = probed.into_iter().filter_map(|probe| match probe {
        Probe::Ended(ended) => Some(ended),
        Probe::Held | Probe::Unknown | Probe::Away | Probe::Changed => None,
    });
    let (here, elsewhere): (Vec<_>, Vec<_>) = ended.partition(|ended| *ended.identity.room() == join.room);
    for ended in elsewhere {
        departure::announce_all_ended(&deps.app, ended.identity.room(), std::slice::from_ref(&ended)).await;
    }
    if let Policy::Page { .. } = join.policy {
        departure::announce_all_ended(&deps.app, &join.room, &here).await;
        return Ok(Vec::new());
    }
    Ok(here)
}

/// What the client is told: `identified`, and before it the part of a session's list that does not fit, and the signals that it
/// has missed.
fn answers(
    deps: &Deps,
    sender: &Sender<'_>,
    join: &Join,
    member: &Member,
    snapshot: &mut Snapshot,
    kept: Vec<Mailbox>,
) -> Vec<Notice> {
    let suppressed = member.session.as_ref().is_some_and(|session| session.suppressed);
    let others = if suppressed { Vec::new() } else { std::mem::take(&mut snapshot.connections) };
    let mut lists = parts(others, std::mem::take(&mut snapshot.streams));
    let last = lists.pop().unwrap_or_default();
    let now = deps.app.clock.now();
    let latest = join.socket.stamp.connected_at.plus(RECONNECT_AFTER);
    let identified = Identified {
        peer_id: join.peer.clone(),
        room_id: join.room.clone(),
        connection_id: join.socket.stamp.connection_id.clone(),
        reconnect_before: deps.ice_servers.renew_before(now, latest),
        ice_servers: deps.ice_servers.for_user(join.peer.as_str(), now),
        features: std::mem::take(&mut snapshot.features),
        session: in_session(deps, join, member, snapshot, last),
        request_id: sender.request_id().cloned(),
    };
    let lists = lists.into_iter();
    let lists = lists.map(|Part { connections, streams, .. }| Notice::Connections { connections, streams });
    let kept = kept.into_iter().filter(|kept| !kept.signals.is_empty() || kept.missed > 0);
    let kept = kept.map(|Mailbox { signals, missed, .. }| Notice::Kept { signals, missed });
    lists.chain(kept).chain([Notice::Identified(Box::new(identified))]).collect()
}

/// What only a session's member is told.
fn in_session(
    deps: &Deps,
    join: &Join,
    member: &Member,
    snapshot: &Snapshot,
    last: Part,
) -> Option<IdentifiedInSession> {
    let own = member.session.as_ref()?;
    let session = snapshot.session.as_ref();
    Some(IdentifiedInSession {
        connection: member.in_session(&join.peer)?,
        capabilities: own.role.capabilities(deps.subscribers_may_signal),
        layout_class_list: own.layout_classes.clone(),
        connections: last.connections,
        streams: last.streams,
        muted: snapshot.mute.active,
        mute_version: (snapshot.mute.version > 0).then_some(snapshot.mute.version),
        media_mode: session.map_or(MediaMode::Routed, |session| session.media_mode),
        e2ee: session.is_some_and(|session| session.e2ee),
    })
}

/// As much of the lists as goes into one message.
#[derive(Debug, Default)]
struct Part {
    connections: Vec<SessionConnection>,
    streams: Vec<ListedStream>,
    bytes: usize,
}

/// Splits the lists into parts that fit into one message each.
fn parts(connections: Vec<SessionConnection>, streams: Vec<ListedStream>) -> Vec<Part> {
    let (mut full, mut last) = (Vec::new(), Part::default());
    for connection in connections {
        last.make_room(&connection, &mut full);
        last.connections.push(connection);
    }
    for stream in streams {
        last.make_room(&stream, &mut full);
        last.streams.push(stream);
    }
    full.push(last);
    full
}

impl Part {
    /// Counts one more entry; if there is no room for it, what there is so far is full, and another part begins.
    fn make_room(&mut self, entry: &impl Serialize, full: &mut Vec<Self>) {
        let bytes = serde_json::to_string(entry).map_or(0, |text| text.len() + 1);
        if self.bytes > 0 && self.bytes + bytes > MAX_LIST_BYTES {
            full.push(std::mem::take(self));
        }
        self.bytes += bytes;
    }
}

/// Posts to the newcomer, one after the other. If it is gone already, what `$disconnect` would have done is done now.
async fn answer(
    app: &App,
    sender: &Sender<'_>,
    notices: Vec<Notice>,
    previous: &PreviousHolder,
) -> Result<(), Error> {
    for notice in notices {
        match sender.answer(&app.sockets, notice).await? {
            Delivery::Delivered => {}
            Delivery::Gone(_) => {
                match previous {
                    PreviousHolder::Nobody
                    | PreviousHolder::Lost
                    | PreviousHolder::Expired(_)
                    | PreviousHolder::Succeeded(_) => {
                        departure::disconnected_for_good(app, sender.stamp()).await?;
                    }
                    PreviousHolder::Itself | PreviousHolder::Older(_) | PreviousHolder::Away => {
                        departure::disconnected(app, sender.stamp(), Departure::Lost).await?;
                    }
                }
                return Ok(());
            }
            // A list with a part missing would be taken for the whole: the client has to ask again.
            Delivery::Busy | Delivery::TooLarge => return Err(Error::TooManyRequests),
        }
    }
    Ok(())
}
