//! What is counted of a person, whichever sockets it is on.

use model::connection::Connection;
use model::key::Key;
use model::person::{Account, Person, PersonId};
use model::room::CONNECTION_LEASE;
use model::session::Rate;
use model::stamp::Stamp;
use model::time::EpochMillis;

use super::tables::{ROUNDS, Store};
use super::write::{Updated, Write, connection_key, read_item, room_key};
use crate::failure::Failure;

/// What is known of somebody who joins.
#[derive(Default)]
pub(super) struct PersonSnapshot {
    /// The account's version, if there is an account.
    joins_at: Option<EpochMillis>,
    /// The sockets that it has a place on.
    open: Vec<Connection>,
}

impl PersonSnapshot {
    /// Its sockets but this one, which joins, and the one that loses its place to it.
    pub(super) fn others(&self, own: &Stamp, older: Option<&Stamp>) -> impl Iterator<Item = &Connection> {
        self.open.iter().filter(move |row| row.stamp != *own && Some(&row.stamp) != older)
    }

    /// Whether it may join now, by its rate.
    pub(super) fn may_join(&self, person: &Person, now: EpochMillis) -> bool {
        self.joins_at.is_none_or(|at| at <= person.joins().latest(now))
    }

    /// Whether signals have to be counted at the account: it is on other sockets, or was on one until a moment ago, whose
    /// count would begin anew.
    pub(super) fn shared(&self, own: &Stamp, older: Option<&Stamp>, now: EpochMillis) -> bool {
        self.joins_at.is_some_and(|at| at > now) || self.others(own, older).next().is_some()
    }
}

/// A count by the generic cell rate algorithm (see [`Rate`]) as a conditional write. Two forms, because DynamoDB knows no
/// maximum of two numbers: who owes something adds to that, who owes nothing begins now.
pub(super) struct Count {
    /// The attribute, with a `#`.
    pub(super) attribute: &'static str,
    pub(super) rate: Rate,
    /// Whether something is owed, as far as that is known.
    pub(super) owes: bool,
    pub(super) now: EpochMillis,
}

impl Count {
    /// What is assigned to the attribute.
    pub(super) fn debt(&self) -> String {
        if self.owes { format!("{} + :interval", self.attribute) } else { ":next".to_owned() }
    }

    /// The condition.
    pub(super) fn in_time(&self) -> String {
        let Self { attribute, owes, .. } = self;
        if *owes {
            format!("{attribute} <= :latest")
        } else {
            format!("(attribute_not_exists({attribute}) OR {attribute} <= :now)")
        }
    }

    /// Binds what the two name.
    pub(super) fn bind(&self, write: Write) -> Write {
        let interval = u64::try_from(self.rate.interval().as_millis()).unwrap_or(u64::MAX);
        if self.owes {
            write.bind(":interval", interval).bind(":latest", self.rate.latest(self.now))
        } else {
            write.bind(":next", self.now.plus(self.rate.interval())).bind(":now", self.now)
        }
    }
}

/// Of which of a person's doings there are not to be too many.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doing {
    /// Signals.
    Signals,
    /// Issues.
    Issues,
    /// Handshakes to other clients.
    Handshakes,
}

impl Store {
    /// What a person's account says, and which of its sockets have a place: one batched read, if it has any and may join.
    pub(super) async fn person(
        &self,
        person: &Person,
        account: Option<Account>,
        now: EpochMillis,
    ) -> Result<PersonSnapshot, Failure> {
        let Some(account) = account else { return Ok(PersonSnapshot::default()) };
        let mut snapshot = PersonSnapshot { joins_at: account.joins_at, open: Vec::new() };
        let over = account.sockets.is_empty() || account.expires_at.expired(now);
        if over || !snapshot.may_join(person, now) {
            return Ok(snapshot);
        }
        let rows = self.connections(&account.sockets).await?;
        let open = rows.into_iter().map(read_item).collect::<Result<Vec<Connection>, _>>()?;
        let own = |row: &Connection| row.identity.is_some() && row.person.as_ref() == Some(&person.id);
        snapshot.open.extend(open.into_iter().filter(own));
        Ok(snapshot)
    }

    /// Counts a join: the account is as it was seen.
    pub(super) fn count_join(
        &self,
        person: &Person,
        own: &Stamp,
        older: Option<&Stamp>,
        seen: &PersonSnapshot,
        now: EpochMillis,
    ) -> Write {
        let joins_at = seen.joins_at.map_or(now, |at| at.max(now)).plus(person.joins().interval());
        let others = seen.others(own, older).map(|row| &row.stamp.connection_id);
        let sockets: Vec<_> = others.chain([&own.connection_id]).collect();
        let key = room_key(Key::account(&person.id));
        let set = "SET #joinsAt = :joinsAt, #sockets = :sockets, #expiresAt = :lease";
        let write = Write::update(&self.rooms, key, set)
            .bind(":joinsAt", joins_at)
            .bind(":sockets", sockets)
            .bind(":lease", now.plus(CONNECTION_LEASE).seconds());
        match seen.joins_at {
            None => write.when("attribute_not_exists(#joinsAt)"),
            Some(at) => write.when("#joinsAt = :seen").bind(":seen", at),
        }
    }

    /// Has a socket's signals counted at its person's account. It may be gone, or another's, by now.
    pub(super) fn share(&self, row: &Connection, person: &PersonId) -> Write {
        Write::update(&self.connections, connection_key(&row.stamp.connection_id), "SET #shared = :yes")
            .when("#person = :person")
            .bind(":yes", true)
            .bind(":person", person)
            .optional()
    }

    /// Counts something at a person's account; `false` if that is too much.
    ///
    /// Race: it may do the same on several sockets at once. Each write is conditioned on the rate as the others left it;
    /// one that finds it changed looks again.
    pub(super) async fn count(
        &self,
        person: &PersonId,
        doing: Doing,
        rate: Rate,
        now: EpochMillis,
    ) -> Result<bool, Failure> {
        let attribute = match doing {
            Doing::Signals => "#signalsAt",
            Doing::Issues => "#issuesAt",
            Doing::Handshakes => "#handshakesAt",
        };
        let mut owes = false;
        for _ in 0..ROUNDS {
            let count = Count { attribute, rate, owes, now };
            let set = format!("SET {attribute} = {}, #expiresAt = :lease", count.debt());
            let write = Write::update(&self.rooms, room_key(Key::account(person)), set)
                .when(count.in_time())
                .bind(":lease", now.plus(CONNECTION_LEASE).seconds());
            let account: Account = match self.update(count.bind(write)).await? {
                Updated::Done(account) => {
                    let _: Account = account;
                    return Ok(true);
                }
                Updated::Refused(None) => continue,
                Updated::Refused(Some(account)) => account,
            };
            let at = match doing {
                Doing::Signals => account.signals_at,
                Doing::Issues => account.issues_at,
                Doing::Handshakes => account.handshakes_at,
            };
            if at.is_some_and(|at| at > rate.latest(now)) {
                return Ok(false);
            }
            owes = at.is_some_and(|at| at > now);
        }
        Err(Self::lost_every_round("account"))
    }
}
