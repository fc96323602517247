//! Several conditional writes at once: all of them or none. Each is named, so that a refusal is looked up by what it is
//! about and not by where it stands.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;
use serde::de::DeserializeOwned;

use super::retry::{Pauses, is_transient};
use super::tables::{Item, Store};
use super::write::{Write, read_item};
use crate::failure::Failure;

const TRANSACT: &str = "dynamodb:TransactWriteItems";

/// What a write of a transaction is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The row of the connection that acts.
    Connection,
    /// The account of its person.
    Account,
    /// Another connection of its person.
    OtherConnection,
    /// The row of the connection that loses its place to it.
    OlderConnection,
    /// The room that is entered, served, claimed or closed.
    Room,
    /// The room that a claimant had before.
    PreviousRoom,
    /// The session that is entered, left or claims.
    Session,
    /// The session's mute.
    Mute,
    /// A place in a room: a member's or the SFU's.
    Place,
    /// A member's place that is held for it.
    Held,
    /// What was kept for a member while it was away.
    Mailbox,
    /// The place that an SFU moves to when a session claims it.
    NewPlace,
    /// The path that claims a room, or has one.
    Path,
    /// An unclaimed room's entry in the pool.
    PoolEntry,
    /// A pending room's entry in the pool.
    Pending,
    /// A room's slot.
    Slot,
    /// What the room is to be told of it.
    Owed,
    /// The count of refills.
    Refills,
    /// Another room that must stay warm.
    RequiredWarm,
}

/// Writes that belong together.
pub(super) struct Transaction(Vec<(Part, Write)>);

/// What a transaction came to.
#[must_use]
pub(super) enum Transacted {
    /// All of it was written.
    Done,
    /// None of it: conditions failed.
    Refused(Refusals),
}

/// Which conditions of a transaction failed, and what stood there.
pub(super) struct Refusals(Vec<Refused>);

struct Refused {
    part: Part,
    /// Which of the transaction's writes it is.
    at: usize,
    optional: bool,
    item: Option<Item>,
}

impl Transaction {
    /// Takes the first writes.
    pub(super) fn of(writes: impl IntoIterator<Item = (Part, Write)>) -> Self {
        Self(writes.into_iter().collect())
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a write.
    pub(super) fn add(&mut self, part: Part, write: Write) {
        self.0.push((part, write));
    }

    #[cfg(test)]
    pub(super) fn append(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        self.0.iter().map(|(part, _)| *part)
    }

    /// The refusals among DynamoDB's reasons: it gives one for each write, in their order.
    pub(super) fn refusals(&self, reasons: &[CancellationReason]) -> Refusals {
        let refused = reasons.iter().zip(&self.0).enumerate();
        let refused = refused.filter(|(_, (reason, _))| reason.code() == Some("ConditionalCheckFailed"));
        let refused = refused.map(|(at, (reason, (part, write)))| Refused {
            part: *part,
            at,
            optional: write.optional,
            item: reason.item().cloned(),
        });
        Refusals(refused.collect())
    }

    /// Goes on without the optional writes that were refused; `false` if one that is not optional was.
    fn drop_optional(&mut self, refusals: &Refusals) -> bool {
        let droppable = refusals.0.iter().all(|refused| refused.optional);
        if droppable {
            let mut at = 0..;
            self.0.retain(|_| at.next().is_some_and(|at| refusals.0.iter().all(|refused| refused.at != at)));
        }
        droppable
    }
}

impl Refusals {
    /// Whether the condition of this write failed.
    pub(super) fn refused(&self, part: Part) -> bool {
        self.0.iter().any(|refused| refused.part == part)
    }

    /// Whether the condition of this write, and of no other, failed.
    pub(super) fn only(&self, part: Part) -> bool {
        self.0.iter().all(|refused| refused.part == part)
    }

    /// What stood where this write was refused; `None` if nothing did.
    pub(super) fn held<T: DeserializeOwned>(&self, part: Part) -> Result<Option<T>, Failure> {
        let held = self.0.iter().find(|refused| refused.part == part);
        held.and_then(|refused| refused.item.clone()).map(read_item).transpose()
    }
}

impl Store {
    /// Writes all of it or nothing. A conflict with another write is tried again, within the patience of `pauses`.
    pub(super) async fn transact(
        &self,
        mut transaction: Transaction,
        pauses: &mut Pauses,
    ) -> Result<Transacted, Failure> {
        if let Some(failure) = transaction.0.iter_mut().find_map(|(_, write)| write.unbound.take()) {
            return Err(failure);
        }
        loop {
            let items: Result<Vec<_>, _> =
                transaction.0.iter().map(|(_, write)| write.to_transact_item()).collect();
            let items = items.map_err(|error| Failure::new(TRANSACT, error.to_string()))?;
            let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await
            else {
                return Ok(Transacted::Done);
            };
            let transient = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let reasons = cancelled.cancellation_reasons();
                    if reasons.iter().any(|reason| is_transient(reason.code())) {
                        true
                    } else {
                        let refusals = transaction.refusals(reasons);
                        if refusals.0.is_empty() {
                            return Err(Failure::of_sdk(TRANSACT, &error));
                        }
                        if !transaction.drop_optional(&refusals) {
                            return Ok(Transacted::Refused(refusals));
                        }
                        continue;
                    }
                }
                Some(other) => is_transient(other.code()),
                None => false,
            };
            let failure = Failure::of_sdk(TRANSACT, &error);
            if !transient {
                return Err(failure);
            }
            if !pauses.pause().await {
                return Err(failure.contended());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write::connection_key;
    use model::id::ConnectionId;

    fn write(id: &str) -> Write {
        Write::delete("connections", connection_key(&ConnectionId::new(id.into())))
            .when("attribute_exists(#pk)")
    }

    #[test]
    fn only_the_optional_writes_that_were_refused_are_dropped() {
        let three = || {
            Transaction::of([
                (Part::OtherConnection, write("a").optional()),
                (Part::OtherConnection, write("b").optional()),
                (Part::OtherConnection, write("c")),
            ])
        };
        let reason = |refused: bool| {
            let code = if refused { "ConditionalCheckFailed" } else { "None" };
            CancellationReason::builder().code(code).build()
        };
        for (refused, left) in
            [([true, false, false], Some(2)), ([true, true, false], Some(1)), ([true, false, true], None)]
        {
            let mut writes = three();
            let refusals = writes.refusals(&refused.map(reason));
            let dropped = writes.drop_optional(&refusals);
            assert_eq!(dropped.then_some(writes.0.len()), left, "{refused:?}");
        }
    }
}
