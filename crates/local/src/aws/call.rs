//! A call of an AWS service.

use std::time::Duration;

use bytes::Bytes;

use crate::events::{Event, Events, Kind as EventKind};
use crate::faults::{Faults, Kind, Struck};

/// How long a call without an answer is kept waiting.
pub(crate) const NO_ANSWER: Duration = Duration::from_mins(1);

/// A call as a service sees it.
pub(crate) struct Called<'a> {
    pub(crate) events: &'a Events,
    pub(crate) faults: &'a Faults,
    /// The calling function, when it is one.
    pub(crate) function: Option<&'a str>,
    pub(crate) operation: &'a str,
    pub(crate) body: &'a Bytes,
}

impl Called<'_> {
    /// The fault of a kind that strikes this call; `text` describes it for the event.
    pub(crate) fn struck<K: Kind>(
        &self,
        site: &K::Site,
        text: impl FnOnce(&K) -> String,
    ) -> Option<Struck<K>> {
        let struck = self.faults.take::<K>(self.function, site)?;
        let text = format!("{}: {}", self.operation, text(&struck.fault));
        self.emit(Event::new(EventKind::Fault).route(K::NAME).text(text));
        Some(struck)
    }

    /// Emits an event of the calling function.
    pub(crate) fn emit(&self, event: Event) {
        self.events.emit(match self.function {
            Some(function) => event.function(function),
            None => event,
        });
    }
}
