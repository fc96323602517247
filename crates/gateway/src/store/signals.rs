//! A connection signals: its count and its rate.

use model::item::{Connection, Identity};
use model::life::Life;
use model::outcome::Counted;
use model::session::{Rate, Role};
use model::time::EpochMillis;
use serde::Deserialize;

use super::write::{Updated, Write, connection_key};
use super::{ROUNDS, Store};
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

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// A signal to all: it has the next number.
    Number,
    /// Anything else: only the rate counts it.
    Nothing,
}

impl Store {
    /// Counts something that a connection sends, if one of `roles` may send it and the rate allows it: one conditional
    /// write, which also tells who it is. While the connection is in a burst it takes two.
    ///
    /// Race: signals of one connection come side by side. Each write is conditioned on the rate as the others left it, so
    /// that no two have one number and none goes past the limit; one that finds the row changed looks again.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count(
        &self,
        life: &Life,
        raise: Raise,
        roles: &[Role],
        rate: Rate,
        now: EpochMillis,
    ) -> Result<Counted, Failure> {
        let mut owes = false;
        for _ in 0..ROUNDS {
            let counter: Counter =
                match self.update(self.count_write(life, raise, roles, rate, owes, now)).await? {
                    Updated::Done(counter) => counter,
                    Updated::Refused(None) => return Ok(Counted::ConnectionGone),
                    Updated::Refused(Some(counter)) => {
                        let Counter { row, signal_at, .. } = counter;
                        match row.identity {
                            _ if row.life != *life => return Ok(Counted::ConnectionGone),
                            None => return Ok(Counted::NotIdentified),
                            Some(Identity::Client { session: Some(session), .. }) => {
                                if !roles.contains(&session.role) {
                                    return Ok(Counted::RoleForbids);
                                }
                            }
                            Some(Identity::Client { session: None, .. } | Identity::Sfu { .. }) => {
                                return Ok(Counted::NotInSession);
                            }
                        }
                        if signal_at.is_some_and(|at| at > rate.latest(now)) {
                            return Ok(Counted::TooMany);
                        }
                        owes = signal_at.is_some_and(|at| at > now);
                        continue;
                    }
                };
            if let Some(Identity::Client { peer_id, room_id, .. }) = counter.row.identity {
                return Ok(Counted::Signal { session: room_id, peer: peer_id, seq: counter.seq });
            }
            return Ok(Counted::NotInSession);
        }
        Err(Self::lost_every_round("signal"))
    }

    /// Two forms, because DynamoDB knows no maximum of two numbers: a connection that owes something adds to that, one that
    /// owes nothing begins now.
    fn count_write(
        &self,
        life: &Life,
        raise: Raise,
        roles: &[Role],
        rate: Rate,
        owes: bool,
        now: EpochMillis,
    ) -> Write {
        let (debt, in_time) = if owes {
            ("#signalAt + :interval", "#signalAt <= :latest")
        } else {
            (":next", "(attribute_not_exists(#signalAt) OR #signalAt <= :now)")
        };
        let names: Vec<_> = (0..roles.len()).map(|at| format!(":role{at}")).collect();
        let set = format!("SET #signalAt = {debt}, #seq = if_not_exists(#seq, :zero) + :raise");
        let condition =
            format!("#connectedAt = :connectedAt AND #session.#role IN ({}) AND {in_time}", names.join(", "));
        let write = Write::update(&self.connections, connection_key(&life.connection_id), set)
            .when(condition)
            .bind(":connectedAt", life.connected_at)
            .bind(":zero", 0)
            .bind(":raise", u8::from(raise == Raise::Number));
        let interval = u64::try_from(rate.interval().as_millis()).unwrap_or(u64::MAX);
        let write = if owes {
            write.bind(":interval", interval).bind(":latest", rate.latest(now))
        } else {
            write.bind(":next", now.plus(rate.interval())).bind(":now", now)
        };
        names.iter().zip(roles).fold(write, |write, (name, role)| write.bind(name, role))
    }
}
