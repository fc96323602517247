//! `signal`: a text for everybody in a session, or for one.

use gateway::config;
use gateway::departure::Departures;
use gateway::edge::{Call, Reply};
use gateway::failure::Failure;
use gateway::overtaking::Overtaking;
use gateway::session::Told;
use gateway::store::Raise;
use model::error::Error;
use model::id::{PeerId, RoomId};
use model::life::Life;
use model::outcome::Counted;
use model::session::notice::Delivery;
use model::session::signal::Signal;
use model::session::{Rate, Role};

/// What the function needs.
#[derive(Debug)]
pub struct Deps {
    /// The tables and the sockets.
    pub departures: Departures,
    /// `SignalsPerSecond` and `SignalBurst`.
    pub rate: Rate,
    /// Who may signal.
    pub roles: Vec<Role>,
}

impl Deps {
    /// Reads the settings and opens the connections.
    ///
    /// # Errors
    /// Names the variable that is wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let subscribers = config::flag("SUBSCRIBERS_MAY_SIGNAL")?;
        let roles = Role::ALL.into_iter().filter(|role| role.capabilities(subscribers).signal == 1).collect();
        Ok(Self {
            rate: config::signal_rate()?,
            roles,
            departures: Departures::from_env(&gateway::aws::load().await).await?,
        })
    }
}

/// Delivers a signal: one conditional write, which counts it and tells who sends it; then one read of who receives it, and
/// the posts. The sender receives what is for all as well.
///
/// # Errors
/// `bad_message` or `too_large` for what is no signal, `connection_not_found` before an identify, `forbidden` for a role that
/// may not, `too_many_requests` above the rate, `peer_not_found` when `to` is not there; with the model's numbers.
pub async fn signal(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    deliver(deps, call).await.map_err(Error::in_session)
}

async fn deliver(deps: &Deps, call: Call<'_>) -> Result<Reply, Error> {
    let (signal, to) = Signal::parse(&call.request.data()?)?;
    let raise = if to.is_some() { Raise::Nothing } else { Raise::Number };
    let (session, from, seq) = count(deps, call.life, raise).await?;
    let Signal { kind, data } = signal;
    let delivery = Delivery { kind, data, from: Some(from), seq: Some(seq), to };
    let departures = &deps.departures;
    let now = departures.clock.now();
    let Some(to) = delivery.to.clone() else {
        departures.signal_all(&session, departures.store.occupants(&session, now).await?, delivery).await;
        return Ok(Reply::Ack);
    };
    let Some(member) = departures.store.member(&session, &to, now).await? else {
        return Err(Error::PeerNotFound);
    };
    match departures.signal_one(&session, to, member, delivery).await? {
        Told::Delivered => Ok(Reply::Ack),
        Told::NotThere => Err(Error::PeerNotFound),
        Told::Busy => Err(Error::TooManyRequests),
    }
}

/// Counts the signal, and waits for the identify if this has overtaken it.
async fn count(deps: &Deps, life: &Life, raise: Raise) -> Result<(RoomId, PeerId, u64), Error> {
    let departures = &deps.departures;
    let mut overtaking = Overtaking::default();
    loop {
        let now = departures.clock.now();
        return match departures.store.count(life, raise, &deps.roles, deps.rate, now).await? {
            Counted::Signal { session, peer, seq } => Ok((session, peer, seq)),
            Counted::NotIdentified if overtaking.wait().await => continue,
            Counted::NotIdentified | Counted::ConnectionGone => Err(Error::ConnectionNotFound),
            Counted::NotInSession => Err(Error::Forbidden("Signals are for sessions")),
            Counted::RoleForbids => Err(Error::Forbidden("The token's role does not allow to signal")),
            Counted::TooMany => Err(Error::TooManyRequests),
        };
    }
}
