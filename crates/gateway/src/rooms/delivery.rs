//! One message to one member, or to the SFU, of a room.

use model::codec::Codecs;
use model::connection::{Identity, Socket};
use model::encoding::Encoding;
use model::id::{PeerId, RoomId};
use model::member::{Member, Reach};
use model::notice::{GoAway, Notice};
use model::outcome::{Delivery, Kept};
use model::sfu::Sfu;
use model::stamp::Stamp;

use super::loss::{self, Lost};
use crate::app::App;
use crate::failure::Failure;
use crate::store::Pauses;

/// Somebody in a room who can be posted to.
#[derive(Debug)]
pub struct Recipient {
    pub(crate) socket: Socket,
    pub(crate) identity: Identity,
    /// It wants to hear nothing of others who come and go.
    pub(crate) suppressed: bool,
}

impl Recipient {
    /// The member that is `peer` in `room`; `None` while it is away.
    #[must_use]
    pub fn member(peer: &PeerId, room: &RoomId, member: &Member) -> Option<Self> {
        let Reach::Socket(socket) = member.reach() else { return None };
        let suppressed = member.session.as_ref().is_some_and(|session| session.suppressed);
        Some(Self { socket, identity: member.identity(peer, room), suppressed })
    }

    /// The SFU that serves `room`.
    #[must_use]
    pub fn sfu(room: &RoomId, sfu: Sfu) -> Self {
        Self { socket: sfu.stamp.clone().into(), identity: sfu.identity(room), suppressed: false }
    }
}

/// Posts to a recipient, where it is by now; a socket that takes no more is tried again for a while. API Gateway delivers
/// `$disconnect` as a best effort only: if the recipient turns out to be gone, its place is freed, or kept for it.
///
/// # Errors
/// When the post, or the departure, fails.
pub async fn deliver(app: &App, to: &Recipient, notice: &Notice) -> Result<Delivery, Failure> {
    let text = encode(app.codecs, &to.socket.encoding, notice)?;
    match post(app, &to.socket.stamp, &text).await? {
        Delivery::Gone(_) => {
            follow(app, Met::Gone(to.socket.stamp.clone()), to.identity.clone(), Some(notice)).await
        }
        delivery @ (Delivery::Delivered | Delivery::Busy | Delivery::TooLarge) => Ok(delivery),
    }
}

/// Posts to a recipient once, where it was looked up: what is relayed between a client and its SFU is for that very socket.
///
/// # Errors
/// When the post, or the departure, fails.
pub async fn relay(app: &App, to: &Recipient, text: &str) -> Result<Delivery, Failure> {
    match app.sockets.post(&to.socket.stamp.connection_id, text).await? {
        Delivery::Gone(_) => Ok(match loss::found_gone(app, &to.socket.stamp, to.identity.clone()).await? {
            Lost::Ended(ended) => Delivery::Gone(Some(ended)),
            Lost::Away | Lost::Nothing => Delivery::Gone(None),
        }),
        delivery @ (Delivery::Delivered | Delivery::Busy | Delivery::TooLarge) => Ok(delivery),
    }
}

/// Writes a notice for those who speak an encoding.
///
/// # Errors
/// When this function has no codec for it.
pub(super) fn encode(codecs: Codecs, encoding: &Encoding, notice: &Notice) -> Result<String, Failure> {
    let text = codecs.encode(encoding, notice);
    text.ok_or_else(|| Failure::new("codec", format!("{encoding:?} is none of {codecs:?}")))
}

/// Posts to a socket.
///
/// # Errors
/// When the post fails.
pub(crate) async fn post(app: &App, to: &Stamp, text: &str) -> Result<Delivery, Failure> {
    let mut pauses = Pauses::new();
    loop {
        match app.sockets.post(&to.connection_id, text).await? {
            Delivery::Busy if pauses.pause().await => {}
            delivery @ (Delivery::Delivered | Delivery::Gone(_) | Delivery::Busy | Delivery::TooLarge) => {
                return Ok(delivery);
            }
        }
    }
}

/// Tells a socket that has lost its place not to come back, and closes it. Answers whether that is done.
///
/// Who was sent away by a moderator and could not be told is not closed: it would come back, where it has to hear that it must
/// not. A socket that takes no more is closed all the same.
pub async fn send_away(app: &App, socket: &Socket, reason: GoAway) -> bool {
    let connection = &socket.stamp.connection_id;
    let posted = async {
        let text = encode(app.codecs, &socket.encoding, &Notice::GoAway { reason })?;
        app.sockets.post(connection, &text).await
    };
    if let Err(failure) = posted.await {
        tracing::warn!(connection.id = %connection, %failure, "Connection not told to go");
        if reason == GoAway::ForceDisconnected {
            return false;
        }
    }
    let closed = app.sockets.close(connection).await;
    if let Err(failure) = &closed {
        tracing::warn!(connection.id = %connection, %failure, "Connection not closed");
    }
    closed.is_ok()
}

/// Where a member of a room was met last.
#[derive(Debug)]
pub(crate) enum Met {
    /// On this socket, which was found closed.
    Gone(Stamp),
    /// Nowhere: it was lost with this socket, and its place is kept.
    Away(Stamp),
}

/// A recipient was found gone, or is away: its place is freed, or what it is to be told is posted to the socket that it has come
/// back on, if there is anything to tell it there. A signal is kept for it while it is away; one that does not fit is
/// [`Delivery::Busy`].
///
/// Race: `$disconnect`, or another function with the same finding, may be quicker. Whoever frees the place announces it,
/// nobody else does.
///
/// Race: who is away may come back at the same moment. Its mailbox is closed then, and it is looked up again. Who has come back
/// on the very socket that it was lost with, and is lost with it a second time, has no other mailbox: nothing is kept for it.
///
/// Race: a member of a session may have gone and come again. That is another stay, whose list is newer than what is said here,
/// and which might never hear the end of it.
///
/// # Errors
/// When it cannot be said where the recipient is, or a signal could not be kept.
pub(crate) async fn follow(
    app: &App,
    mut met: Met,
    mut identity: Identity,
    notice: Option<&Notice>,
) -> Result<Delivery, Failure> {
    loop {
        let last = match met {
            Met::Gone(stamp) => match loss::found_gone(app, &stamp, identity.clone()).await? {
                Lost::Ended(ended) => return Ok(Delivery::Gone(Some(ended))),
                Lost::Away => {
                    met = Met::Away(stamp);
                    continue;
                }
                Lost::Nothing => stamp,
            },
            Met::Away(stamp) => {
                let Some(Notice::Signal { signal }) = notice else { return Ok(Delivery::Gone(None)) };
                match app.store.keep_signal(&stamp.connection_id, signal, app.clock.now()).await? {
                    Kept::Kept => return Ok(Delivery::Delivered),
                    Kept::Full => return Ok(Delivery::Busy),
                    Kept::Closed => stamp,
                }
            }
        };
        let Some(notice) = notice else { return Ok(Delivery::Gone(None)) };
        let Identity::Client { peer_id, room_id, .. } = &identity else { return Ok(Delivery::Gone(None)) };
        let member = app.store.member(room_id, peer_id, app.clock.now()).await?;
        let Some(member) = member.filter(|member| same_stay(&identity, member)) else {
            return Ok(Delivery::Gone(None));
        };
        identity = member.identity(peer_id, room_id);
        met = match member.reach() {
            Reach::None if member.stamp == last => return Ok(Delivery::Busy),
            Reach::None => Met::Away(member.stamp),
            Reach::Socket(socket) if socket.stamp == last => return Ok(Delivery::Gone(None)),
            Reach::Socket(socket) => {
                match post(app, &socket.stamp, &encode(app.codecs, &socket.encoding, notice)?).await? {
                    Delivery::Gone(_) => Met::Gone(socket.stamp),
                    delivery @ (Delivery::Delivered | Delivery::Busy | Delivery::TooLarge) => {
                        return Ok(delivery);
                    }
                }
            }
        };
    }
}

/// Whether a member of a session is still in the stay that it was looked up with. Rooms know no stays.
fn same_stay(known: &Identity, member: &Member) -> bool {
    match known {
        Identity::Client { session: Some(session), .. } => session.since == member.joined_at,
        Identity::Client { session: None, .. } | Identity::Sfu { .. } => true,
    }
}
