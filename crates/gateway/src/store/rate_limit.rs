//! How fast somebody in a session may send, and the numbers of its signals.

use model::connection::{Connection, Identity};
use model::handshake;
use model::outcome::RateLimited;
use model::person::PersonId;
use model::session::{Rate, Role};
use model::stamp::Stamp;
use model::time::EpochMillis;
use serde::Deserialize;

use super::persons::{Count, Doing};
use super::tables::{ROUNDS, Store};
use super::write::{Updated, Write, connection_key};
use crate::failure::Failure;

/// A connection's row with what it counts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counter {
    #[serde(flatten)]
    row: Connection,
    /// How many signals to all it has sent.
    #[serde(default)]
    seq: u64,
    /// From when on it owes nothing (see [`Rate`]).
    #[serde(default)]
    signal_at: Option<EpochMillis>,
}

/// What is to be let through.
#[derive(Clone, Copy, Debug)]
pub struct Limited<'a> {
    /// Whether it takes the connection's next number.
    pub sequence: Sequence,
    /// The roles that may send it.
    pub roles: &'a [Role],
    /// How fast.
    pub rate: Rate,
}

/// Whether something has a number among its sender's signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// A signal to all: it has the next one.
    Next,
    /// Anything else.
    Unnumbered,
}

/// Where a signal is counted.
#[derive(Clone, Copy)]
enum Counted {
    /// At its connection, whose person has no other; whether that owes something, as far as it is known.
    Here { owes: bool },
    /// At its person's account, where it has been counted.
    AtAccount,
}

impl Store {
    /// Lets something through that somebody in a session sends, if its role may send it and its person's rate allows it: one
    /// conditional write, which also tells who the connection is. In a burst it takes two, and three for a person that is on
    /// more than one socket, or was a moment ago: only those are counted at an account.
    ///
    /// Race: signals of one person come concurrently. Each write is conditioned on the rate as the others left it,
    /// so that no two have one number and none goes past the limit; one that finds the row changed looks again. The person
    /// may join on another socket at the same moment: a signal that is counted here then came before that.
    pub async fn rate_limit(
        &self,
        stamp: &Stamp,
        limited: Limited<'_>,
        now: EpochMillis,
    ) -> Result<RateLimited, Failure> {
        let mut place = Counted::Here { owes: false };
        for _ in 0..ROUNDS {
            let counter: Counter = match self.update(self.signal_write(stamp, limited, place, now)).await? {
                Updated::Done(counter) => counter,
                Updated::Refused(None) => return Ok(RateLimited::ConnectionGone),
                Updated::Refused(Some(counter)) => {
                    let Counter { row, signal_at, .. } = counter;
                    if let Some(refused) = refused(&row, stamp, limited.roles) {
                        return Ok(refused);
                    }
                    if row.shared {
                        if !self.count(&person(&row), Doing::Signals, limited.rate, now).await? {
                            return Ok(RateLimited::TooMany);
                        }
                        place = Counted::AtAccount;
                        continue;
                    }
                    if signal_at.is_some_and(|at| at > limited.rate.latest(now)) {
                        return Ok(RateLimited::TooMany);
                    }
                    place = Counted::Here { owes: signal_at.is_some_and(|at| at > now) };
                    continue;
                }
            };
            return Ok(allowed(counter.row, counter.seq));
        }
        Err(Self::lost_every_round("signal"))
    }

    /// Lets an issue through, if its reporter is in a session and its person's rate allows it: one read, one conditional write,
    /// two in a burst.
    pub async fn limit_issues(
        &self,
        stamp: &Stamp,
        roles: &[Role],
        rate: Rate,
        now: EpochMillis,
    ) -> Result<RateLimited, Failure> {
        let Some(row) = self.connection(&stamp.connection_id).await? else {
            return Ok(RateLimited::ConnectionGone);
        };
        if let Some(refused) = refused(&row, stamp, roles) {
            return Ok(refused);
        }
        if self.count(&person(&row), Doing::Issues, rate, now).await? {
            Ok(allowed(row, 0))
        } else {
            Ok(RateLimited::TooMany)
        }
    }

    /// Whether whoever is on this connection may send another client a handshake, by its person's rate: one conditional write,
    /// two in a burst.
    pub async fn limit_handshakes(&self, row: &Connection, now: EpochMillis) -> Result<bool, Failure> {
        self.count(&person(row), Doing::Handshakes, handshake::to_clients(), now).await
    }

    /// Takes the signal's number, and counts it unless that is done already.
    fn signal_write(&self, stamp: &Stamp, limited: Limited<'_>, place: Counted, now: EpochMillis) -> Write {
        let Limited { sequence, roles, rate } = limited;
        let names: Vec<_> = (0..roles.len()).map(|at| format!(":role{at}")).collect();
        let mut set = "SET #seq = if_not_exists(#seq, :zero) + :raise".to_owned();
        let mut condition =
            format!("#connectedAt = :connectedAt AND #session.#role IN ({})", names.join(", "));
        let count = match place {
            Counted::Here { owes } => Some(Count { attribute: "#signalAt", rate, owes, now }),
            Counted::AtAccount => None,
        };
        if let Some(count) = &count {
            set = format!("{set}, #signalAt = {}", count.debt());
            let alone = "(attribute_not_exists(#shared) OR #shared = :no)";
            condition = format!("{condition} AND {} AND {alone}", count.in_time());
        }
        let write = Write::update(&self.connections, connection_key(&stamp.connection_id), set)
            .when(condition)
            .bind(":connectedAt", stamp.connected_at)
            .bind(":zero", 0)
            .bind(":raise", u8::from(sequence == Sequence::Next));
        let write = match count {
            Some(count) => count.bind(write).bind(":no", false),
            None => write,
        };
        names.iter().zip(roles).fold(write, |write, (name, role)| write.bind(name, role))
    }
}

/// Why a connection may not send something, whatever its rate.
fn refused(row: &Connection, stamp: &Stamp, roles: &[Role]) -> Option<RateLimited> {
    match &row.identity {
        _ if row.stamp != *stamp => Some(RateLimited::ConnectionGone),
        None => Some(RateLimited::NotIdentified),
        Some(Identity::Client { session: Some(session), .. }) => {
            (!roles.contains(&session.role)).then_some(RateLimited::RoleForbids)
        }
        Some(Identity::Client { session: None, .. } | Identity::Sfu { .. }) => {
            Some(RateLimited::NotInSession)
        }
    }
}

fn allowed(row: Connection, seq: u64) -> RateLimited {
    match row.identity {
        Some(Identity::Client { peer_id, room_id, .. }) => {
            RateLimited::Allowed { session: room_id, peer: peer_id, seq }
        }
        Some(Identity::Sfu { .. }) | None => RateLimited::NotInSession,
    }
}

/// Whom a connection is counted for. One that was there before persons were counted is its own.
fn person(row: &Connection) -> PersonId {
    row.person.clone().unwrap_or_else(|| PersonId::of_socket(&row.stamp.connection_id))
}
