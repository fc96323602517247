//! How fast a connection of a session may send, and the numbers of its signals.

use model::connection::{Connection, Identity};
use model::outcome::RateLimited;
use model::session::{Rate, Role};
use model::stamp::Stamp;
use model::time::EpochMillis;
use serde::Deserialize;

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

impl Store {
    /// Lets something through that a connection sends, if its role may send it and the rate allows it: one conditional
    /// write, which also tells who the connection is. While the connection is in a burst it takes two.
    ///
    /// Race: signals of one connection come concurrently. Each write is conditioned on the rate as the others left it,
    /// so that no two have one number and none goes past the limit; one that finds the row changed looks again.
    pub async fn rate_limit(
        &self,
        stamp: &Stamp,
        limited: Limited<'_>,
        now: EpochMillis,
    ) -> Result<RateLimited, Failure> {
        let mut owes = false;
        for _ in 0..ROUNDS {
            let counter: Counter = match self.update(self.rate_write(stamp, limited, owes, now)).await? {
                Updated::Done(counter) => counter,
                Updated::Refused(None) => return Ok(RateLimited::ConnectionGone),
                Updated::Refused(Some(counter)) => {
                    let Counter { row, signal_at, .. } = counter;
                    match row.identity {
                        _ if row.stamp != *stamp => return Ok(RateLimited::ConnectionGone),
                        None => return Ok(RateLimited::NotIdentified),
                        Some(Identity::Client { session: Some(session), .. }) => {
                            if !limited.roles.contains(&session.role) {
                                return Ok(RateLimited::RoleForbids);
                            }
                        }
                        Some(Identity::Client { session: None, .. } | Identity::Sfu { .. }) => {
                            return Ok(RateLimited::NotInSession);
                        }
                    }
                    if signal_at.is_some_and(|at| at > limited.rate.latest(now)) {
                        return Ok(RateLimited::TooMany);
                    }
                    owes = signal_at.is_some_and(|at| at > now);
                    continue;
                }
            };
            if let Some(Identity::Client { peer_id, room_id, .. }) = counter.row.identity {
                return Ok(RateLimited::Allowed { session: room_id, peer: peer_id, seq: counter.seq });
            }
            return Ok(RateLimited::NotInSession);
        }
        Err(Self::lost_every_round("signal"))
    }

    /// Two forms, because DynamoDB knows no maximum of two numbers: a connection that owes something adds to that, one
    /// that owes nothing begins now.
    fn rate_write(&self, stamp: &Stamp, limited: Limited<'_>, owes: bool, now: EpochMillis) -> Write {
        let Limited { sequence, roles, rate } = limited;
        let (debt, in_time) = if owes {
            ("#signalAt + :interval", "#signalAt <= :latest")
        } else {
            (":next", "(attribute_not_exists(#signalAt) OR #signalAt <= :now)")
        };
        let names: Vec<_> = (0..roles.len()).map(|at| format!(":role{at}")).collect();
        let set = format!("SET #signalAt = {debt}, #seq = if_not_exists(#seq, :zero) + :raise");
        let condition =
            format!("#connectedAt = :connectedAt AND #session.#role IN ({}) AND {in_time}", names.join(", "));
        let write = Write::update(&self.connections, connection_key(&stamp.connection_id), set)
            .when(condition)
            .bind(":connectedAt", stamp.connected_at)
            .bind(":zero", 0)
            .bind(":raise", u8::from(sequence == Sequence::Next));
        let interval = u64::try_from(rate.interval().as_millis()).unwrap_or(u64::MAX);
        let write = if owes {
            write.bind(":interval", interval).bind(":latest", rate.latest(now))
        } else {
            write.bind(":next", now.plus(rate.interval())).bind(":now", now)
        };
        names.iter().zip(roles).fold(write, |write, (name, role)| write.bind(name, role))
    }
}
