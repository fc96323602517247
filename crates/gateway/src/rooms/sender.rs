//! Who sends a request, and whether it may.

use std::sync::OnceLock;
use std::time::Duration;

use model::codec::Codec;
use model::connection::{Identity, Socket};
use model::error::Error;
use model::id::{PeerId, RequestId, RoomId};
use model::notice::Notice;
use model::outcome::{Delivery, RateLimited};
use model::person;
use model::session::{InSession, Permission, Rate, Role};
use model::stamp::Stamp;
use tokio::time::{Instant, sleep};

use crate::app::App;
use crate::failure::Failure;
use crate::sockets::Sockets;
use crate::store::{Limited, Sequence};
use crate::{aws, config};

/// How long a request waits for its sender's identify.
const IDENTIFY_WITHIN: Duration = Duration::from_secs(1);
/// The first pause between two looks; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The connection that a request came on.
pub struct Sender<'a> {
    stamp: Stamp,
    /// The request's name, which its answer repeats.
    request_id: Option<RequestId>,
    codec: &'a dyn Codec,
    /// Whether it is in a session, once that is known.
    in_session: OnceLock<bool>,
}

/// Somebody in a session who may send something now.
#[derive(Debug)]
pub struct Allowed {
    /// The session.
    pub session: RoomId,
    /// Who it is.
    pub peer: PeerId,
    /// How many signals to all it has sent.
    pub seq: u64,
}

/// What lets a connection of a session send something.
#[derive(Clone, Debug)]
pub struct Allowance {
    permission: Permission,
    roles: Vec<Role>,
    rate: Rate,
}

impl Allowance {
    /// For whoever has `permission`, by the setting `SubscribersMaySignal`, at most at `rate`.
    #[must_use]
    pub fn new(permission: Permission, subscribers_may_signal: bool, rate: Rate) -> Self {
        Self { permission, roles: permission.roles(subscribers_may_signal), rate }
    }
}

/// What a function needs whose requests only some connections of a session may send, and only so fast.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub app: App,
    /// Who may send them, and how fast.
    pub allowance: Allowance,
}

impl Deps {
    /// Reads the settings and opens the connections; as [`Allowance::new`], at the rate of signals.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env(permission: Permission, subscribers_may_signal: bool) -> Result<Self, Failure> {
        let allowance = Allowance::new(permission, subscribers_may_signal, config::signal_rate()?);
        Ok(Self { allowance, app: App::from_env(&aws::load().await).await? })
    }
}

impl std::fmt::Debug for Sender<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("stamp", &self.stamp).finish_non_exhaustive()
    }
}

impl<'a> Sender<'a> {
    /// The connection of this stamp, which speaks `codec` and has named its request `request_id`.
    #[must_use]
    pub fn new(stamp: Stamp, codec: &'a dyn Codec, request_id: Option<RequestId>) -> Self {
        Self { stamp, request_id, codec, in_session: OnceLock::new() }
    }

    /// The name of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Posts an answer to the request.
    ///
    /// # Errors
    /// When the post fails.
    pub async fn answer(&self, sockets: &Sockets, notice: Notice) -> Result<Delivery, Failure> {
        let text = self.codec.encode(&notice.answering(self.request_id.clone()));
        sockets.post(&self.stamp.connection_id, &text).await
    }

    /// Which connection.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Where others reach it.
    #[must_use]
    pub fn socket(&self) -> Socket {
        Socket { stamp: self.stamp.clone(), encoding: self.codec.encoding() }
    }

    /// Looks again and again, for a second in all, while the connection has not identified (`None`). A client sends identify
    /// and the next request back to back, and API Gateway runs a Lambda for each, concurrently: they may arrive out of order.
    ///
    /// # Errors
    /// `connection_not_found` after that second; otherwise the look's own.
    pub async fn once_identified<T>(
        &self,
        look: impl AsyncFn() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let until = Instant::now() + IDENTIFY_WITHIN;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            let now = Instant::now();
            if now >= until {
                return Err(Error::ConnectionNotFound);
            }
            sleep(pause.min(until - now)).await;
            pause *= 2;
        }
    }

    /// Takes notice of who the connection is.
    pub fn recognized(&self, identity: &Identity) {
        let in_session = matches!(identity, Identity::Client { session: Some(_), .. });
        self.in_session.get_or_init(|| in_session);
    }

    /// Whether the connection is in a session, if that has turned out.
    #[must_use]
    pub fn known_in_session(&self) -> Option<bool> {
        self.in_session.get().copied()
    }

    /// Whether the connection is in a session.
    pub async fn is_in_session(&self, app: &App) -> Result<bool, Failure> {
        if let Some(known) = self.known_in_session() {
            return Ok(known);
        }
        let row = app.store.connection(&self.stamp.connection_id).await?;
        if let Some(identity) = row.filter(|row| row.stamp == self.stamp).and_then(|row| row.identity) {
            self.recognized(&identity);
        }
        Ok(self.known_in_session().unwrap_or_default())
    }

    /// The session that the sender is in, and as what.
    ///
    /// # Errors
    /// `connection_not_found` before an identify; `forbidden`, with the sentence `elsewhere`, outside of sessions.
    pub async fn in_session(&self, app: &App, elsewhere: &'static str) -> Result<(RoomId, InSession), Error> {
        match self.identity(app).await? {
            Identity::Client { room_id, session: Some(session), .. } => Ok((room_id, session)),
            Identity::Client { session: None, .. } | Identity::Sfu { .. } => Err(Error::Forbidden(elsewhere)),
        }
    }

    /// The room, or the session, that the sender serves as its SFU.
    ///
    /// # Errors
    /// `connection_not_found` before an identify; `forbidden`, with the sentence `to_clients`, to clients.
    pub async fn sfu_of(&self, app: &App, to_clients: &'static str) -> Result<RoomId, Error> {
        let identity = self.identity(app).await?;
        match &identity {
            Identity::Sfu { .. } => Ok(identity.room().clone()),
            Identity::Client { .. } => Err(Error::Forbidden(to_clients)),
        }
    }

    /// Who the sender is: one read.
    async fn identity(&self, app: &App) -> Result<Identity, Error> {
        let look = async || {
            let row = app.store.connection(&self.stamp.connection_id).await?;
            Ok(row.filter(|row| row.stamp == self.stamp).ok_or(Error::ConnectionNotFound)?.identity)
        };
        let identity = self.once_identified(look).await?;
        self.recognized(&identity);
        Ok(identity)
    }

    /// Counts something that the sender wants to send in its session, if its role and the rate allow it.
    ///
    /// # Errors
    /// `connection_not_found` before an identify; `forbidden` by the role, or, with the sentence `elsewhere`, outside of
    /// sessions; `too_many_requests` above the rate.
    pub async fn allowed(
        &self,
        app: &App,
        allowance: &Allowance,
        sequence: Sequence,
        elsewhere: &'static str,
    ) -> Result<Allowed, Error> {
        let limited = Limited { sequence, roles: &allowance.roles, rate: allowance.rate };
        let look = async || {
            let limited = app.store.rate_limit(&self.stamp, limited, app.clock.now()).await?;
            if limited == RateLimited::NotInSession {
                self.in_session.get_or_init(|| false);
            }
            through(limited, allowance.permission, elsewhere, Error::RateExceeded("Too many requests"))
        };
        self.once_identified(look).await
    }

    /// Counts an issue that the sender wants to report of its session, if the rate allows it.
    ///
    /// # Errors
    /// As [`Sender::allowed`].
    pub async fn allowed_issue(&self, app: &App, elsewhere: &'static str) -> Result<Allowed, Error> {
        let look = async || {
            let limited =
                app.store.limit_issues(&self.stamp, &Role::ALL, person::issues(), app.clock.now()).await?;
            let too_many = Error::RateExceeded("Too many issues: one a minute");
            through(limited, Permission::Belong, elsewhere, too_many)
        };
        self.once_identified(look).await
    }
}

/// What a count came to; `None` before an identify.
fn through(
    limited: RateLimited,
    permission: Permission,
    elsewhere: &'static str,
    too_many: Error,
) -> Result<Option<Allowed>, Error> {
    match limited {
        RateLimited::Allowed { session, peer, seq } => Ok(Some(Allowed { session, peer, seq })),
        RateLimited::NotIdentified => Ok(None),
        RateLimited::ConnectionGone => Err(Error::ConnectionNotFound),
        RateLimited::NotInSession => Err(Error::Forbidden(elsewhere)),
        RateLimited::RoleForbids => Err(forbidden(permission)),
        RateLimited::TooMany => Err(too_many),
    }
}

/// Checks that a role has a permission.
///
/// # Errors
/// `forbidden`, which says what is not allowed.
pub fn check(role: Role, permission: Permission) -> Result<(), Error> {
    if role.may(permission, false) { Ok(()) } else { Err(forbidden(permission)) }
}

fn forbidden(permission: Permission) -> Error {
    Error::Forbidden(match permission {
        Permission::Belong => "Only members of a session may do that",
        Permission::Publish => "The token's role does not allow to publish",
        Permission::Subscribe => "The token's role does not allow to subscribe",
        Permission::Signal => "The token's role does not allow to signal",
        Permission::ForceUnpublish => "Only a moderator may end somebody's stream",
        Permission::ForceMute => "Only a moderator may mute others",
        Permission::ForceDisconnect => "Only a moderator may end somebody's connection",
    })
}
